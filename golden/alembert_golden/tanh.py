"""The hyperbolic tangent in fixed point, exact in integers: a chord of |x|, with x's sign."""

from __future__ import annotations

import numpy as np
from alembert.config import Rounding
from alembert.config.tanh import TanhConfig
from numpy.typing import ArrayLike, NDArray

from .fixed import rounding_shift_right
from .interpolation import chord

__all__ = ["tanh"]


def tanh(values: ArrayLike, config: TanhConfig) -> NDArray[np.int64]:
    """sign(x)·t(|x|), t rounded half up; within 3/2 units of the last place of tanh(x).

    Parameters
    ----------
    values : array of int64
        x with ``config.fraction`` fraction bits, in ``config.width`` signed bits; any shape.

    Raises
    ------
    ValueError
        A value lies outside its range.
    """
    values = np.asarray(values, dtype=np.int64)
    low, high = config.min_value, config.max_value
    if values.size and (values.min() < low or values.max() > high):
        raise ValueError(
            f"tanh input must be between {low} and {high}, not {values.min()}…{values.max()}"
        )
    magnitude, end = np.abs(values), 1 << (config.fraction + config.domain_log2)
    base, offset = chord(config.table, np.minimum(magnitude, end - 1), config.position_width)
    point = (base << config.position_width) + offset
    bound = rounding_shift_right(
        point, config.position_width + config.GUARD_WIDTH, Rounding.HALF_UP
    )
    return np.sign(values) * np.where(magnitude >= end, 1 << config.fraction, bound)
