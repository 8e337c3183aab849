"""Exact integer dot products to fixed point: weight scale times token scale.

With w the weight scale, the real value of an accumulator is acc · w · max · lsb / 127.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from alembert.config import Overflow, Rounding
from alembert.config.ternary import RescaleConfig
from numpy.typing import ArrayLike, NDArray

from .fixed import overflow, rounding_shift_right
from .scaler import scale

__all__ = ["rescale", "rescale_parameters", "token_scale"]


def rescale_parameters(
    weight_scale: float, activation_lsb: float, out_lsb: float, config: RescaleConfig
) -> tuple[int, int]:
    """(m, s) with m / 2^s ≈ weight_scale · activation_lsb / (127 · out_lsb): multiplier, shift.

    The multiplier is in 2^31…2^32 − 1 (relative error 2^−32) unless the shift would exceed 63.

    Parameters
    ----------
    weight_scale : float
        What a weight of +1 stands for.
    activation_lsb, out_lsb : float
        What an integer 1 stands for at the quantiser's input and at the rescaler's output.

    Raises
    ------
    ValueError
        A scale is not positive and finite, or their ratio leaves the hardware's range.
    """
    scales = {
        "weight scale": weight_scale,
        "activation lsb": activation_lsb,
        "output lsb": out_lsb,
    }
    for name, value in scales.items():
        if not 0.0 < value < np.inf:
            raise ValueError(f"{name} must be positive and finite, not {value}")
    ratio = Fraction(float(weight_scale)) * Fraction(float(activation_lsb)) / 127
    ratio /= Fraction(float(out_lsb))
    largest = (1 << config.MULTIPLIER_WIDTH) - 1
    shift = (1 << config.SHIFT_WIDTH) - 1
    while shift >= 0 and round(ratio * 2**shift) > largest:
        shift -= 1
    multiplier = round(ratio * 2 ** max(shift, 0))
    # the widest token scale, at max = 2^(max_width − 1), must not reach 2^scale_width
    widest = multiplier << (config.max_width - 1)
    if shift < 0 or multiplier == 0 or widest.bit_length() - config.scale_width > shift:
        raise ValueError(
            "weight scale · activation lsb / (127 · output lsb) must be between 2^-64 and "
            f"2^{config.scale_width - config.max_width + 1}, not {float(ratio)}"
        )
    return multiplier, shift


def token_scale(
    token_max: ArrayLike, multiplier: int, shift: int, config: RescaleConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(c, r) with c / 2^r ≈ multiplier · max / 2^shift, c of at most n significant bits.

    T = multiplier · max, e = max(0, bitlength(T) − n), c = round_half_up(T / 2^e) ≤ 2^n,
    r = shift − e; r < 0 is the fault SCALE_RANGE.
    """
    for name, value, width in (
        ("multiplier", multiplier, config.MULTIPLIER_WIDTH),
        ("shift", shift, config.SHIFT_WIDTH),
    ):
        if not 0 <= value < 1 << width:
            raise ValueError(
                f"rescale {name} must be between 0 and {(1 << width) - 1}, not {value}"
            )
    product = np.asarray(token_max, dtype=np.int64) * np.int64(multiplier)
    high = product >> 30
    bits = np.where(
        high > 0, np.frexp(high.astype(float))[1] + 30, np.frexp(product.astype(float))[1]
    ).astype(np.int64)
    excess = np.maximum(bits - config.scale_width, 0)
    return rounding_shift_right(product, excess, Rounding.HALF_UP), shift - excess


def rescale(
    accumulators: ArrayLike,
    token_max: ArrayLike,
    multiplier: int,
    shift: int,
    config: RescaleConfig,
) -> NDArray[np.int64]:
    """saturate(round_half_even(acc · c / 2^r)), with (c, r) of :func:`token_scale`.

    Where r < 0 the result is the limit of acc's sign, and 0 for acc = 0.

    Parameters
    ----------
    accumulators : array of int64, shape (…, N)
        ``config.accumulator_width`` signed bits.
    token_max : array of int64, shape (…)
        One a token.
    """
    accumulators = np.asarray(accumulators, dtype=np.int64)
    factor, right = token_scale(token_max, multiplier, shift, config)
    factor, right = factor[..., np.newaxis], right[..., np.newaxis]
    scaled = scale(accumulators, factor, np.maximum(right, 0), config.out_width)
    beyond = np.sign(accumulators) << np.int64(config.out_width)
    limit = overflow(beyond, config.out_width, Overflow.SATURATE)
    return np.where(right < 0, limit, scaled)
