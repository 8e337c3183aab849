"""What number formats cost a model: its float32 reference, with tensors rounded on the way.

A study before there are integers: each tensor of a forward pass is rounded to what a machine would
keep of it, and the rest stays float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from alembert.config import AdaptivFloatFormat, IntegerFormat
from alembert_golden import adaptivfloat, integer
from numpy.typing import NDArray

from .layer import Tap
from .model import Model

__all__ = ["Codes", "FixedPoint", "Ranges", "quantise_weights", "rounding_tap"]

Float32 = NDArray[np.float32]


@dataclass
class Ranges:
    """A tap that changes nothing and remembers how large every tensor, and every channel, gets."""

    largest: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """max|x| by tensor; one number a channel (of the last axis) where there are always as many."""

    def __call__(self, name: str, tensor: Float32) -> Float32:
        """Widen the ranges of ``name``."""
        channels = np.abs(tensor).reshape(-1, tensor.shape[-1]).max(axis=0).astype(np.float64)
        known = self.largest.get(name)
        if known is None:
            self.largest[name] = channels
        elif known.shape == channels.shape:
            self.largest[name] = np.maximum(known, channels)
        else:  # as wide as the sequence: scores and probabilities have no channels
            self.largest[name] = np.array([max(known.max(), channels.max())])
        return tensor


@dataclass(frozen=True, kw_only=True)
class FixedPoint:
    """Signed fixed point whose lowest bit is the power of two that just covers the range.

    Parameters
    ----------
    width : int
        Bits, with the sign.
    """

    width: int = 16

    def round(self, tensor: Float32, largest: NDArray[np.float64]) -> Float32:
        """The tensor in this, ties to even, saturated."""
        limit = (1 << (self.width - 1)) - 1
        lsb = np.ldexp(1.0, int(np.frexp(largest.max())[1]) - (self.width - 1))
        codes = np.clip(np.rint(tensor / lsb), -limit - 1, limit)
        return (codes * lsb).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Codes:
    """The codes of a format, at a bias or scale chosen before from the range.

    Parameters
    ----------
    fmt : AdaptivFloatFormat or IntegerFormat
        The format.
    per_channel : bool
        AdaptivFloat only: each channel is multiplied by the power of two that brings its range
        to the tensor's before it is encoded, at most 2^``most``; the weights that read it are
        divided by it, which is exact. An array's encoder has an exponent for every channel, so
        that this costs nothing.
    most : int
        Largest exponent of a channel's power of two.
    """

    fmt: AdaptivFloatFormat | IntegerFormat
    per_channel: bool = False
    most: int = 4

    def round(self, tensor: Float32, largest: NDArray[np.float64]) -> Float32:
        """What the codes of the tensor stand for."""
        if isinstance(self.fmt, IntegerFormat):
            scale = integer.absmax_scale(largest, self.fmt)
            codes = integer.quantise(tensor, scale, self.fmt)
            return integer.dequantise(codes, scale).astype(np.float32)
        bias = adaptivfloat.bias_of_tensor(largest, self.fmt)
        if not self.per_channel:
            return _in_adaptivfloat(tensor, bias, self.fmt)
        room = np.frexp(largest.max())[1] - np.frexp(np.maximum(largest, 1e-30))[1]
        lift = np.clip(room, 0, self.most)
        return np.ldexp(_in_adaptivfloat(np.ldexp(tensor, lift), bias, self.fmt), -lift)


def rounding_tap(rules: Mapping[str, Codes | FixedPoint], ranges: Ranges) -> Tap:
    """A tap that rounds the tensors named in ``rules`` and leaves the others alone.

    Raises
    ------
    ValueError
        A tensor that is to be rounded was never seen by ``ranges``.
    """
    unknown = sorted(rules.keys() - ranges.largest.keys())
    if unknown:
        raise ValueError(f"ranges lack {', '.join(unknown)}")

    def tap(name: str, tensor: Float32) -> Float32:
        rule = rules.get(name)
        return tensor if rule is None else rule.round(tensor, ranges.largest[name])

    return tap


def quantise_weights(
    model: Model, fmt: AdaptivFloatFormat | IntegerFormat, *, per_channel: bool = True
) -> Model:
    """The model with its matrices rounded to ``fmt``; biases and normalisations are left alone.

    Parameters
    ----------
    per_channel : bool
        A bias or scale for each output channel (a row), otherwise one a matrix.
    """

    def rounded(name: str, tensor: Float32) -> Float32:
        if tensor.ndim != 2:
            return tensor
        blocks = tensor if per_channel else tensor[np.newaxis]
        largest = np.abs(blocks).reshape(len(blocks), -1).max(axis=1)
        rule = Codes(fmt=fmt)
        return np.stack(
            [rule.round(block, np.array([m])) for block, m in zip(blocks, largest)]
        ).reshape(tensor.shape)

    return model.map_tensors(rounded)


def _in_adaptivfloat(tensor: NDArray, bias: int, fmt: AdaptivFloatFormat) -> Float32:
    return adaptivfloat.decode(adaptivfloat.encode(tensor, bias, fmt), bias, fmt).astype(np.float32)
