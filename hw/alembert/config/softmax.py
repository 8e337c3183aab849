"""The softmax unit's parameters, widths and tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from .checks import require_between
from .interpolation import Interpolation, falling_power
from .sfu import RowBufferConfig

__all__ = ["SoftmaxConfig"]


@dataclass(frozen=True, kw_only=True)
class SoftmaxConfig:
    """Softmax over rows of scores in units of log2, and the widths that follow.

    With m the largest kept score, e = 2^−(m − x) and S = Σ e, a probability is e/S. No sum
    overflows for any row the parameters admit.

    Parameters
    ----------
    lanes : int
        V, positions a beat, 1…64.
    depth : int
        Beats of the longest row, 2…65536. A row has at most ``lanes`` · ``depth`` positions,
        which may be 65536. Rows of at most half of ``depth`` overlap fully.
    width : int
        Bits of a signed score, 8…24.
    fraction : int
        Fraction bits of a score, 0…12 and below ``width``.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range, or a row too long.
    """

    lanes: int = 8
    depth: int = 128
    width: int = 16
    fraction: int = 9

    ROWS: ClassVar[int] = 8
    """Rows under way in each buffer: enough for rows of two beats to follow without a gap."""
    PROBABILITY_FRACTION: ClassVar[int] = 15
    """Fraction bits of a probability, and of e where it is multiplied."""
    PROBABILITY_WIDTH: ClassVar[int] = 16
    """Bits of a probability, unsigned; the largest is 1."""
    SHIFT_WIDTH: ClassVar[int] = 3
    """Bits of the left shift of a distance m − x."""
    POWER_TABLE_BITS: ClassVar[int] = 5
    """log2 of the number of chords of 2^−f; fewer fraction bits of a score need fewer."""
    POWER_TABLE_FRACTION: ClassVar[int] = 16
    """Fraction bits of the table of 2^−f."""
    POWER_SAG: ClassVar[int] = 2
    """Units of that table taken off between the nodes: half of what a chord is too high there."""
    RECIPROCAL_TABLE_BITS: ClassVar[int] = 6
    """log2 of the number of chords of 1/(1 + f)."""
    RECIPROCAL_POSITION_BITS: ClassVar[int] = 10
    """Bits of the position on such a chord."""
    RECIPROCAL_TABLE_FRACTION: ClassVar[int] = 16
    """Fraction bits of the table of 1/(1 + f)."""
    FACTOR_FRACTION: ClassVar[int] = 14
    """Fraction bits of the factor R ≈ 1/(1 + f)."""
    FACTOR_WIDTH: ClassVar[int] = 15
    """Bits of the factor; odd, so that its digits need no carry."""

    def __post_init__(self) -> None:
        require_between("softmax lanes", self.lanes, 1, 64)
        require_between("softmax depth", self.depth, 2, 1 << 16)
        require_between("softmax width", self.width, 8, 24)
        require_between("softmax fraction", self.fraction, 0, min(12, self.width - 1))
        require_between("softmax lanes times depth", self.positions, 2, 1 << 16)

    @property
    def positions(self) -> int:
        """Positions of the longest row."""
        return self.lanes * self.depth

    @property
    def row_buffer(self) -> RowBufferConfig:
        """Room in each of the two row buffers."""
        return RowBufferConfig(depth=self.depth, rows=self.ROWS)

    @property
    def score_min(self) -> int:
        """The most negative score as an integer."""
        return -(1 << (self.width - 1))

    @property
    def score_max(self) -> int:
        """The most positive score as an integer."""
        return (1 << (self.width - 1)) - 1

    @property
    def distance_width(self) -> int:
        """Bits of m − x once it is shifted."""
        return self.width + (1 << self.SHIFT_WIDTH) - 1

    @property
    def power_fraction(self) -> int:
        """G, fraction bits of e where it is summed: all that is cut off in a row is below 2^−13."""
        return max(self.POWER_TABLE_FRACTION, 13 + (self.positions - 1).bit_length())

    @property
    def chord_bits(self) -> int:
        """Upper fraction bits of m − x, which choose the chord of 2^−f."""
        return min(self.POWER_TABLE_BITS, self.fraction)

    @property
    def position_bits(self) -> int:
        """Lower fraction bits of m − x, the position on the chord."""
        return self.fraction - self.chord_bits

    @property
    def shift_width(self) -> int:
        """Bits of the integer part of m − x that matter; 0 is what is shifted further."""
        return min(self.distance_width - self.fraction, self.power_fraction.bit_length())

    @property
    def sum_width(self) -> int:
        """Bits of S."""
        return (self.positions << self.power_fraction).bit_length()

    @property
    def max_octave(self) -> int:
        """Integer part of log2 of the largest S."""
        return self.sum_width - 1 - self.power_fraction

    @property
    def power_table(self) -> Interpolation:
        """2^−f for f ∈ [0, 1); decreasing from 1 to ½."""
        return falling_power(self.chord_bits, self.POWER_TABLE_FRACTION)

    @property
    def reciprocal_table(self) -> Interpolation:
        """1/(1 + f) for f ∈ [0, 1); decreasing from 1 to ½."""
        return _reciprocal_table(self.RECIPROCAL_TABLE_BITS, self.RECIPROCAL_TABLE_FRACTION)


@cache
def _reciprocal_table(bits: int, fraction: int) -> Interpolation:
    return Interpolation.of(lambda f: 1 / (1 + f), bits, fraction)
