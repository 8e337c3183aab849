"""Pairs of formats an array can multiply, and how wide their exact sums are."""

from __future__ import annotations

from dataclasses import dataclass

from .formats import AdaptivFloatFormat, Format, IntegerFormat, TernaryFormat

__all__ = ["FormatPair"]


@dataclass(frozen=True, kw_only=True)
class FormatPair:
    """An activation format and a weight format with an exact product and an exact dot product.

    Supported are AdaptivFloat × AdaptivFloat, INT8 × INT8, INT8 × INT4 and INT8 × ternary;
    every other pair is refused by name. A product is an integer: for integer formats at scale 1
    (times the tensors' scales), for AdaptivFloat at scale 2^(b_a + b_w − m_a − m_w).

    Parameters
    ----------
    activation, weight : Format
        The two operands' formats.

    Raises
    ------
    TypeError
        An operand is not a format.
    ValueError
        The array has no multiplier for the pair.
    """

    activation: Format
    weight: Format

    def __post_init__(self) -> None:
        for role, fmt in (("activation", self.activation), ("weight", self.weight)):
            if not isinstance(fmt, Format):
                raise TypeError(f"{role} format must be a number format, not {fmt!r}")
        if not self._supported():
            raise ValueError(
                f"no array multiplies {self.activation} activations by {self.weight} weights; "
                "supported are AdaptivFloat × AdaptivFloat, INT8 × INT8, INT8 × INT4 "
                "and INT8 × ternary"
            )

    def _supported(self) -> bool:
        match self.activation, self.weight:
            case AdaptivFloatFormat(), AdaptivFloatFormat():
                return True
            case IntegerFormat(width=8), IntegerFormat(width=8 | 4) | TernaryFormat():
                return True
        return False

    def __str__(self) -> str:
        return f"{self.activation} × {self.weight}"

    @property
    def slug(self) -> str:
        """The name used in files and figures: one format's if the other follows from it."""
        if self.activation == self.weight:
            return self.activation.slug
        if isinstance(self.weight, TernaryFormat):
            return self.weight.slug
        return f"{self.activation.slug}_{self.weight.slug}"

    @property
    def max_product(self) -> int:
        """The largest |product| as an integer."""
        return self.activation.max_magnitude * self.weight.max_magnitude

    def accumulator_width(self, depth: int) -> int:
        """Bits of a signed accumulator that no dot product of ``depth`` terms overflows.

        |sum| ≤ depth · max_product, and a signed n-bit integer holds up to 2^(n−1) − 1.
        """
        if depth < 1:
            raise ValueError(f"depth of a dot product must be at least 1, not {depth}")
        return (depth * self.max_product).bit_length() + 1
