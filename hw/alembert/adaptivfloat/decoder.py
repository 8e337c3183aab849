"""AdaptivFloat decoder: code in, exact fixed point out."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import AdaptivFloatFormat
from ..formats import AdaptivFloat
from ..formats.shapes import AdaptivFloatView

__all__ = ["Decoder"]


class Decoder(wiring.Component):
    """The value of a code as an integer: o = (−1)^s · (2^m + M) · 2^E, and 0 for ±0.

    Multiplied by 2^(b − m), with b the tensor's exponent bias, it is the code's value, exactly.
    Equal to ``alembert_golden.adaptivfloat.significand``.

    Parameters
    ----------
    fmt : AdaptivFloatFormat
        Format of the codes.

    Members
    -------
    i : In(AdaptivFloat(fmt))
        The code.
    o : Out(signed)
        The integer, as wide as ±``fmt.max_magnitude`` needs: m + 1 + 2^e bits.

    Notes
    -----
    Combinational; no reset; every code has a value, so there are no errors.

    Source: Tambe et al., arXiv 1909.13271.
    """

    i: AdaptivFloatView
    o: Signal

    latency = 0
    """Clock cycles from the code to the integer."""

    def __init__(self, fmt: AdaptivFloatFormat):
        self.fmt = fmt
        super().__init__(
            {
                "i": In(AdaptivFloat(fmt)),
                "o": Out(signed(fmt.max_magnitude.bit_length() + 1)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.comb += self.o.eq(self.i.integer())
        return m
