"""Where a right shift's rounding and saturation change."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["shift_corners"]


def shift_corners(
    width: int, out_width: int, shifts: Iterable[int], *, aside: int = 1
) -> list[tuple[int, int]]:
    """(value, shift): ties of both parities and signs, ends of the results' and values' ranges.

    Parameters
    ----------
    width, out_width : int
        Signed bits of values and results.
    shifts : iterable of int
        The shifts.
    aside : int
        How far to go to either side of each corner.
    """
    half, limit = 1 << (width - 1), 1 << (out_width - 1)
    doubled = [0, 1, 2, 3, 5, -1, -2, -3, -5]  # in halves of a result
    doubled += [2 * limit - k for k in (3, 2, 1, 0)] + [k - 2 * limit for k in (-2, -1, 0, 1)]
    vectors = []
    for shift in shifts:
        exact = [target << shift >> 1 for target in doubled]
        values = {value + k for value in exact for k in range(-aside, aside + 1)}
        values |= {half - 1, -half, 1 - half}
        vectors += [(value, shift) for value in sorted(values) if -half <= value < half]
    return vectors
