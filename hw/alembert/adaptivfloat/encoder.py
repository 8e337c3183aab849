"""AdaptivFloat encoder: fixed point in, nearest code out, three pipeline stages."""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import AdaptivFloatFormat
from ..config.adaptivfloat import LSB_EXPONENT_WIDTH
from ..config.checks import require_between
from ..formats import AdaptivFloat
from ..formats.shapes import AdaptivFloatView

__all__ = ["Encoder"]


class _Number(NamedTuple):
    """A number on its way down the pipeline: ± 0.fraction, with what was lost below it."""

    sign: Value
    fraction: Value
    sticky: Value
    shift: Value
    exponent: Value


class Encoder(wiring.Component):
    """Rounds value · 2^exponent, relative to the output's exponent bias, to an AdaptivFloat code.

    With x = value · 2^(exponent + b) and b the bias of the output tensor: \\|x\\| < v_min/2 gives
    0; v_min/2 ≤ \\|x\\| < v_min gives ±v_min; otherwise the mantissa is rounded to nearest, ties to
    even, with carry into the exponent; beyond v_max the code saturates and keeps its sign. Zero is
    always +0. Equal to ``alembert_golden.adaptivfloat.encode_fixed`` for every value and exponent.

    The magnitude is never formed. Shifted left by its redundant sign bits, a two's complement
    number reads s, ¬s, then fraction bits XOR s; for a negative number the magnitude is that
    pattern followed by ones without end, which only the rounding decision has to know. One adder
    then sums exponent, position of the leading one and round-up bit.

    Parameters
    ----------
    fmt : AdaptivFloatFormat
        Format of the codes.
    width : int
        Bits of ``value``, 2…62.
    exponent_width : int
        Bits of ``exponent``, 2…16.

    Members
    -------
    value : In(signed(width))
        The number as an integer.
    exponent : In(signed(exponent_width))
        Weight of the value's least significant bit: 2^(exponent + b).
    o : Out(AdaptivFloat(fmt))
        The code of the inputs of ``latency`` cycles ago.

    Notes
    -----
    Latency: ``latency`` cycles. Throughput: one value a cycle. The pipeline runs freely: no
    handshake, no enable. Reset: the registers are not part of it, since every state leaves the
    pipeline after ``latency`` cycles. Errors: none; every input has a code.

    Raises
    ------
    TypeError
        A width is not an int.
    ValueError
        A width is out of its range.

    Source: Tambe et al., arXiv 1909.13271, Algorithm 1.
    """

    value: Signal
    exponent: Signal
    o: AdaptivFloatView

    latency = 3
    """Clock cycles from the inputs to the code."""

    def __init__(
        self, fmt: AdaptivFloatFormat, *, width: int, exponent_width: int = LSB_EXPONENT_WIDTH
    ):
        require_between("encoder value width", width, 2, 62)
        require_between("encoder exponent width", exponent_width, 2, 16)
        self.fmt = fmt
        super().__init__(
            {
                "value": In(signed(width)),
                "exponent": In(signed(exponent_width)),
                "o": Out(AdaptivFloat(fmt)),
            }
        )
        # Sign-extended so that the leading one's position is 8k − 1 less the shift: then the low
        # three bits of the difference are those of the shift inverted, and need no adder.
        self._top = -(-(width - 1) // 8) * 8 - 1

    def elaborate(self, platform) -> Module:
        m = Module()
        num_shifts = (self._top + 1).bit_length()
        # the wide shifts have the deep tests: fewer of them a stage
        split = num_shifts - num_shifts // 3

        def register(number: _Number, stage: int) -> _Number:
            held = {}
            for name, value in number._asdict().items():
                held[name] = Signal(value.shape(), name=f"{name}_{stage}", reset_less=True)
                m.d.sync += held[name].eq(value)
            return _Number(**held)

        sign = self.value[-1]
        extended = Cat(self.value[:-1], sign.replicate(self._top + 2 - len(self.value)))
        number = _Number(sign, extended, Const(0, 1), Const(0, 0), self.exponent)
        number = register(self._shift(m, number, range(split, num_shifts)), 1)
        number = register(self._shift(m, number, range(split)), 2)

        code = Signal(AdaptivFloat(self.fmt), reset_less=True)
        m.d.sync += code.as_value().eq(self._round(m, number))
        m.d.comb += self.o.eq(code)
        return m

    def _shift(self, m: Module, number: _Number, indices: range) -> _Number:
        """Shift redundant sign bits out, 2^index at a time, the largest first.

        Bits that no shift to come can bring up to the guard bit go into ``sticky``.
        """
        sign, fraction, sticky, shift, exponent = number
        for index in reversed(indices):
            step = 1 << index
            keep = self.fmt.mantissa_width + 2 + step - 1  # leading one, mantissa, guard; to come
            padded = Cat(Const(0, max(0, keep + step - len(fraction))), fraction)
            redundant = Signal(name=f"redundant_{step}")
            kept = Signal(keep, name=f"kept_{step}")
            lost = Signal(name=f"lost_{step}")
            m.d.comb += [
                redundant.eq(fraction[-step:] == sign.replicate(step)),
                kept.eq(Mux(redundant, padded[-keep - step : -step], padded[-keep:])),
                lost.eq(sticky | Mux(redundant, padded[: -keep - step], padded[:-keep]).any()),
            ]
            fraction, sticky, shift = kept, lost, Cat(redundant, shift)
        return _Number(sign, fraction, sticky, shift, exponent)

    def _position(self, m: Module, shift: Value) -> Value:
        """Position of the leading one, top − shift: a table above three inverted bits."""
        table = Signal(signed(len(shift) - 2), name="position_table")
        with m.Switch(shift[3:]):
            for high in range(1 << (len(shift) - 3)):
                with m.Case(high):
                    m.d.comb += table.eq((self._top >> 3) - high)
        return Cat(~shift[:3], table).as_signed()

    def _round(self, m: Module, number: _Number) -> Value:
        """The code of a normalised number."""
        fmt = self.fmt
        sign, fraction, sticky, shift, exponent = number
        mantissa = fraction[1:-1] ^ sign.replicate(fmt.mantissa_width)
        guard = fraction[0] ^ sign
        odd = mantissa[0] if fmt.mantissa_width else Const(1, 1)
        round_up, whole, cut = Signal(), Signal(), Signal()
        m.d.comb += [
            # A negative number's magnitude goes on in ones. Without sticky bits those are a tie
            # if the guard bit is 0, and one whole unit of the mantissa if it is 1.
            round_up.eq(Mux(sign, guard | (odd & ~sticky), guard & (odd | sticky))),
            whole.eq(sign & guard & ~sticky),
            # Rounded up to the mantissa 1, or to 2^E if there is no mantissa; not there by itself.
            cut.eq(~mantissa.any() & round_up & ~whole),
        ]
        # The adder's lowest bit makes the carry that rounds up, which may run into the exponent.
        position = self._position(m, shift)
        addend = Cat(round_up, Const(0, fmt.mantissa_width), position).as_signed()
        total = Signal(signed(2 + fmt.mantissa_width + max(len(exponent), len(position))))
        m.d.comb += total.eq(Cat(Const(1, 1), mantissa, exponent).as_signed() + addend)
        body = total[1 : fmt.width]
        field = total[1 + fmt.mantissa_width :]

        none, least, most = Signal(), Signal(), Signal()
        zero = fraction[-1] == sign
        if fmt.mantissa_width:
            # from v_min/2 on, just below the smallest exponent: 2^(b−1) · (1 + 2^−m) and above
            least_from_half = field.all() & body[: fmt.mantissa_width].any() & ~cut & ~zero
            m.d.comb += [least.eq(least_from_half), none.eq(zero | field[-1])]
        else:
            # v_min/2 is 2^b: what only rounding brought there stays below
            m.d.comb += none.eq(zero | field[-1] | (~field.any() & cut))
        m.d.comb += most.eq(field[fmt.exponent_width :].any())
        lowest = Mux(none, least, body[0] | most | ~total[1:].any())  # 0 here is v_min too
        others = Mux(none, 0, body[1:] | most.replicate(fmt.width - 2))
        return Cat(lowest, others, sign & (~none | least))
