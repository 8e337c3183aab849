"""Number formats side by side: every scheme takes values and gives codes that know their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import numpy as np
from alembert.config import AdaptivFloatFormat
from alembert_golden import adaptivfloat, ternary
from numpy.typing import ArrayLike, NDArray

from .checks import finite_array
from .granularity import Granularity, PerChannel, PerGroup, PerTensor, PerToken
from .narrow_floats import BF16, FP16, Beyond, NarrowFloat, decode_float, encode_float
from .quantised import Quantised
from .uniform import Codes, Uniform, quantise_uniform

__all__ = [
    "SCHEMES",
    "AdaptivFloatCodes",
    "AdaptivFloatScheme",
    "Coded",
    "NarrowFloatCodes",
    "NarrowFloatScheme",
    "Scheme",
    "TernaryScheme",
    "UniformScheme",
]

Float64 = NDArray[np.float64]


class Coded(Protocol):
    """A tensor in codes."""

    @property
    def codes(self) -> NDArray:
        """Integers of the tensor's shape."""
        ...

    @property
    def values(self) -> Float64:
        """What they stand for."""
        ...


class Scheme(Protocol):
    """A way to put a tensor into codes."""

    @property
    def width(self) -> int:
        """Bits of a code; scales, biases and zero points come on top."""
        ...

    def quantise(self, values: ArrayLike) -> Coded:
        """A tensor in codes; NaN is a ValueError."""
        ...


@dataclass(frozen=True, kw_only=True)
class NarrowFloatCodes:
    """Bit patterns of FP16 or BF16."""

    codes: NDArray[np.uint16]
    fmt: NarrowFloat

    @property
    def values(self) -> Float64:
        return decode_float(self.codes, self.fmt)


@dataclass(frozen=True, kw_only=True)
class NarrowFloatScheme:
    """IEEE floats of 16 bits: no scale at all."""

    fmt: NarrowFloat
    beyond: Beyond = Beyond.INFINITY

    @property
    def width(self) -> int:
        return self.fmt.width

    def quantise(self, values: ArrayLike) -> NarrowFloatCodes:
        return NarrowFloatCodes(codes=encode_float(values, self.fmt, self.beyond), fmt=self.fmt)


@dataclass(frozen=True, kw_only=True)
class AdaptivFloatCodes:
    """Bit patterns of AdaptivFloat, and the tensor's exponent bias."""

    codes: NDArray[np.int64]
    bias: int
    fmt: AdaptivFloatFormat

    @property
    def values(self) -> Float64:
        return adaptivfloat.decode(self.codes, self.bias, self.fmt)


@dataclass(frozen=True, kw_only=True)
class AdaptivFloatScheme:
    """AdaptivFloat<n,e> at each tensor's own bias: :mod:`alembert_golden.adaptivfloat`."""

    fmt: AdaptivFloatFormat = field(default_factory=AdaptivFloatFormat)

    @property
    def width(self) -> int:
        return self.fmt.width

    def quantise(self, values: ArrayLike) -> AdaptivFloatCodes:
        bias = adaptivfloat.bias_of_tensor(values, self.fmt)
        codes = adaptivfloat.encode(values, bias, self.fmt)
        return AdaptivFloatCodes(codes=codes, bias=bias, fmt=self.fmt)


@dataclass(frozen=True, kw_only=True)
class UniformScheme:
    """Affine integers; the range is each tensor's own, or given."""

    grid: Uniform = field(default_factory=Uniform)
    granularity: Granularity = field(default_factory=PerTensor)
    clip: tuple[float, float] | None = None

    @property
    def width(self) -> int:
        return self.grid.width

    def quantise(self, values: ArrayLike) -> Quantised:
        return quantise_uniform(values, self.grid, self.granularity, clip=self.clip)


@dataclass(frozen=True, kw_only=True)
class TernaryScheme:
    """−1, 0, +1 by absmean, one scale a tensor: :func:`alembert_golden.ternary.absmean`."""

    @property
    def width(self) -> int:
        return 2

    def quantise(self, values: ArrayLike) -> Quantised:
        codes, scale = ternary.absmean(finite_array(values))
        return Quantised(
            codes=codes.astype(np.int64),
            scale=np.asarray(scale),
            zero=np.zeros((), dtype=np.int64),
        )


def _schemes() -> dict[str, Scheme]:
    int4, int8 = Uniform(width=4), Uniform()
    asymmetric = Uniform(codes=Codes.UNSIGNED, symmetric=False)
    return {
        "fp16": NarrowFloatScheme(fmt=FP16),
        "bf16": NarrowFloatScheme(fmt=BF16),
        "adaptivfloat8_3": AdaptivFloatScheme(),
        "int8": UniformScheme(grid=int8),
        "int8_channel": UniformScheme(grid=int8, granularity=PerChannel(axis=-1)),
        "int8_token": UniformScheme(grid=int8, granularity=PerToken()),
        "uint8_asymmetric": UniformScheme(grid=asymmetric),
        "int4_channel": UniformScheme(grid=int4, granularity=PerChannel(axis=-1)),
        "int4_group32": UniformScheme(grid=int4, granularity=PerGroup(size=32, axis=0)),
        "ternary": TernaryScheme(),
    }


SCHEMES: Mapping[str, Scheme] = MappingProxyType(_schemes())
"""By name, for sweeps over weights [K, N] or activations [M, K]."""
