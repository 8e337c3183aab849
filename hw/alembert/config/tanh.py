"""The hyperbolic tangent's parameters and its table, by decimal arithmetic."""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import ClassVar

from .checks import require_between
from .interpolation import PRECISE, Interpolation

__all__ = ["TanhConfig", "tanh_of"]


@dataclass(frozen=True, kw_only=True)
class TanhConfig:
    """Lanes and fixed-point format of a hyperbolic tangent.

    tanh is odd, so that one table of tanh(a), a = |x|, serves both signs. It holds tanh at
    distances of 2^−``pieces_log2``, just fine enough for an error of the chords below one unit of
    the last place, and ends where tanh is 1.

    Parameters
    ----------
    lanes : int
        V, values a beat, 1…64.
    width : int
        Bits of a signed value, 8…20.
    fraction : int
        F, its fraction bits, 4…15 and below ``width``.

    Raises
    ------
    TypeError
        A number is not an int.
    ValueError
        A field is out of its range.
    """

    lanes: int = 8
    width: int = 16
    fraction: int = 11

    GUARD_WIDTH: ClassVar[int] = 1
    """Fraction bits of the table beyond the values'."""

    def __post_init__(self) -> None:
        require_between("tanh lanes", self.lanes, 1, 64)
        require_between("tanh width", self.width, 8, 20)
        require_between("tanh fraction", self.fraction, 4, min(15, self.width - 1))

    @property
    def min_value(self) -> int:
        """The most negative value as an integer."""
        return -(1 << (self.width - 1))

    @property
    def max_value(self) -> int:
        """The most positive value as an integer."""
        return (1 << (self.width - 1)) - 1

    @property
    def pieces_log2(self) -> int:
        """log2 of the chords for each unit of |x|.

        A chord of length h is off by h²/8·max|tanh″| < 0.097·h²; that is 0.8 units of the last
        place at most.
        """
        return (self.fraction - 2) // 2

    @property
    def position_width(self) -> int:
        """Bits of |x| below a chord's number."""
        return self.fraction - self.pieces_log2

    @property
    def domain_log2(self) -> int:
        """The table covers |x| < 2^``domain_log2``: beyond, tanh is 1."""
        one = 1 << (self.fraction + self.GUARD_WIDTH)
        return next(d for d in range(1, 5) if _node(Decimal(1 << d), one) == one)

    @property
    def table(self) -> Interpolation:
        """tanh with ``fraction`` + ``GUARD_WIDTH`` fraction bits; the last chord ends in 1.

        Nodes are rounded up: chords of a concave function lie below it.
        """
        return _table(self.pieces_log2, self.domain_log2, 1 << (self.fraction + self.GUARD_WIDTH))


def tanh_of(a: Decimal) -> Decimal:
    """tanh(a) = (1 − e^−2a) / (1 + e^−2a) to 35 digits after the point, for a ≥ 0."""
    with decimal.localcontext(PRECISE):
        decay = (-2 * a).exp()
        return (1 - decay) / (1 + decay)


def _node(a: Decimal, one: int) -> int:
    return int((tanh_of(a) * one).to_integral_value(decimal.ROUND_CEILING))


@cache
def _table(pieces_log2: int, domain_log2: int, one: int) -> Interpolation:
    pieces, count = 1 << pieces_log2, 1 << (pieces_log2 + domain_log2)
    return Interpolation.through([_node(Decimal(k) / pieces, one) for k in range(count + 1)])
