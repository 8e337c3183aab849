"""A special function's value as a code of the machine's format."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..adaptivfloat import Encoder
from ..config import AdaptivFloatFormat, IntegerFormat, Overflow, Rounding
from ..formats import overflow, rounding_shift_right
from .layouts import VALUE_WIDTH

__all__ = ["CodeLane"]

EXPONENT_WIDTH = 10
"""Bits of an instruction's exponent, signed."""
LIFT_WIDTH = 16
"""Bits of a lift, signed."""


class CodeLane(wiring.Component):
    """The code of value · 2^(exponent + lift).

    * AdaptivFloat: relative to the bias; sums beyond −512…511 count as these.
    * INT: rounded to nearest, ties to even, saturated to ± the largest code; sums above 0 count as
      0, those below −63 as −63.

    The bit-exact contract is :func:`alembert_golden.quick_special.encode_special`.

    Parameters
    ----------
    fmt : AdaptivFloatFormat or IntegerFormat
        Of at most 8 bits.

    Members
    -------
    value : In, signed(VALUE_WIDTH)
    exponent : In, signed(10)
    lift : In, signed(16)
    o : Out, 8 bits
        The code: of AdaptivFloat with zeros above it, of INT with its sign.

    Latency: ``latency`` cycles. Throughput: a value a cycle, free-running. Reset: none needed,
    nothing outlives the latency.
    """

    value: Signal
    exponent: Signal
    lift: Signal
    o: Signal

    def __init__(self, fmt: AdaptivFloatFormat | IntegerFormat):
        self._fmt = fmt
        self.latency = Encoder.latency if isinstance(fmt, AdaptivFloatFormat) else 2
        super().__init__(
            {
                "value": In(signed(VALUE_WIDTH)),
                "exponent": In(signed(EXPONENT_WIDTH)),
                "lift": In(signed(LIFT_WIDTH)),
                "o": Out(8),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        total = Signal(signed(LIFT_WIDTH + 1))
        m.d.comb += total.eq(self.exponent + self.lift)
        if isinstance(self._fmt, AdaptivFloatFormat):
            m.submodules.encoder = encoder = Encoder(
                self._fmt, width=VALUE_WIDTH, exponent_width=EXPONENT_WIDTH
            )
            m.d.comb += [
                encoder.value.eq(self.value),
                encoder.exponent.eq(overflow(total, EXPONENT_WIDTH, Overflow.SATURATE)),
                self.o.eq(Value.cast(encoder.o)),
            ]
            return m

        # from a shift by the value's width on, what is left is less than a half
        most = (1 << VALUE_WIDTH.bit_length()) - 1
        shift = Signal(range(most + 1), reset_less=True)
        value = Signal.like(self.value, reset_less=True)
        m.d.sync += [
            value.eq(self.value),
            shift.eq(Mux(total >= 0, 0, Mux(total < -most, most, -total))),
        ]
        rounded = rounding_shift_right(m, value, shift, Rounding.HALF_EVEN, name="scaled")
        limit = self._fmt.max_value
        code = Signal(signed(8), reset_less=True)
        m.d.sync += code.eq(
            Mux(rounded > limit, limit, Mux(rounded < -limit, -limit, rounded[:8].as_signed()))
        )
        m.d.comb += self.o.eq(code)
        return m
