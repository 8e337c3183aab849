"""Integer primitives: rounding right shift and overflow, for arrays of int64."""

from __future__ import annotations

import numpy as np
from alembert.config import Overflow, Rounding
from numpy.typing import ArrayLike, NDArray

__all__ = ["narrowing_shift_right", "overflow", "rounding_shift_right"]


def rounding_shift_right(
    value: ArrayLike, shift: ArrayLike, rounding: Rounding
) -> NDArray[np.int64]:
    """value / 2^shift, rounded to an integer as ``rounding`` says.

    Parameters
    ----------
    value : array of int64
        Any shape; |value| < 2^62.
    shift : array of int
        0…62, broadcast against ``value``.

    Raises
    ------
    ValueError
        A shift lies outside 0…62.
    """
    value = np.asarray(value, dtype=np.int64)
    shift = np.asarray(shift, dtype=np.int64)
    if shift.size and (shift.min() < 0 or shift.max() > 62):
        raise ValueError(f"shift must be between 0 and 62, not {shift.min()}…{shift.max()}")
    floor = value >> shift
    rest = value - (floor << shift)
    # rest ≥ half, written without halves so that shift = 0 needs no case of its own
    above = 2 * rest > (np.int64(1) << shift)
    tie = 2 * rest == (np.int64(1) << shift)
    match rounding:
        case Rounding.FLOOR:
            return floor
        case Rounding.TOWARD_ZERO:
            return floor + ((value < 0) & (rest != 0))
        case Rounding.HALF_UP:
            return floor + (above | tie)
        case Rounding.HALF_AWAY:
            return floor + (above | (tie & (value >= 0)))
        case Rounding.HALF_EVEN:
            return floor + (above | (tie & (floor & 1 == 1)))


def narrowing_shift_right(
    value: ArrayLike, shift: ArrayLike, width: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """⌊value / 2^shift⌋ with its lowest bit set if anything fell out, and whether it is too wide.

    Parameters
    ----------
    value : array of int64
        Any shape; |value| < 2^62.
    shift : array of int
        0…62, broadcast against ``value``.
    width : int
        Signed bits the result should fit.

    Raises
    ------
    ValueError
        A shift lies outside 0…62, or the width outside 1…63.
    """
    value = np.asarray(value, dtype=np.int64)
    shift = np.asarray(shift, dtype=np.int64)
    floor = rounding_shift_right(value, shift, Rounding.FLOOR)
    jammed = floor | (value != floor << shift)
    return jammed, overflow(jammed, width, Overflow.SATURATE) != jammed


def overflow(value: ArrayLike, width: int, mode: Overflow) -> NDArray[np.int64]:
    """``value`` brought into a signed integer of ``width`` bits.

    Raises
    ------
    ValueError
        The width lies outside 1…63.
    """
    if not 1 <= width <= 63:
        raise ValueError(f"width must be between 1 and 63, not {width}")
    value = np.asarray(value, dtype=np.int64)
    half = np.int64(1) << np.int64(width - 1)
    match mode:
        case Overflow.SATURATE:
            return np.clip(value, -half, half - 1)
        case Overflow.WRAP:
            return ((value + half) & (2 * half - 1)) - half
