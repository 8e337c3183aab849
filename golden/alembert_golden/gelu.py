"""GELU in fixed point, exact in integers: max(x, 0) less a chord of one even function."""

from __future__ import annotations

import numpy as np
from alembert.config import Rounding
from alembert.config.checks import require_between
from alembert.config.gelu import GeluConfig
from numpy.typing import ArrayLike, NDArray

from .fixed import rounding_shift_right

__all__ = ["gelu"]


def gelu(values: ArrayLike, config: GeluConfig, *, shift: int = 0) -> NDArray[np.int64]:
    """max(x, 0) − g(|x|), g rounded half up; within 3/2 units of the last place of gelu(x).

    With a shift, g is rounded a second time, half up, to the places that are left.

    Parameters
    ----------
    values : array of int64
        x with ``config.fraction`` − ``shift`` fraction bits, in ``config.width`` signed bits; any
        shape. Results have as many.
    shift : int
        Below 2^``config.shift_width``: for values that reach further than all their fraction bits
        leave room for.

    Raises
    ------
    ValueError
        A value or the shift lies outside its range.
    """
    require_between("shift of GELU", shift, 0, (1 << config.shift_width) - 1)
    values = np.asarray(values, dtype=np.int64)
    low, high = config.min_value, config.max_value
    if values.size and (values.min() < low or values.max() > high):
        raise ValueError(
            f"GELU input must be between {low} and {high}, not {values.min()}…{values.max()}"
        )
    magnitude = np.abs(values) << shift
    # one chord more, of zeros, stands for all beyond the table
    base = np.array((*config.table.base, 0), dtype=np.int64)
    step = np.array((*config.table.step, 0), dtype=np.int64)
    chord = np.minimum(magnitude >> config.position_width, len(base) - 1)
    position = magnitude & ((1 << config.position_width) - 1)
    lack = (base[chord] << config.position_width) + step[chord] * position
    lack = rounding_shift_right(lack, config.position_width + config.GUARD_WIDTH, Rounding.HALF_UP)
    return np.maximum(values, 0) - rounding_shift_right(lack, shift, Rounding.HALF_UP)
