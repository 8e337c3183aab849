"""Balanced adder tree over offset-binary operands, with the spare carry inputs put to use."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["AdderTree"]


class AdderTree(wiring.Component):
    """o = Σ operands + Σ carries, for operands of ``width`` bits in offset binary.

    An operand u stands for the signed number u − 2^(width−1): a two's complement number with its
    top bit flipped. Unsigned sums need no sign extension, so every adder is as wide as its
    operands and its carry out is the top bit of the result. Missing operands of a full binary
    tree are the constant that stands for 0; the offsets then sum to a power of two, and flipping
    the top bit of the result takes them out again.

    An adder has a carry input that costs nothing, or one bit where the target packs adder bits in
    pairs: ``carries`` single bits are added through those, one an adder.

    Parameters
    ----------
    width : int
        Bits of an operand.
    operands : int
        How many, at least 1.
    carries : int
        How many single bits to add, fewer than the adders (a power of two less one).
    levels_per_stage : int
        Adder levels between two pipeline registers; the last level is always registered.

    Members
    -------
    operands : In, ``operands`` × unsigned(width)
    carries : In, ``carries`` bits, if there are any
    o : Out, signed

    Latency: ``latency`` cycles, ceil(levels / levels_per_stage), at least 1. Throughput: one sum
    a cycle. Reset: none needed, no state outlives the latency.
    """

    operands: data.View
    carries: Signal
    o: Signal

    def __init__(self, *, width: int, operands: int, carries: int = 0, levels_per_stage: int):
        self.key = (width, operands, carries, levels_per_stage)
        self._width = width
        self._operands = operands
        self._num_carries = carries
        self.levels = max((operands - 1).bit_length(), 0)
        adders = (1 << self.levels) - 1
        if carries > adders:
            raise ValueError(f"carries of an adder tree must be at most {adders}, not {carries}")
        self._levels_per_stage = levels_per_stage
        self.latency = max(-(-self.levels // levels_per_stage), 1)
        members = {
            "operands": In(data.ArrayLayout(width, operands)),
            "o": Out(signed(width + self.levels)),
        }
        if carries:
            members["carries"] = In(carries)
        super().__init__(members)

    def elaborate(self, platform) -> Module:
        m = Module()
        carries = [self.carries[i] for i in range(self._num_carries)]

        def is_registered(level: int) -> bool:
            return (self.levels - 1 - level) % self._levels_per_stage == 0

        def add(a: Value, b: Value, level: int, index: int) -> Value:
            total = Signal(len(a) + 1, name=f"sum_{level}_{index}", reset_less=True)
            domain = m.d.sync if is_registered(level) else m.d.comb
            if carries:
                # {a,1} + {b,c}: the lowest bit makes the carry that enters the adder proper
                domain += total.eq(
                    (Cat(Const(1, 1), a) + Cat(self._late(m, carries, level), b))[1:]
                )
            else:
                domain += total.eq(a + b)
            return total

        zero = Const(1 << (self._width - 1), self._width)
        values: list[Value] = [self.operands[i] for i in range(self._operands)]
        values += [zero] * ((1 << self.levels) - self._operands)
        for level in range(self.levels):
            values = [
                add(values[i], values[i + 1], level, i // 2) for i in range(0, len(values), 2)
            ]
        total = values[0]
        result = Cat(total[:-1], ~total[-1]).as_signed()
        if self.levels == 0:
            registered = Signal.like(self.o, name="registered", reset_less=True)
            m.d.sync += registered.eq(result)
            result = registered
        m.d.comb += self.o.eq(result)
        return m

    def _late(self, m: Module, carries: list[Value], level: int) -> Value:
        """The next carry, delayed by as many registers as the operands of ``level`` have passed."""
        carry = carries.pop(0)
        registers = sum(
            (self.levels - 1 - lower) % self._levels_per_stage == 0 for lower in range(level)
        )
        for stage in range(registers):
            late = Signal(name=f"carry_{len(carries)}_{stage}", reset_less=True)
            m.d.sync += late.eq(carry)
            carry = late
        return carry
