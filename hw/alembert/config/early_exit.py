"""The entropy early-exit comparator's parameters, widths and tables."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import ClassVar

from .checks import require_between
from .interpolation import PRECISE, Interpolation, falling_power, nearest_int

__all__ = ["EntropyConfig", "EntropyFault"]


class EntropyFault(enum.IntEnum):
    """Why a vector of logits has no entropy."""

    NONE = 0
    """The vector was evaluated."""
    TOO_FEW_CLASSES = 1
    """One logit only: there is nothing to be uncertain about."""
    TOO_MANY_CLASSES = 2
    """More logits than the comparator's memory holds."""


@dataclass(frozen=True, kw_only=True)
class EntropyConfig:
    """Shape of the logits the early-exit comparator takes, and the widths that follow.

    With m = max x, a = m − x ≥ 0, S = Σ e^−a and V = Σ a·e^−a (so W = Σ d·e^d = −V for d = −a),
    the entropy is ln S + V/S. No sum overflows for any vector the parameters admit.

    Parameters
    ----------
    max_classes : int
        Most logits of a vector, 2…1024.
    logit_width : int
        Bits of a signed logit, 4…24.
    logit_fraction : int
        Fraction bits of a logit, 0…16 and at most ``logit_width``.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range.
    """

    max_classes: int = 1024
    logit_width: int = 20
    logit_fraction: int = 12

    ENTROPY_FRACTION: ClassVar[int] = 16
    """Fraction bits of the threshold, of ln S and of the entropy, in nats."""
    ENTROPY_WIDTH: ClassVar[int] = 19
    """Bits of the threshold and of the entropy, unsigned: 0 … 8 nats, above ln 1024."""
    SHIFT_WIDTH: ClassVar[int] = 3
    """Bits of the left shift of a distance a."""
    EXP_FRACTION: ClassVar[int] = 26
    """Fraction bits of e^−a and of S."""
    EXP_RANGE_BITS: ClassVar[int] = 5
    """Integer bits of a that matter: e^−32 is far below the last bit of e^−a."""
    LOG2E_FRACTION: ClassVar[int] = 17
    """Fraction bits of the constant log2 e; at 17 its error happens to be 6e-7 only."""
    POWER_FRACTION: ClassVar[int] = 17
    """Fraction bits of a·log2 e: ``TABLE_BITS`` + ``INTERPOLATION_BITS``."""
    TABLE_BITS: ClassVar[int] = 7
    """log2 of the number of chords in each table."""
    INTERPOLATION_BITS: ClassVar[int] = 10
    """Bits of the position on a chord."""
    EXP_TABLE_FRACTION: ClassVar[int] = 20
    """Fraction bits of the table of 2^−f."""
    LOG_TABLE_FRACTION: ClassVar[int] = 22
    """Fraction bits of the table of ln(1 + f) and of ln 2; at 22 ln 2's error is 1e-9 only."""

    def __post_init__(self) -> None:
        require_between("number of classes", self.max_classes, 2, 1024)
        require_between("logit width", self.logit_width, 4, 24)
        require_between("logit fraction", self.logit_fraction, 0, min(16, self.logit_width))

    @property
    def logit_min(self) -> int:
        """The most negative logit as an integer."""
        return -(1 << (self.logit_width - 1))

    @property
    def logit_max(self) -> int:
        """The most positive logit as an integer."""
        return (1 << (self.logit_width - 1)) - 1

    @property
    def threshold_max(self) -> int:
        """The largest threshold as an integer: every vector exits under it."""
        return (1 << self.ENTROPY_WIDTH) - 1

    @property
    def count_width(self) -> int:
        """Bits of a number of classes, up to ``max_classes`` + 1 (which stands for too many)."""
        return (self.max_classes + 1).bit_length()

    @property
    def index_width(self) -> int:
        """Bits of a class index."""
        return (self.max_classes - 1).bit_length()

    @property
    def shifted_width(self) -> int:
        """Bits of a once it is shifted."""
        return self.logit_width + (1 << self.SHIFT_WIDTH) - 1

    @property
    def distance_width(self) -> int:
        """Bits of a where e^−a is not 0."""
        return min(self.shifted_width, self.logit_fraction + self.EXP_RANGE_BITS)

    @property
    def exp_width(self) -> int:
        """Bits of e^−a, whose largest value is 1."""
        return self.EXP_FRACTION + 1

    @property
    def product_width(self) -> int:
        """Bits of a·e^−a at scale 2^−(logit + exp fraction): it is at most 1/e, below ½."""
        return self.logit_fraction + self.EXP_FRACTION - 1

    @property
    def log2_classes(self) -> int:
        """Integer part of log2 of the largest S, which is ``max_classes``."""
        return self.max_classes.bit_length() - 1

    @property
    def sum_width(self) -> int:
        """Bits of S: up to ``max_classes`` with the fraction bits of e^−a."""
        return self.log2_classes + 1 + self.EXP_FRACTION

    @property
    def weighted_width(self) -> int:
        """Bits of V: ``max_classes`` terms of ``product_width`` bits."""
        return self.product_width + (self.max_classes - 1).bit_length()

    @property
    def weighted_shift(self) -> int:
        """Left shift that brings V from S's scale times the logits' to S's times the entropy's."""
        return self.ENTROPY_FRACTION - self.logit_fraction

    @property
    def log2e(self) -> int:
        """log2 e with ``LOG2E_FRACTION`` fraction bits."""
        return _log2e(self.LOG2E_FRACTION)

    @property
    def ln2(self) -> int:
        """ln 2 with ``LOG_TABLE_FRACTION`` fraction bits."""
        return _ln2(self.LOG_TABLE_FRACTION)

    @property
    def exp_table(self) -> Interpolation:
        """2^−f for f ∈ [0, 1); decreasing from 1 to ½."""
        return falling_power(self.TABLE_BITS, self.EXP_TABLE_FRACTION)

    @property
    def log_table(self) -> Interpolation:
        """ln(1 + f) for f ∈ [0, 1); increasing from 0 to ln 2."""
        return _log_table(self.TABLE_BITS, self.LOG_TABLE_FRACTION)


@cache
def _log2e(fraction: int) -> int:
    return nearest_int(PRECISE.divide(Decimal(1 << fraction), PRECISE.ln(Decimal(2))))


@cache
def _ln2(fraction: int) -> int:
    return nearest_int(PRECISE.multiply(PRECISE.ln(Decimal(2)), Decimal(1 << fraction)))


@cache
def _log_table(bits: int, fraction: int) -> Interpolation:
    return Interpolation.of(lambda f: (1 + f).ln(), bits, fraction)
