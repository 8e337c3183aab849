"""Which instructions are under way, and whether another one may join them."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..config.checks import require_between
from ..config.command import PC_WIDTH
from ..config.memory import ScratchpadConfig
from .layouts import RANGES, READS, ranges_layout

__all__ = ["Scoreboard"]


class Scoreboard(wiring.Component):
    """Remembers what the instructions under way touch, and compares one a time with the next.

    An instruction conflicts with one under way in another unit if it reads what that one writes,
    or writes what that one reads or writes. A unit executes in order, but may read ahead: of its
    own instructions, those conflict whose result is read.

    While an instruction is checked, nothing is entered, so that conflicts can only vanish: each
    entry is looked at once, and one that conflicts is waited for.

    Parameters
    ----------
    config : ScratchpadConfig
        Widths of ranges.
    units : int
        Units, 1…8.
    depth : int
        Instructions under way in each at most, 1…16.

    Raises
    ------
    TypeError
        A number is not an int.
    ValueError
        It is out of its range.

    Members
    -------
    begin : In
        A pulse: check the instruction at ``unit``, ``ranges``, ``pc``, which are to stay.
    unit : In
        Number of its unit, from 0.
    ranges : In, {o, a, b, p}
    pc : In
        Its number in the program.
    free : Out
        Nothing conflicts with it, and its unit has room for another one.
    enter : In
        A pulse: it is under way now. With ``free`` only.
    done : In, ``units`` bits
        Pulses: the oldest instruction of the unit is not under way any more. No effect if there is
        none.
    busy : Out, ``units`` bits
        The unit has an instruction under way.
    asked_unit : In
        Unit whose oldest instruction's number is asked for.
    oldest_pc : Out
        That number, 1 cycle later; no meaning if the unit was not busy.

    Latency: 1 cycle from ``begin`` to ``free``, and 2 for each instruction under way that does not
    conflict. Reset: nothing is under way.
    """

    begin: Signal
    unit: Signal
    ranges: data.View
    pc: Signal
    free: Signal
    enter: Signal
    done: Signal
    busy: Signal
    asked_unit: Signal
    oldest_pc: Signal

    def __init__(self, config: ScratchpadConfig, units: int, depth: int):
        require_between("scoreboard units", units, 1, 8)
        require_between("scoreboard depth", depth, 1, 16)
        self._units = units
        self._depth = depth
        self._slot_width = max(1, ceil_log2(depth))
        self._ranges = ranges_layout(config)
        super().__init__(
            {
                "begin": In(1),
                "unit": In(range(units)),
                "ranges": In(self._ranges),
                "pc": In(PC_WIDTH),
                "free": Out(1),
                "enter": In(1),
                "done": In(units),
                "busy": Out(units),
                "asked_unit": In(range(units)),
                "oldest_pc": Out(PC_WIDTH),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        # a place is a unit and one of its slots; numbers between are never used
        places = [u << self._slot_width | s for u in self._all_units for s in range(self._depth)]
        occupied, pending = Signal(places[-1] + 1), Signal(places[-1] + 1)
        newest, oldest = self._track(m, occupied)
        for u in self._all_units:
            m.d.comb += self.busy[u].eq(self._slots_of(occupied, u).any())

        place, looked_at = Signal(range(places[-1] + 1)), Signal(range(places[-1] + 1))
        found, looking, checking = Signal(), Signal(), Signal()
        for each in reversed(places):
            with m.If(pending[each] & occupied[each]):
                m.d.comb += [found.eq(1), place.eq(each)]

        entry = data.StructLayout({"ranges": self._ranges, "pc": PC_WIDTH})
        m.submodules.entries = entries = Memory(shape=entry, depth=places[-1] + 1, init=[])
        enter, compare, ask = entries.write_port(), entries.read_port(), entries.read_port()
        m.d.comb += [
            enter.en.eq(self.enter),
            enter.addr.eq(newest),
            enter.data.ranges.eq(self.ranges),
            enter.data.pc.eq(self.pc),
            compare.addr.eq(place),
            ask.addr.eq(oldest),
            self.oldest_pc.eq(ask.data.pc),
        ]

        # look: read the next entry that is left; then compare with it until nothing is in the way
        is_full, is_gone, conflict = Signal(), Signal(), Signal()
        is_same_unit = self.unit == looked_at[self._slot_width :]
        m.d.comb += [
            is_full.eq(
                Array(self._slots_of(occupied, u).all() for u in self._all_units)[self.unit]
            ),
            is_gone.eq(~(occupied >> looked_at)[0]),
            conflict.eq(self._conflict(compare.data.ranges, is_same_unit)),
            self.free.eq(checking & ~looking & ~found & ~is_full),
        ]
        with m.If(self.begin):
            m.d.sync += [checking.eq(1), pending.eq(occupied)]
        with m.Elif(self.enter):
            m.d.sync += checking.eq(0)
        with m.Elif(looking), m.If(is_gone | ~conflict):
            m.d.sync += [looking.eq(0), pending.bit_select(looked_at, 1).eq(0)]
        with m.Elif(checking):
            m.d.sync += [looking.eq(found), looked_at.eq(place)]
        return m

    @property
    def _all_units(self) -> range:
        return range(self._units)

    def _slots_of(self, places: Signal, unit: int) -> Value:
        first = unit << self._slot_width
        return places[first : first + self._depth]

    def _track(self, m: Module, occupied: Signal) -> tuple[Value, Value]:
        """Slots of a unit in turn: place of the next to enter, and of the oldest asked for."""
        tails, heads = (
            [Signal(self._slot_width, name=f"{name}_{u}") for u in self._all_units]
            for name in ("tail", "head")
        )

        def following(slot: Signal) -> Value:
            return Mux(slot == self._depth - 1, 0, slot + 1)

        for u in self._all_units:
            with m.If(self.enter & (self.unit == u)):
                m.d.sync += [
                    occupied.bit_select(Cat(tails[u], Const(u, 3)), 1).eq(1),
                    tails[u].eq(following(tails[u])),
                ]
            with m.If(self.done[u] & self.busy[u]):
                m.d.sync += [
                    occupied.bit_select(Cat(heads[u], Const(u, 3)), 1).eq(0),
                    heads[u].eq(following(heads[u])),
                ]
        newest = Cat(Array(tails)[self.unit], self.unit)
        return newest, Cat(Array(heads)[self.asked_unit], self.asked_unit)

    def _conflict(self, entry: data.View, is_same_unit: Value) -> Value:
        """An empty range, 0…0, overlaps nothing."""

        def overlap(x: data.View, y: data.View) -> Value:
            return (x.first < y.end) & (y.first < x.end)

        new = self.ranges
        reads_written = Cat(overlap(new[name], entry.o) for name in READS).any()
        writes = Cat(overlap(new.o, entry[name]) for name in RANGES).any()
        return reads_written | (writes & ~is_same_unit)
