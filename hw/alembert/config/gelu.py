"""GELU's parameters and its table, by decimal arithmetic."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import ClassVar

from .checks import require_between
from .interpolation import PRECISE, nearest_int

__all__ = ["GeluConfig", "GeluForm", "GeluTable", "normal_cdf"]


class GeluForm(enum.Enum):
    """Which of the two functions called GELU."""

    ERF = "erf"
    """x·Φ(x), Φ the normal distribution's: Hendrycks and Gimpel, arXiv 1606.08415."""
    TANH = "tanh"
    """x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), which some checkpoints were trained with."""


@dataclass(frozen=True)
class GeluTable:
    """What GELU lacks to max(x, 0), as chords over equal pieces of |x|, continuous.

    Parameters
    ----------
    base : tuple of int
        Its value at the left end of every chord; 0 at the first.
    step : tuple of int
        Value at the right end − value at the left end, signed; the last chord ends in 0.
    """

    base: tuple[int, ...]
    step: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class GeluConfig:
    """Lanes, fixed-point format and form of a GELU.

    gelu(x) = max(x, 0) − g(|x|) with g(a) = a·Φ(−a) ≥ 0, so that one table serves both signs. It
    holds g at distances of 2^−``pieces_log2``, just fine enough for an error of the chords below
    one unit of the last place, and ends where g is below one.

    Parameters
    ----------
    lanes : int
        V, values a beat, 1…64.
    width : int
        Bits of a signed value, 8…20.
    fraction : int
        F, its fraction bits, 4…15 and below ``width``.
    form : GeluForm
        Chooses the table.

    Raises
    ------
    TypeError
        A number is not an int, or the form is no GeluForm.
    ValueError
        A field is out of its range.
    """

    lanes: int = 8
    width: int = 16
    fraction: int = 11
    form: GeluForm = GeluForm.ERF

    GUARD_WIDTH: ClassVar[int] = 1
    """Fraction bits of the table beyond the values'."""

    def __post_init__(self) -> None:
        require_between("GELU lanes", self.lanes, 1, 64)
        require_between("GELU width", self.width, 8, 20)
        require_between("GELU fraction", self.fraction, 4, min(15, self.width - 1))
        if not isinstance(self.form, GeluForm):
            raise TypeError(f"GELU form must be a GeluForm, not {self.form!r}")

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

        A chord of length h is off by h²/8·max|g″| < 0.1·h², at 0; that is 0.8 units of the last
        place at most.
        """
        return (self.fraction - 2) // 2

    @property
    def position_width(self) -> int:
        """Bits of |x| below a chord's number."""
        return self.fraction - self.pieces_log2

    @property
    def shift_width(self) -> int:
        """Bits of the shift of values that have fewer fraction bits than F: 3, or as many as keep
        one shifted last place within a chord."""
        return min(3, (self.position_width + 1).bit_length() - 1)

    @property
    def domain_log2(self) -> int:
        """The table covers |x| < 2^``domain_log2``: beyond, g is less than one last place."""
        return 2 if _lack(Decimal(4), self.form) < Decimal(2) ** -self.fraction else 3

    @property
    def table(self) -> GeluTable:
        """g with ``fraction`` + ``GUARD_WIDTH`` fraction bits."""
        return _table(
            self.pieces_log2, self.domain_log2, self.fraction + self.GUARD_WIDTH, self.form
        )


_PI = Decimal("3.14159265358979323846264338327950288419716939937510")


@cache
def normal_cdf(x: Decimal) -> Decimal:
    """Φ(x) to about 38 digits after the point, for |x| ≤ 8.

    Φ(x) = ½ + φ(x)·(x + x³/3 + x⁵/(3·5) + …), whose terms all have one sign: nothing cancels.
    """
    square = PRECISE.multiply(x, x)
    density = PRECISE.divide(
        PRECISE.exp(PRECISE.divide(-square, Decimal(2))),
        PRECISE.sqrt(PRECISE.multiply(Decimal(2), _PI)),
    )
    term, total, odd = x, Decimal(0), 1
    while PRECISE.add(total, term) != total:
        total = PRECISE.add(total, term)
        odd += 2
        term = PRECISE.divide(PRECISE.multiply(term, square), Decimal(odd))
    return PRECISE.add(Decimal("0.5"), PRECISE.multiply(density, total))


def _lack(a: Decimal, form: GeluForm) -> Decimal:
    """g(a), what GELU lacks to max(x, 0) at x = ±a."""
    if form is GeluForm.ERF:
        return PRECISE.multiply(a, normal_cdf(-a))
    cube = PRECISE.multiply(PRECISE.multiply(a, a), a)
    inner = PRECISE.add(a, PRECISE.multiply(Decimal("0.044715"), cube))
    slope = PRECISE.sqrt(PRECISE.divide(Decimal(8), _PI))
    # a/2·(1 − tanh u) = a / (1 + e^2u)
    return PRECISE.divide(a, PRECISE.add(Decimal(1), PRECISE.exp(PRECISE.multiply(slope, inner))))


@cache
def _table(pieces_log2: int, domain_log2: int, fraction: int, form: GeluForm) -> GeluTable:
    pieces, count = 1 << pieces_log2, 1 << (pieces_log2 + domain_log2)
    nodes = [
        nearest_int(PRECISE.multiply(_lack(Decimal(k) / pieces, form), Decimal(1 << fraction)))
        for k in range(count)
    ]
    nodes.append(0)  # and 0 from there on
    steps = tuple(right - left for left, right in pairwise(nodes))
    return GeluTable(base=tuple(nodes[:-1]), step=steps)
