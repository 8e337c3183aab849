"""Post-processing of accumulators: per-channel bias, ReLU, requantisation or encoding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alembert.config import (
    AdaptivFloatFormat,
    IntegerFormat,
    VmacArrayConfig,
)
from numpy.typing import ArrayLike, NDArray

from .adaptivfloat import encode_fixed
from .scaler import scale

__all__ = ["ChannelParameters", "postprocess"]


@dataclass(frozen=True, kw_only=True)
class ChannelParameters:
    """What each of N output channels does with its accumulator.

    Parameters
    ----------
    bias : array of int64, [N]
        Added to the accumulator, at its scale; fits the accumulator.
    relu : array of bool, [N]
        Negative sums become 0.
    multiplier : array of int64, [N]
        INT8 results: unsigned 32 bits.
    shift : array of int64, [N]
        INT8 results: 0…63.
    exponent : array of int64, [N]
        AdaptivFloat results: b_a + b_w − m_a − m_w − b_out, signed 10 bits.
    """

    bias: NDArray[np.int64]
    relu: NDArray[np.bool_]
    multiplier: NDArray[np.int64]
    shift: NDArray[np.int64]
    exponent: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        channels: int,
        *,
        bias: ArrayLike = 0,
        relu: ArrayLike = False,
        multiplier: ArrayLike = 1,
        shift: ArrayLike = 0,
        exponent: ArrayLike = 0,
    ) -> ChannelParameters:
        """Parameters of ``channels`` channels; scalars are the same for all."""

        def each(value: ArrayLike, dtype: type) -> NDArray:
            return np.broadcast_to(np.asarray(value, dtype=dtype), (channels,))

        return cls(
            bias=each(bias, np.int64),
            relu=each(relu, np.bool_),
            multiplier=each(multiplier, np.int64),
            shift=each(shift, np.int64),
            exponent=each(exponent, np.int64),
        )

    def check(self, config: VmacArrayConfig) -> None:
        """Refuse what the registers do not hold.

        Raises
        ------
        ValueError
            A field is out of its range.
        """
        half = 1 << (config.vmac.accumulator_width - 1)
        exponent_half = 1 << (config.EXPONENT_WIDTH - 1)
        for name, values, low, high in (
            ("bias", self.bias, -half, half - 1),
            ("multiplier", self.multiplier, 0, (1 << config.MULTIPLIER_WIDTH) - 1),
            ("shift", self.shift, 0, (1 << config.SHIFT_WIDTH) - 1),
            ("exponent", self.exponent, -exponent_half, exponent_half - 1),
        ):
            if values.size and (values.min() < low or values.max() > high):
                raise ValueError(
                    f"channel {name} must be between {low} and {high}, "
                    f"not {values.min()}…{values.max()}"
                )


def postprocess(
    sums: ArrayLike, parameters: ChannelParameters, config: VmacArrayConfig
) -> NDArray[np.int64]:
    """Result codes of accumulators [M, N].

    With t = sum + bias, and t = max(t, 0) where ReLU is on:

    * INT8: saturate(t · multiplier / 2^shift), rounded to nearest, ties to even;
    * AdaptivFloat: the code of t · 2^exponent relative to the output bias.
    """
    parameters.check(config)
    total = np.asarray(sums, dtype=np.int64) + parameters.bias
    total = np.where(parameters.relu & (total < 0), 0, total)
    fmt = config.vmac.pair.activation
    if isinstance(fmt, AdaptivFloatFormat):
        return encode_fixed(total, parameters.exponent, fmt)
    assert isinstance(fmt, IntegerFormat)
    return scale(total, parameters.multiplier, parameters.shift, fmt.width)
