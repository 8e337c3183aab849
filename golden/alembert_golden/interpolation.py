"""A point on a table of chords, exact in integers: the step that interpolating units share."""

from __future__ import annotations

import numpy as np
from alembert.config.interpolation import Interpolation
from numpy.typing import ArrayLike, NDArray

__all__ = ["chord"]


def chord(
    table: Interpolation, argument: ArrayLike, position_bits: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(base, offset): where the argument's chord begins, and how far along it the argument lies.

    argument = i·2^p + u with 0 ≤ u < 2^p, p = ``position_bits``. The point is base[i] ±
    step[i]·u/2^p, + where the function rises and − where it falls. ``base`` is base[i], ``offset``
    is step[i]·u, p bits finer and exact: each unit rounds in a place of its own.

    Parameters
    ----------
    table : Interpolation
        The chords.
    argument : array of int64
        Any shape; 0…2^p times the number of chords − 1.
    position_bits : int
        p ≥ 0, bits of the position on a chord.

    Returns
    -------
    base : array of int64
        As ``argument``; in the table's scale.
    offset : array of int64
        As ``argument``; ≥ 0, at the table's scale times 2^p.

    Raises
    ------
    ValueError
        An argument lies on no chord.
    """
    argument = np.asarray(argument, dtype=np.int64)
    limit = (len(table.base) << position_bits) - 1
    if argument.size and (argument.min() < 0 or argument.max() > limit):
        raise ValueError(
            f"argument of the chords must be between 0 and {limit}, "
            f"not {argument.min()}…{argument.max()}"
        )
    index = argument >> position_bits
    position = argument & ((1 << position_bits) - 1)
    base = np.array(table.base, dtype=np.int64)[index]
    step = np.array(table.step, dtype=np.int64)[index]
    return base, step * position
