# amaranth: UnusedElaboratable=no
"""Times a factor, shifted right, rounded and saturated: how every unit leaves its accumulators."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import Overflow, Rounding
from ..formats import fits, narrowing_shift_right, overflow, rounding_shift_right
from .digits import MINUS_ONE, FactorDigits, select

__all__ = ["DigitMultiplier", "Scaler"]


@dataclass(frozen=True)
class _Partial:
    """value · (a run of digits), still short of ``minus`` at the run's highest digit.

    A digit −1 gives −value − 1, the inverted bits; what is missing is added a level later, into
    bits that the shift of the upper operand leaves free.
    """

    total: Value
    minus: Value
    digits: int


class DigitMultiplier(wiring.Component):
    """o = value · factor, the factor in radix-4 digits.

    A tree of adders over one partial product a digit; a negative digit's +1 rides in the zeros
    below the upper operand of the next level. There is a register after every two levels.

    Parameters
    ----------
    width : int
        Bits of the signed value.
    factor_width : int
        Bits of the unsigned factor, at least 2.

    Members
    -------
    value : In, signed(width)
    factor : In, FactorDigits(factor_width)
        Taken with the value.
    enable : In
        Everything moves on.
    o : Out, signed(width + factor_width)

    Latency: ``latency`` cycles. Throughput: one product a cycle. Reset: none needed, nothing
    outlives the latency.
    """

    value: Signal
    factor: data.View
    enable: Signal
    o: Signal

    def __init__(self, *, width: int, factor_width: int):
        self._width = width
        self._digits = (factor_width + 1) // 2
        self._has_carry = factor_width % 2 == 0
        # every leaf is below as many levels as this
        levels = (self._digits + self._has_carry).bit_length() - 1
        if levels < 1:
            raise ValueError(f"factor width must be at least 2, not {factor_width}")
        self._levels = levels
        self.latency = -(-levels // 2)
        super().__init__(
            {
                "value": In(signed(width)),
                "factor": In(FactorDigits(factor_width)),
                "enable": In(1),
                "o": Out(signed(width + factor_width)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        leaves = [self._leaf(index) for index in range(self._digits)]
        if self._has_carry:
            top = (self.value & self.factor.carry.replicate(self._width)).as_signed()
            leaves.append(_Partial(top, Const(0, 1), 1))
        product = self._sum(m, leaves, level=0, name="product")
        m.d.comb += self.o.eq(product.total)
        return m

    def _leaf(self, index: int) -> _Partial:
        digit = self.factor.digits[index]
        is_top = index == self._digits - 1 and not self._has_carry
        minus = Const(0, 1) if is_top else digit == MINUS_ONE
        return _Partial(select(self.value, digit).as_signed(), minus, 1)

    def _sum(self, m: Module, leaves: list[_Partial], *, level: int, name: str) -> _Partial:
        """The leaves' sum, each a digit above the one before; the root is ``level`` 0."""
        if len(leaves) == 1:
            return leaves[0]
        half = len(leaves) // 2
        low = self._sum(m, leaves[:half], level=level + 1, name=f"{name}_l")
        high = self._sum(m, leaves[half:], level=level + 1, name=f"{name}_h")
        digits = low.digits + high.digits
        total = Signal(signed(self._width + 2 * digits), name=name, reset_less=True)
        minus = high.minus
        # the lowest bits pass by the adder
        passing = 2 * low.digits - 2
        upper = (low.total >> passing) + Cat(low.minus, Const(0, 1), high.total).as_signed()
        assign = [total.eq(Cat(low.total[:passing], upper))]
        if not isinstance(minus, Const):  # the top of the factor is never negative
            minus = Signal(name=f"{name}_minus", reset_less=True)
            assign.append(minus.eq(high.minus))
        if level % 2 == 0 and level < self._levels:
            with m.If(self.enable):
                m.d.sync += assign
        else:
            m.d.comb += assign
        return _Partial(total, minus, digits)


class Scaler(wiring.Component):
    """o = saturate(round_half_even(value · factor / 2^shift)).

    Parameters
    ----------
    width : int
        Bits of the signed value.
    factor_width : int
        Bits of the unsigned factor.
    shift_width : int
        Bits of the unsigned shift.
    out_width : int
        Bits of the signed result.

    Members
    -------
    value : In, signed(width)
    factor : In, FactorDigits(factor_width)
        This, ``shift`` and ``saturate`` are taken with the value.
    shift : In, unsigned(shift_width)
    saturate : In
        The factor is beyond all bounds: the result is the limit of the value's sign, or 0 for 0.
        0 if left alone.
    enable : In
        Everything moves on.
    o : Out, signed(out_width)
    saturated : Out
        Beside ``o``: it is an end of its range, and what it was rounded from lies below that range,
        or rounds above it.

    Latency: ``latency`` cycles, the product's and two. Throughput: one value a cycle. Reset: none
    needed, nothing outlives the latency. Source: the integer-only requantisation of Jacob et al.,
    arXiv 1712.05877, with ties to even.
    """

    value: Signal
    factor: data.View
    shift: Signal
    saturate: Signal
    enable: Signal
    o: Signal
    saturated: Signal

    def __init__(self, *, width: int, factor_width: int, shift_width: int, out_width: int):
        self.key = (width, factor_width, shift_width, out_width)
        self._multiplier = DigitMultiplier(width=width, factor_width=factor_width)
        self.latency = self._multiplier.latency + 2
        super().__init__(
            {
                "value": In(signed(width)),
                "factor": In(FactorDigits(factor_width)),
                "shift": In(shift_width),
                "saturate": In(1),
                "enable": In(1),
                "o": Out(signed(out_width)),
                "saturated": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.multiplier = multiplier = self._multiplier
        m.d.comb += [
            multiplier.value.eq(self.value),
            multiplier.factor.eq(self.factor),
            multiplier.enable.eq(self.enable),
        ]
        beside = data.StructLayout({"shift": len(self.shift), "beyond": 1, "negative": 1})
        stages = [
            Signal(beside, name=f"beside_{k}", reset_less=True)
            for k in range(multiplier.latency + 1)
        ]
        m.d.comb += [
            stages[0].shift.eq(self.shift),
            stages[0].beyond.eq(self.saturate & self.value.any()),
            stages[0].negative.eq(self.value[-1]),
        ]
        with m.If(self.enable):
            m.d.sync += [later.eq(earlier) for earlier, later in pairwise(stages)]
        last = stages[-1]

        # two guard bits, half and sticky
        out_width = len(self.o)
        guarded = Cat(Const(0, 2), multiplier.o)
        narrow, spilled = narrowing_shift_right(
            m, guarded, last.shift, out_width + 2, name="product"
        )
        window = Signal(signed(out_width + 2), reset_less=True)
        beyond, negative = Signal(reset_less=True), Signal(reset_less=True)
        rounded = rounding_shift_right(m, window, 2, Rounding.HALF_EVEN, name="result")
        limit = Cat((~negative).replicate(out_width - 1), negative).as_signed()
        fitting = overflow(rounded, out_width, Overflow.SATURATE)
        with m.If(self.enable):
            m.d.sync += [
                window.eq(narrow),
                beyond.eq(spilled | last.beyond),
                negative.eq(last.negative),
                self.o.eq(Mux(beyond, limit, fitting)),
                self.saturated.eq(beyond | ~fits(rounded, out_width)),
            ]
        return m
