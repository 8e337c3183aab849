"""The number formats as shapes: what a port or a signal of each format is, and how it decodes.

Each is a ``ShapeCastable`` made from the parameter object of :mod:`alembert.config`, so that a
stream's payload says which format it carries: ``Out(stream.Signature(AdaptivFloat(fmt)))``.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Mux, Value, ValueLike, signed
from amaranth.lib import data

from ..config import AdaptivFloatFormat, Format, IntegerFormat, TernaryFormat

__all__ = [
    "AdaptivFloat",
    "AdaptivFloatView",
    "Integer",
    "IntegerView",
    "Ternary",
    "TernaryView",
    "shape_of",
]


class AdaptivFloat(data.StructLayout):
    """AdaptivFloat<n,e> code: mantissa (lowest), exponent, sign.

    Parameters
    ----------
    fmt : AdaptivFloatFormat
        Widths of the fields.
    """

    def __init__(self, fmt: AdaptivFloatFormat):
        super().__init__(
            {"mantissa": fmt.mantissa_width, "exponent": fmt.exponent_width, "sign": 1}
        )
        self.fmt = fmt

    def __call__(self, target: ValueLike) -> AdaptivFloatView:
        return AdaptivFloatView(self, target)


class AdaptivFloatView(data.View):
    """A signal read as an AdaptivFloat code."""

    @property
    def _fmt(self) -> AdaptivFloatFormat:
        return self.shape().fmt

    def nonzero(self) -> Value:
        """Whether the code is not ±0: any bit below the sign."""
        return Value.cast(self)[: self._fmt.width - 1].any()

    def significand(self) -> Value:
        """1.M as an integer of m + 1 bits; 0 for the code zero."""
        return Cat(Value.cast(self.mantissa), self.nonzero())

    def integer(self) -> Value:
        """The exact value at scale 2^(b − m), signed: ±significand · 2^E."""
        magnitude = self.significand() << Value.cast(self.exponent)
        return Mux(Value.cast(self.sign), -magnitude, magnitude)


class Integer(data.StructLayout):
    """INT<n> code: one signed field, ``value``.

    Parameters
    ----------
    fmt : IntegerFormat
        Width of the field.
    """

    def __init__(self, fmt: IntegerFormat):
        super().__init__({"value": signed(fmt.width)})
        self.fmt = fmt

    def __call__(self, target: ValueLike) -> IntegerView:
        return IntegerView(self, target)


class IntegerView(data.View):
    """A signal read as an INT<n> code."""

    def integer(self) -> Value:
        """The code as a signed integer."""
        return Value.cast(self).as_signed()


class Ternary(data.StructLayout):
    """Ternary code: ``nonzero`` (bit 0) and ``negative`` (bit 1), so 00 = 0, 01 = +1, 11 = −1.

    The code 10 is illegal; it reads as 0 wherever it is used.
    """

    def __init__(self, fmt: TernaryFormat):
        super().__init__({"nonzero": 1, "negative": 1})
        self.fmt = fmt

    def __call__(self, target: ValueLike) -> TernaryView:
        return TernaryView(self, target)


class TernaryView(data.View):
    """A signal read as a ternary code."""

    def integer(self) -> Value:
        """The weight as a signed integer of two bits."""
        nonzero = Value.cast(self.nonzero)
        return Cat(nonzero, Value.cast(self.negative) & nonzero).as_signed()

    def illegal(self) -> Value:
        """Whether the code is 10."""
        return Value.cast(self.negative) & ~Value.cast(self.nonzero)


def shape_of(fmt: Format) -> AdaptivFloat | Integer | Ternary:
    """The shape of a code of ``fmt``.

    Raises
    ------
    TypeError
        ``fmt`` is not a number format.
    """
    match fmt:
        case AdaptivFloatFormat():
            return AdaptivFloat(fmt)
        case IntegerFormat():
            return Integer(fmt)
        case TernaryFormat():
            return Ternary(fmt)
    raise TypeError(f"format must be a number format, not {fmt!r}")
