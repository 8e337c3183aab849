"""Number formats as parameter objects: what gateware, golden models and testbenches share."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .checks import require_int

__all__ = [
    "AdaptivFloatFormat",
    "Format",
    "IntegerFormat",
    "Overflow",
    "Rounding",
    "TernaryFormat",
]


class Rounding(enum.Enum):
    """What happens to the bits below the last one that is kept."""

    FLOOR = "floor"
    """Toward −∞: the bits are dropped (an arithmetic shift)."""
    TOWARD_ZERO = "toward_zero"
    """Toward zero: the bits of the magnitude are dropped."""
    HALF_UP = "half_up"
    """To nearest, ties toward +∞: add half, then floor."""
    HALF_AWAY = "half_away"
    """To nearest, ties away from zero (gemmlowp's rounding shift)."""
    HALF_EVEN = "half_even"
    """To nearest, ties to even (IEEE 754's default; the only unbiased one here)."""


class Overflow(enum.Enum):
    """What happens to a value outside the range of its result."""

    SATURATE = "saturate"
    """The nearest representable value."""
    WRAP = "wrap"
    """Modulo 2^width, two's complement."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True, kw_only=True)
class AdaptivFloatFormat:
    """AdaptivFloat<n,e>: a float whose exponent bias is chosen per tensor.

    A code is ``sign | exponent | mantissa`` (sign uppermost) with m = n − 1 − e mantissa bits;
    with the tensor's signed exponent bias b its value is (−1)^s · 2^(E+b) · (1 + M/2^m), except
    that E = 0, M = 0 is zero. Source: Tambe et al., arXiv 1909.13271, Algorithm 1.

    Parameters
    ----------
    width : int
        n, bits of a code, 4…8.
    exponent_width : int
        e, bits of the exponent field, 2…4; at most n − 1.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range, or no room is left for the sign.
    """

    width: int = 8
    exponent_width: int = 3

    BIAS_WIDTH = 8
    """Bits of the signed exponent bias in every register and stream."""

    def __post_init__(self) -> None:
        require_int("AdaptivFloat width", self.width)
        require_int("AdaptivFloat exponent width", self.exponent_width)
        _require(
            4 <= self.width <= 8, f"AdaptivFloat width must be between 4 and 8, not {self.width}"
        )
        _require(
            2 <= self.exponent_width <= 4,
            f"AdaptivFloat exponent width must be between 2 and 4, not {self.exponent_width}",
        )
        _require(
            self.exponent_width < self.width,
            f"AdaptivFloat<{self.width},{self.exponent_width}> leaves no bit for the sign: "
            f"exponent width must be at most {self.width - 1}",
        )

    def __str__(self) -> str:
        return f"AdaptivFloat<{self.width},{self.exponent_width}>"

    @property
    def slug(self) -> str:
        """The name used in files and figures."""
        return f"adaptivfloat{self.width}_{self.exponent_width}"

    @property
    def mantissa_width(self) -> int:
        """m, bits of the mantissa field (0 is possible)."""
        return self.width - 1 - self.exponent_width

    @property
    def significand_width(self) -> int:
        """Bits of 1.M as an integer: m + 1."""
        return self.mantissa_width + 1

    @property
    def max_exponent(self) -> int:
        """The largest exponent field, 2^e − 1."""
        return (1 << self.exponent_width) - 1

    @property
    def max_magnitude(self) -> int:
        """v_max as an integer at scale 2^(b−m)."""
        return ((2 << self.mantissa_width) - 1) << self.max_exponent

    @property
    def bias_min(self) -> int:
        """Smallest exponent bias the registers hold."""
        return -(1 << (self.BIAS_WIDTH - 1))

    @property
    def bias_max(self) -> int:
        """Largest exponent bias the registers hold."""
        return (1 << (self.BIAS_WIDTH - 1)) - 1

    @property
    def zero_bias(self) -> int:
        """The bias of an all-zero tensor: that of a tensor whose largest magnitude is 1."""
        return -self.max_exponent


@dataclass(frozen=True, kw_only=True)
class IntegerFormat:
    """INT<n>: two's complement integers, scaled per tensor, per channel or per token.

    Parameters
    ----------
    width : int
        n, bits of a code, 4…8.

    Raises
    ------
    TypeError
        The width is not an int.
    ValueError
        The width is out of its range.
    """

    width: int = 8

    def __post_init__(self) -> None:
        require_int("INT width", self.width)
        _require(4 <= self.width <= 8, f"INT width must be between 4 and 8, not {self.width}")

    def __str__(self) -> str:
        return f"INT{self.width}"

    @property
    def slug(self) -> str:
        """The name used in files and figures."""
        return f"int{self.width}"

    @property
    def min_value(self) -> int:
        """The most negative code, −2^(n−1)."""
        return -(1 << (self.width - 1))

    @property
    def max_value(self) -> int:
        """The most positive code, 2^(n−1) − 1."""
        return (1 << (self.width - 1)) - 1

    @property
    def max_magnitude(self) -> int:
        """The largest |code|, 2^(n−1)."""
        return 1 << (self.width - 1)


@dataclass(frozen=True, kw_only=True)
class TernaryFormat:
    """Ternary weights {−1, 0, +1}, two bits a code: bit 0 = nonzero, bit 1 = negative.

    The codes are 00 (0), 01 (+1) and 11 (−1): two's complement, so that a code reads as a signed
    number too; 10 is illegal. Source: BitNet b1.58, arXiv 2402.17764.
    """

    def __str__(self) -> str:
        return "ternary"

    @property
    def slug(self) -> str:
        """The name used in files and figures."""
        return "ternary"

    @property
    def width(self) -> int:
        """Bits of a code."""
        return 2

    @property
    def min_value(self) -> int:
        """The most negative weight."""
        return -1

    @property
    def max_value(self) -> int:
        """The most positive weight."""
        return 1

    @property
    def max_magnitude(self) -> int:
        """The largest |weight|."""
        return 1


Format = AdaptivFloatFormat | IntegerFormat | TernaryFormat
