"""Post-processing of accumulators: per-channel bias, ReLU, then a code or a wide number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alembert.config import (
    AdaptivFloatFormat,
    IntegerFormat,
    Overflow,
    VmacArrayConfig,
)
from numpy.typing import ArrayLike, NDArray

from .adaptivfloat import encode_fixed
from .fixed import overflow
from .scaler import scale

__all__ = ["ChannelParameters", "biased", "postprocess"]


@dataclass(frozen=True, kw_only=True)
class ChannelParameters:
    """What each of N output channels does with its accumulator.

    Parameters
    ----------
    bias : array of int64, [N]
        Added to the accumulator, at its scale; fits the accumulator.
    relu : array of bool, [N]
        Negative sums become 0.
    wide : array of bool, [N]
        Results are signed fixed point of 16 bits, not codes.
    multiplier : array of int64, [N]
        INT8 results: unsigned 32 bits.
    shift : array of int64, [N]
        INT8 results: 0…63.
    exponent : array of int64, [N]
        AdaptivFloat results: b_a + b_w − m_a − m_w − b_out, signed 10 bits. Wide ones: how far
        they are shifted right, 0…63.
    """

    bias: NDArray[np.int64]
    relu: NDArray[np.bool_]
    wide: NDArray[np.bool_]
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
        wide: ArrayLike = False,
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
            wide=each(wide, np.bool_),
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
        largest_shift = (1 << config.SHIFT_WIDTH) - 1
        for name, values, low, high in (
            ("bias", self.bias, -half, half - 1),
            ("multiplier", self.multiplier, 0, (1 << config.MULTIPLIER_WIDTH) - 1),
            ("shift", self.shift, 0, largest_shift),
            ("exponent", self.exponent, -exponent_half, exponent_half - 1),
            ("exponent of wide results", self.exponent[self.wide], 0, largest_shift),
        ):
            if values.size and (values.min() < low or values.max() > high):
                raise ValueError(
                    f"channel {name} must be between {low} and {high}, "
                    f"not {values.min()}…{values.max()}"
                )


def biased(sums: ArrayLike, parameters: ChannelParameters) -> NDArray[np.int64]:
    """Accumulators [..., N] with their channels' biases, after ReLU."""
    total = np.asarray(sums, dtype=np.int64) + parameters.bias
    return np.where(parameters.relu & (total < 0), 0, total)


def postprocess(
    sums: ArrayLike, parameters: ChannelParameters, config: VmacArrayConfig
) -> NDArray[np.int64]:
    """Results of accumulators [M, N]: wide numbers, and codes as the format has them.

    With t = sum + bias, and t = max(t, 0) where ReLU is on:

    * INT8: saturate(t · multiplier / 2^shift), rounded to nearest, ties to even, in the bits of a
      code or of a wide number;
    * AdaptivFloat: the code of t · 2^exponent relative to the output bias;
    * AdaptivFloat, wide: saturate(t / 2^exponent), rounded to nearest, ties to even.
    """
    parameters.check(config)
    total = biased(sums, parameters)
    fmt, wide = config.vmac.pair.activation, parameters.wide
    if isinstance(fmt, AdaptivFloatFormat):
        results, shift = np.empty_like(total), parameters.exponent[wide]
        results[..., wide] = scale(total[..., wide], 1, shift, config.RESULT_WIDTH)
        results[..., ~wide] = encode_fixed(total[..., ~wide], parameters.exponent[~wide], fmt)
        return results
    assert isinstance(fmt, IntegerFormat)
    scaled = scale(total, parameters.multiplier, parameters.shift, config.RESULT_WIDTH)
    return np.where(wide, scaled, overflow(scaled, fmt.width, Overflow.SATURATE))
