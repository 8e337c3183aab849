"""How an AdaptivFloat array's results leave: as codes or as fixed point, in three stages."""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import AdaptivFloatFormat
from ..config.checks import require_between

__all__ = ["ResultEncoder", "prepare_exponent"]


class _Number(NamedTuple):
    """A number on its way down the pipeline: its sign, the bits below, what was lost."""

    sign: Value
    wide: Value
    fraction: Value
    sticky: Value
    code_sticky: Value
    spilled: Value
    shift: Value
    exponent: Value


def _fraction_width(width: int, wide_width: int) -> int:
    """Bits below the sign of what is shifted: a multiple of 8, and even the largest right shift
    of a ``width``-bit value is a left shift of it."""
    return -(-(width + wide_width - 1) // 8) * 8


def prepare_exponent(
    wide: Value, exponent: Value, *, width: int, wide_width: int, shift_width: int
) -> Value:
    """A channel's exponent as :class:`ResultEncoder` takes it, of the same width.

    A wide channel's right shift becomes the left shift that brings its result to the top of the
    field; right shifts that leave nothing are all the same.
    """
    right = exponent[:shift_width]
    most = _fraction_width(width, wide_width) - (wide_width - 1)
    left = Mux(right < most, most - right, 0)
    return Mux(wide, left[: len(exponent)], exponent)


class ResultEncoder(wiring.Component):
    """value · 2^exponent as an AdaptivFloat code, or value / 2^shift as a wide number.

    A code is that of :class:`alembert.adaptivfloat.Encoder`, where its arithmetic is explained. A
    wide number is saturate(round_half_even(value / 2^shift)). Both need the value shifted left:
    the code until no sign bit is redundant, the wide number by as much as it is told; a bit
    shifted out that is no copy of the sign means saturation. So there is one shifter, and one
    adder that sums exponent, position and round-up bit of a code, and only rounds a wide number.

    Parameters
    ----------
    fmt : AdaptivFloatFormat
        Format of the codes.
    width : int
        Bits of ``value``, 2…62.
    exponent_width : int
        Bits of ``exponent``, 8…16.
    wide_width : int
        Bits of a wide number, and of ``o``; more than ``exponent_width`` and the mantissa have.

    Members
    -------
    value : In, signed(width)
    wide : In
        A wide number is wanted.
    exponent : In, signed(exponent_width)
        As :func:`prepare_exponent` gives it.
    o : Out, wide_width bits
        The wide number, or the code with zeros above it.
    saturated : Out
        Beside ``o``: it is a wide number at an end of its range, and what it was rounded from lies
        below that range, or rounds above it.

    Latency: ``latency`` cycles. Throughput: one value a cycle, free-running. Reset: none needed,
    nothing outlives the latency. Errors: none; every input has a result.

    Raises
    ------
    TypeError
        A width is not an int.
    ValueError
        A width is out of its range, or wide numbers are too narrow.
    """

    value: Signal
    wide: Signal
    exponent: Signal
    o: Signal
    saturated: Signal

    latency = 3
    """Clock cycles from the inputs to the result."""

    def __init__(
        self, fmt: AdaptivFloatFormat, *, width: int, exponent_width: int, wide_width: int
    ):
        require_between("result encoder value width", width, 2, 62)
        require_between("result encoder exponent width", exponent_width, 8, 16)
        least = fmt.mantissa_width + exponent_width + 1  # a code's exponent before it saturates
        if wide_width < least:
            raise ValueError(f"wide results must be at least {least} bits, not {wide_width}")
        self.fmt = fmt
        self._fraction_width = _fraction_width(width, wide_width)
        super().__init__(
            {
                "value": In(signed(width)),
                "wide": In(1),
                "exponent": In(signed(exponent_width)),
                "o": Out(wide_width),
                "saturated": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        num_shifts = self._fraction_width.bit_length()
        # the wide shifts have the deep tests; the first of the second stage is decided in the first
        split = num_shifts - num_shifts // 3

        def register(number: _Number, stage: int) -> _Number:
            held = {}
            for name, value in number._asdict().items():
                held[name] = Signal(value.shape(), name=f"{name}_{stage}", reset_less=True)
                m.d.sync += held[name].eq(value)
            return _Number(**held)

        sign, no = self.value[-1], Const(0, 1)
        extension = sign.replicate(self._fraction_width + 1 - len(self.value))
        fraction = Cat(self.value[:-1], extension)
        number = _Number(sign, self.wide, fraction, no, no, no, Const(0, 0), self.exponent)
        for index in reversed(range(num_shifts)):
            number = self._decide(m, number, index)
            if index == split - 1:
                number = register(number, 1)
            number = self._shift(m, number, index)
        m.d.sync += self.o.eq(self._round(m, register(number, 2)))
        return m

    def _decide(self, m: Module, number: _Number, index: int) -> _Number:
        """Whether to shift by 2^index."""
        step = 1 << index
        redundant = Signal(name=f"redundant_{step}")
        taken = Signal(name=f"taken_{step}")
        m.d.comb += [
            redundant.eq(number.fraction[-step:] == number.sign.replicate(step)),
            taken.eq(Mux(number.wide, number.exponent[index], redundant)),
        ]
        spilled = number.spilled | (taken & ~redundant)
        return number._replace(shift=Cat(taken, number.shift), spilled=spilled)

    def _shift(self, m: Module, number: _Number, index: int) -> _Number:
        """Shift left by 2^index if so decided.

        Bits that no shift to come can bring up to the guard bit of a wide number go into
        ``sticky``, those below a code's guard bit also into ``code_sticky``, with the last shift.
        """
        step = 1 << index
        fraction, taken = number.fraction, number.shift[0]
        keep = len(self.o) + step - 1  # all but the sign, and a guard bit; to come
        padded = Cat(Const(0, max(0, keep + step - len(fraction))), fraction)
        kept = Signal(keep, name=f"kept_{step}")
        lost = Signal(name=f"lost_{step}")
        m.d.comb += [
            kept.eq(Mux(taken, padded[-keep - step : -step], padded[-keep:])),
            lost.eq(number.sticky | Mux(taken, padded[: -keep - step], padded[:-keep]).any()),
        ]
        code_sticky = number.code_sticky
        if index == 0:
            code_keep = self.fmt.mantissa_width + 2
            low = fraction[: -code_keep - 1].any() | (~taken & fraction[-code_keep - 1])
            code_sticky = number.sticky | low
        return number._replace(fraction=kept, sticky=lost, code_sticky=code_sticky)

    def _position(self, m: Module, shift: Value, wide: Value) -> Value:
        """Position of a code's leading one: a table above three inverted bits."""
        table = Signal(signed(len(shift) - 2), name="position_table")
        with m.Switch(Cat(shift[3:], wide)):
            for high in range(1 << (len(shift) - 3)):
                with m.Case(high):
                    m.d.comb += table.eq((self._fraction_width >> 3) - 1 - high)
        return Cat(~shift[:3] & ~wide.replicate(3), table).as_signed()

    def _round(self, m: Module, number: _Number) -> Value:
        """The result of a shifted number."""
        fmt = self.fmt
        mantissa_width = fmt.mantissa_width
        sign, wide, fraction = number.sign, number.wide, number.fraction
        below = len(fraction) - mantissa_width - 2  # bits of a code's fraction below its guard bit
        folded = sign & ~wide  # a code has a magnitude
        low = Mux(wide, fraction[: mantissa_width + 1], fraction[below:-1])
        low = low ^ folded.replicate(mantissa_width + 1)
        guard, mantissa = low[0], low[1:]
        odd = mantissa[0] if mantissa_width else ~wide | fraction[1]
        round_up, whole, cut, lost = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            lost.eq(Mux(wide, number.sticky, number.code_sticky)),
            round_up.eq(Mux(folded, guard | (odd & ~lost), guard & (odd | lost))),
            whole.eq(folded & guard & ~lost),
            cut.eq(~mantissa.any() & round_up & ~whole),
        ]
        position = self._position(m, number.shift, wide)
        upper = Signal(signed(len(self.o) - mantissa_width), name="upper")
        number_above = Cat(fraction[mantissa_width + 1 :], sign).as_signed()
        m.d.comb += upper.eq(Mux(wide, number_above, number.exponent))
        addend = Cat(round_up, Const(0, mantissa_width), position).as_signed()
        total = Signal(signed(1 + len(self.o)))
        m.d.comb += total.eq(Cat(Const(1, 1), mantissa, upper).as_signed() + addend)
        body = total[1:]
        field = body[mantissa_width:]
        return self._saturate(m, number, body, field, cut)

    def _saturate(self, m: Module, number: _Number, body: Value, field: Value, cut: Value) -> Value:
        """The rounded number, or the end of the range that it lies beyond."""
        fmt = self.fmt
        sign, wide, fraction, spilled = number.sign, number.wide, number.fraction, number.spilled
        none, least, most = Signal(), Signal(), Signal()
        zero = fraction[-1] == sign
        below_range = zero | field[-1]
        if fmt.mantissa_width:
            # from v_min/2 on, just below the smallest exponent
            from_half = field.all() & body[: fmt.mantissa_width].any() & ~cut & ~zero
            m.d.comb += least.eq(from_half & ~wide)
        else:
            below_range |= ~field.any() & cut
        beyond = Mux(sign, 0, spilled | body[-1])
        m.d.sync += self.saturated.eq(wide & (spilled | beyond))
        m.d.comb += [
            none.eq(Mux(wide, spilled & sign, below_range)),
            most.eq(Mux(wide, beyond, field[fmt.exponent_width :].any())),
        ]
        clipped = Mux(none, 0, body | most.replicate(len(body)))
        smallest = ~wide & ~body.any()  # 0 here is v_min too
        lowest = Mux(none, least, body[0] | most | smallest)
        code_sign = Mux(wide, clipped[fmt.width - 1], sign & (~none | least))
        above = clipped[fmt.width : -1] & wide.replicate(len(self.o) - fmt.width - 1)
        wide_sign = wide & sign & (spilled | body[-1])
        return Cat(lowest, clipped[1 : fmt.width - 1], code_sign, above, wide_sign)
