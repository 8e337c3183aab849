"""Tables of chords: a function between equally distant nodes, as integers.

decimal's ln, exp and power are correctly rounded by definition, so that a table is the same on
every machine; a platform's own libm need not be.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

__all__ = ["PRECISE", "Interpolation", "nearest_int"]

PRECISE = decimal.Context(prec=40)
"""Forty digits, round half to even."""


def nearest_int(value: Decimal) -> int:
    """The nearest integer, ties to even."""
    return int(value.to_integral_value(decimal.ROUND_HALF_EVEN))


@dataclass(frozen=True)
class Interpolation:
    """A monotonic function as 2^table_bits chords.

    Parameters
    ----------
    base : tuple of int
        The function's value at the left end of every chord.
    step : tuple of int
        |value at the right end − value at the left end| of every chord.
    """

    base: tuple[int, ...]
    step: tuple[int, ...]

    @classmethod
    def through(cls, nodes: Sequence[int]) -> Interpolation:
        """The chords between neighbouring nodes, one fewer than there are nodes."""
        step = tuple(abs(right - left) for left, right in pairwise(nodes))
        return cls(base=tuple(nodes[:-1]), step=step)
