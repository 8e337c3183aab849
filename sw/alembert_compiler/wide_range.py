"""How far wide numbers, 16 bits of fixed point, shall reach: fraction bits and shifts."""

from __future__ import annotations

import math

__all__ = ["MARGIN", "octave", "range_shift", "wide_fraction_of"]

MARGIN = 1.25
"""By how much an unseen value may exceed the largest seen before it saturates."""


def octave(value: float) -> int:
    """The least e with value < 2^e; small for 0."""
    return math.frexp(value)[1] if value > 0 else -64


def wide_fraction_of(largest: float) -> int:
    """Most fraction bits at which a wide number as large fits with a margin; 24 at most."""
    return min(15 - octave(largest * MARGIN), 24)


def range_shift(largest: float, fraction: int, most: int) -> int:
    """How many of its fraction bits a wide number gives up to fit: the ``a_shift`` of its reader.

    None as long as what was seen fits; otherwise as many as an unseen value of a margin more takes.
    At ``most`` bits, what is larger saturates.
    """
    if largest < math.ldexp(1, 15 - fraction):
        return 0
    return min(fraction - wide_fraction_of(largest), most)
