"""The accumulator: a running sum a row, in a register or in a memory."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["AccumulateControl", "Accumulator"]


class AccumulateControl(data.StructLayout):
    """What goes with a sum: is there one, of which row, is it the row's first, its last?

    ``tile_start`` marks the first row of a finished tile (new channel parameters take effect),
    ``end`` the last row of a matrix.
    """

    def __init__(self, rows: int):
        super().__init__(
            {
                "valid": 1,
                "first": 1,
                "last": 1,
                "tile_start": 1,
                "end": 1,
                "row": range(rows),
            }
        )


class Accumulator(wiring.Component):
    """sum[row] += i + carry, or starts anew at a row's first term.

    With one row the sum is a register, cleared as its last term leaves. With more rows the sums
    are in a memory: read, add, write back.

    Parameters
    ----------
    width : int
        Bits of a sum.
    term_width : int
        Bits of a term.
    rows : int
        Number of sums.
    has_carry : bool
        Whether the terms bring a carry.

    Members
    -------
    i : In, signed(term_width)
    carry : In, if ``has_carry``
    control : In, AccumulateControl
        ``lead`` cycles ahead of its term.
    o : Out, signed(width)
        The sum after this term, one cycle after the term.
    o_control : Out, AccumulateControl
        The control that belongs to ``o``.

    Latency: 1 cycle from term to sum. Throughput: one term a cycle; terms of one row must be at
    least ``min_distance`` cycles apart. Reset: a first term starts a sum, whatever was there.
    """

    i: Signal
    carry: Signal
    control: data.View
    o: Signal
    o_control: data.View

    def __init__(self, *, width: int, term_width: int, rows: int, has_carry: bool):
        self._width = width
        self._rows = rows
        self._has_carry = has_carry
        # memory: address, data out, data registered (or cleared), then the term meets it
        self.lead = 0 if rows == 1 else 2
        self.min_distance = 1 if rows == 1 else 4
        members = {
            "i": In(signed(term_width)),
            "control": In(AccumulateControl(rows)),
            "o": Out(signed(width)),
            "o_control": Out(AccumulateControl(rows)),
        }
        if has_carry:
            members["carry"] = In(1)
        super().__init__(members)

    def _sum(self, addend: Value) -> Value:
        if not self._has_carry:
            return addend + self.i
        # {a,1} + {b,c}: the lowest bit makes the carry
        lifted = Cat(Const(1, 1), addend).as_signed() + Cat(self.carry, self.i).as_signed()
        return lifted[1 : self._width + 1]

    def elaborate(self, platform) -> Module:
        m = Module()
        total = Signal(signed(self._width), reset_less=True)
        m.d.comb += self.o.eq(total)
        if self._rows == 1:
            running = Signal(signed(self._width))
            following = Signal(signed(self._width))
            m.d.comb += following.eq(self._sum(running))
            m.d.sync += [
                total.eq(following),
                self.o_control.eq(self.control),
            ]
            with m.If(self.control.valid):
                m.d.sync += running.eq(following)
            with m.If(self.control.valid & self.control.last):
                m.d.sync += running.eq(0)  # a synchronous reset: no gate in the adder's path
            return m

        m.submodules.memory = memory = Memory(shape=signed(self._width), depth=self._rows, init=[])
        read, write = memory.read_port(), memory.write_port()
        looked_up = Signal.like(self.control)
        meeting = Signal.like(self.control)
        addend = Signal(signed(self._width), reset_less=True)
        m.d.comb += [read.en.eq(1), read.addr.eq(self.control.row)]
        m.d.sync += [looked_up.eq(self.control), meeting.eq(looked_up), addend.eq(read.data)]
        with m.If(looked_up.first):
            m.d.sync += addend.eq(0)
        m.d.sync += [total.eq(self._sum(addend)), self.o_control.eq(meeting)]
        m.d.comb += [
            write.en.eq(self.o_control.valid),
            write.addr.eq(self.o_control.row),
            write.data.eq(total),
        ]
        return m
