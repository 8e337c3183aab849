"""ln S for S ≥ 1, exact in integers: normalise, a table of ln(1 + f), and k times ln 2."""

from __future__ import annotations

import numpy as np
from alembert.config import Rounding
from alembert.config.early_exit import EntropyConfig
from numpy.typing import ArrayLike, NDArray

from .fixed import rounding_shift_right
from .interpolation import chord

__all__ = ["logarithm"]


def logarithm(value: ArrayLike, config: EntropyConfig) -> NDArray[np.int64]:
    """ln S as integers of ``config.ENTROPY_FRACTION`` fraction bits; S = 1 gives exactly 0.

    S = 2^k·(1 + f): f is cut to ``TABLE_BITS`` + ``INTERPOLATION_BITS`` bits, ln(1 + f) is a point
    of a chord, and k·ln 2 is added; the sum is rounded to nearest, ties up, once.

    Parameters
    ----------
    value : array of int64
        S with ``config.EXP_FRACTION`` fraction bits, 1…``config.max_classes``.

    Raises
    ------
    ValueError
        A value lies outside its range.
    """
    value = np.asarray(value, dtype=np.int64)
    low, high = 1 << config.EXP_FRACTION, config.max_classes << config.EXP_FRACTION
    if value.size and (value.min() < low or value.max() > high):
        raise ValueError(
            f"argument of the logarithm must be between {low} and {high}, "
            f"not {value.min()}…{value.max()}"
        )
    # values have at most 37 bits: exact in float64, hence floor(log2) is exact too
    octave = np.frexp(value.astype(np.float64))[1].astype(np.int64) - 1 - config.EXP_FRACTION
    kept = config.TABLE_BITS + config.INTERPOLATION_BITS
    fraction = (value >> (config.EXP_FRACTION + octave - kept)) & ((1 << kept) - 1)
    base, offset = chord(config.log_table, fraction, config.INTERPOLATION_BITS)
    rise = rounding_shift_right(offset, config.INTERPOLATION_BITS, Rounding.HALF_UP)
    total = octave * config.ln2 + base + rise
    drop = config.LOG_TABLE_FRACTION - config.ENTROPY_FRACTION
    return rounding_shift_right(total, drop, Rounding.HALF_UP)
