"""Times a factor, shifted right, rounded and saturated."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from alembert.config import Overflow, Rounding
from numpy.typing import ArrayLike, NDArray

from .fixed import overflow, rounding_shift_right

__all__ = ["scale"]

_INT64_PRODUCT = 1 << 62


def scale(
    value: ArrayLike, factor: ArrayLike, shift: ArrayLike, out_width: int
) -> NDArray[np.int64]:
    """saturate(round_half_even(value · factor / 2^shift)) in ``out_width`` signed bits.

    Products of 2^62 and more are exact too, but one by one in Python's integers.

    Parameters
    ----------
    value : array of int64
        Any shape.
    factor : array of int
        Not negative, broadcast against ``value``.
    shift : array of int
        0…63, broadcast against ``value``.
    out_width : int
        1…63.

    Raises
    ------
    ValueError
        A factor is negative, a shift lies outside 0…63, or the width outside 1…63.
    """
    value, factor, shift = np.broadcast_arrays(
        *(np.asarray(given, dtype=np.int64) for given in (value, factor, shift))
    )
    if not value.size:
        return np.zeros_like(value)
    if factor.min() < 0:
        raise ValueError(f"factor must not be negative, not {factor.min()}")
    if shift.min() < 0 or shift.max() > 63:
        raise ValueError(f"shift must be between 0 and 63, not {shift.min()}…{shift.max()}")
    largest = max(int(value.max()), -int(value.min())) * int(factor.max())
    if largest >= _INT64_PRODUCT:
        half = 1 << (out_width - 1)
        scaled = [
            min(max(round(Fraction(int(v) * int(f), 1 << int(s))), -half), half - 1)
            for v, f, s in zip(value.flat, factor.flat, shift.flat)
        ]
        return np.array(scaled, dtype=np.int64).reshape(value.shape)
    # half of a product below 2^62, shifted by 62, is below a half and rounds to 0 just as well
    is_far = shift == 63
    rounded = rounding_shift_right((value * factor) >> is_far, shift - is_far, Rounding.HALF_EVEN)
    return overflow(rounded, out_width, Overflow.SATURATE)
