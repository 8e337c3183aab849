"""Tables of chords: a function between equally distant nodes, as integers.

decimal's ln and square root are correctly rounded by definition, and its power rests on them, so
that a table is the same on every machine; a platform's own libm need not be.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import pairwise

__all__ = ["PRECISE", "Interpolation", "falling_power", "nearest_int"]

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

    @classmethod
    def of(
        cls, function: Callable[[Decimal], Decimal], table_bits: int, fraction: int
    ) -> Interpolation:
        """The chords of a function between nodes correctly rounded to integers, ties to even.

        Parameters
        ----------
        function : callable
            Monotonic for f ∈ [0, 1]. Called within :data:`PRECISE`, so that its operators round
            to forty digits.
        table_bits : int
            log2 of the number of chords.
        fraction : int
            Fraction bits of ``base`` and ``step``.
        """
        num = 1 << table_bits
        with decimal.localcontext(PRECISE):
            nodes = [
                nearest_int(function(Decimal(i) / num) * (1 << fraction)) for i in range(num + 1)
            ]
        return cls.through(nodes)


@cache
def falling_power(table_bits: int, fraction: int) -> Interpolation:
    """2^−f for f ∈ [0, 1), as :meth:`Interpolation.of`; decreasing from 1 to ½."""
    return Interpolation.of(lambda f: 2**-f, table_bits, fraction)
