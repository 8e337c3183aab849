"""Layer normalisation: parameters, the widths that follow from them, and the root's table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import isqrt
from typing import ClassVar

from .checks import require_between
from .interpolation import Interpolation
from .sfu import RowBufferConfig

__all__ = ["LayerNormConfig"]


@dataclass(frozen=True, kw_only=True)
class LayerNormConfig:
    """Rows of signed fixed-point numbers, normalised to mean 0 and variance 1, times γ, plus β.

    With A = Σ x and B = Σ x² over a row of n values, D = n·B − A² + ε is n² times its variance
    plus ε/n²; c = n·x − A is n times a value's distance from the mean. Nothing is lost before
    D = 2^(2k)·m, 1 ≤ m < 4, is cut to find r ≈ 1/√m. No sum overflows for any row the parameters
    admit.

    Parameters
    ----------
    lanes : int
        V, values a beat, 1…64.
    width : int
        w, bits of a signed value, 8…24. Its scale does not matter, but for ε.
    max_length : int
        Most values of a row, 2…1024.
    depth : int
        Beats in the row buffer, 2…65536, enough for ``max_length`` values. Rows flow without a
        gap while they are shorter than this by the time a row's variance takes.
    gamma_fraction : int
        Fraction bits of γ, 4…15.
    out_fraction : int
        Fraction bits of β and of the results, 0…15.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range, or the buffer holds no row of ``max_length`` values.
    """

    lanes: int = 8
    width: int = 18
    max_length: int = 1024
    depth: int = 128
    gamma_fraction: int = 12
    out_fraction: int = 11

    EPSILON_WIDTH: ClassVar[int] = 32
    """Bits of the unsigned ε, in units of n² times the values' last bit squared."""
    PARAMETER_WIDTH: ClassVar[int] = 16
    """Bits of γ and β, signed."""
    OUT_WIDTH: ClassVar[int] = 16
    """Bits of a result, signed."""
    FRACTION: ClassVar[int] = 12
    """Fraction bits of c / 2^k and of the normalised value."""
    ROOT_FRACTION: ClassVar[int] = 16
    """Fraction bits of r."""
    TABLE_BITS: ClassVar[int] = 6
    """log2 of the number of chords in an octave of the table."""
    INTERPOLATION_BITS: ClassVar[int] = 8
    """Bits of the position on a chord."""
    ROWS: ClassVar[int] = 8
    """Rows under way at a time."""

    def __post_init__(self) -> None:
        require_between("layer norm lanes", self.lanes, 1, 64)
        require_between("layer norm width", self.width, 8, 24)
        require_between("layer norm max length", self.max_length, 2, 1024)
        require_between("layer norm depth", self.depth, 2, 1 << 16)
        require_between("layer norm gamma fraction", self.gamma_fraction, 4, 15)
        require_between("layer norm out fraction", self.out_fraction, 0, 15)
        if self.depth * self.lanes < self.max_length:
            raise ValueError(
                f"layer norm depth must be at least {self.max_beats} for rows of "
                f"{self.max_length} values in {self.lanes} lanes, not {self.depth}"
            )

    @property
    def max_beats(self) -> int:
        """Beats of the longest row."""
        return -(-self.max_length // self.lanes)

    @property
    def buffer(self) -> RowBufferConfig:
        """The buffer the rows wait in."""
        return RowBufferConfig(depth=self.depth, rows=self.ROWS)

    @property
    def length_width(self) -> int:
        """Bits of n."""
        return self.max_length.bit_length()

    @property
    def sum_width(self) -> int:
        """Bits of A, signed."""
        return self.width + (self.max_length - 1).bit_length()

    @property
    def square_width(self) -> int:
        """Bits of x², unsigned."""
        return 2 * self.width - 1

    @property
    def square_sum_width(self) -> int:
        """Bits of B, unsigned."""
        return (self.max_length << (2 * self.width - 2)).bit_length()

    @property
    def deviation_width(self) -> int:
        """Bits of c, signed: |c| is below n·2^w."""
        return self.sum_width + 1

    @property
    def variance_width(self) -> int:
        """Bits of D, unsigned; an even number of them."""
        largest = (self.max_length**2 << (2 * self.width - 2)) + (1 << self.EPSILON_WIDTH)
        return largest.bit_length() + largest.bit_length() % 2

    @property
    def exponent_width(self) -> int:
        """Bits of k."""
        return (self.variance_width // 2 - 1).bit_length()

    @property
    def root_width(self) -> int:
        """Bits of r, whose largest value is 1."""
        return self.ROOT_FRACTION + 1

    @property
    def ratio_width(self) -> int:
        """Bits of z = c / 2^k, signed: |z| < 2·√(n − 1)."""
        return 1 + (isqrt((self.max_length - 1) << (2 * self.FRACTION + 2)) + 2).bit_length()

    @property
    def normalised_width(self) -> int:
        """Bits of the normalised value, signed: at most √(n − 1), and 2^−12 of it, and a bit."""
        largest = isqrt((self.max_length - 1) << (2 * self.FRACTION))
        return 1 + (largest + (largest >> 12) + 3).bit_length()

    @property
    def out_shift(self) -> int:
        """Bits that the product with γ has more than the result."""
        return self.FRACTION + self.gamma_fraction - self.out_fraction

    @property
    def root_table(self) -> Interpolation:
        """1/√m for m ∈ [1, 2), then m ∈ [2, 4), each in 2^``TABLE_BITS`` chords; decreasing."""
        return _root_table(self.TABLE_BITS, self.ROOT_FRACTION)


@cache
def _root_table(bits: int, fraction: int) -> Interpolation:
    # m = 1 + 2f up to f = ½, then m = 4f: the larger of the two
    return Interpolation.of(lambda f: 1 / max(1 + 2 * f, 4 * f).sqrt(), bits + 1, fraction)
