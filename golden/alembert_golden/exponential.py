"""e^−a for a ≥ 0, exact in integers: one multiplication by log2 e, a table of 2^−f, a shift."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from alembert.config import Rounding
from alembert.config.early_exit import EntropyConfig
from numpy.typing import ArrayLike, NDArray

from .fixed import rounding_shift_right
from .interpolation import chord

__all__ = ["exponential", "exponential_table"]


def exponential(distance: ArrayLike, config: EntropyConfig) -> NDArray[np.int64]:
    """e^−a as integers of ``config.EXP_FRACTION`` fraction bits; a = 0 gives exactly 1.

    e^−a = 2^−t with t = a·log2 e = n + f: a chord of 2^−f, shifted right by n and rounded to
    nearest, ties up, so that everything below 2^−(EXP_FRACTION + 1) is 0.

    Parameters
    ----------
    distance : array of int64
        a ≥ 0 with ``config.logit_fraction`` fraction bits, below 2^``config.shifted_width``.

    Raises
    ------
    ValueError
        A distance lies outside its range.
    """
    distance = np.asarray(distance, dtype=np.int64)
    limit = (1 << config.shifted_width) - 1
    if distance.size and (distance.min() < 0 or distance.max() > limit):
        raise ValueError(
            f"distance must be between 0 and {limit}, not {distance.min()}…{distance.max()}"
        )
    drop = config.logit_fraction + config.LOG2E_FRACTION - config.POWER_FRACTION
    power = rounding_shift_right(distance * config.log2e, drop, Rounding.HALF_UP)
    exponent = power >> config.POWER_FRACTION
    fraction = power & ((1 << config.POWER_FRACTION) - 1)
    base, offset = chord(config.exp_table, fraction, config.INTERPOLATION_BITS)
    fall = rounding_shift_right(offset, config.INTERPOLATION_BITS, Rounding.HALF_UP)
    significand = (base - fall) << (config.EXP_FRACTION - config.EXP_TABLE_FRACTION)
    return rounding_shift_right(significand, np.minimum(exponent, 62), Rounding.HALF_UP)


@lru_cache(maxsize=8)
def exponential_table(config: EntropyConfig) -> NDArray[np.int64]:
    """:func:`exponential` of every distance up to the first at and beyond which it stays 0.

    The last entry is 0, so that a distance clipped to the table's end gives the right result;
    whole test sets look e^−a up here.
    """
    table = exponential(np.arange(1 << config.distance_width), config)
    table.flags.writeable = False
    return table
