"""The walk over a matrix product's blocks, tiles, passes and items, and where each item lies."""

from __future__ import annotations

import enum

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import VmacArrayConfig
from .layouts import WalkCommand, WalkStep

__all__ = ["Items", "ProductWalker"]


class Items(enum.Enum):
    """What there are several of in a pass."""

    ROWS = "rows"
    """Those of the block."""
    COLUMNS = "columns"
    """Those of the tile."""
    ONE = "one"
    """Nothing: a pass is an item."""


class ProductWalker(wiring.Component):
    """Steps through a product in the order of the matrix unit's beats, with addresses.

    for each block of R rows: for each tile of C columns: for each pass of V terms: for each item.
    An item lies at address + Σ index · step over the four loops; as in
    :class:`alembert.memory.Walker`, each loop remembers where it is, and one adder does. How often
    a loop runs is not known ahead: dimensions are counted down by a tile's size, so that there is
    no division.

    Parameters
    ----------
    array : VmacArrayConfig
        R, C and V.
    items : Items
        What the innermost loop counts.
    address_width : int, optional
        Bits of an address; without it there are none.
    whole_depth : bool
        One pass for all of K.

    Members
    -------
    command : In, stream of WalkCommand
        No dimension may be zero.
    o : Out, stream of WalkStep

    Latency: 1 cycle from the edge that takes a command to the one that can take its first item.
    Throughput: an item a cycle, across commands too. Reset: ends the command.
    """

    command: stream.Interface
    o: stream.Interface

    latency = 1
    dimensions = ("rows", "depth", "columns")

    def __init__(
        self,
        array: VmacArrayConfig,
        items: Items,
        *,
        address_width: int | None = None,
        whole_depth: bool = False,
    ):
        self._array = array
        self._items = items
        self._address_width = address_width
        self._whole_depth = whole_depth
        super().__init__(
            {
                "command": In(stream.Signature(WalkCommand(address_width))),
                "o": Out(stream.Signature(WalkStep(array, address_width))),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        R, C, V = self._array.vmac.rows, self._array.vmacs, self._array.vmac.lanes
        command, given = Signal(WalkCommand(self._address_width)), self.command.payload
        rows, columns, depth = (Signal.like(command.rows, name=f"{n}_left") for n in "mnk")
        step, ends, advance = self.o.payload, Signal(4), Signal()

        item_ends = self._count_items(m, advance)
        m.d.comb += [
            ends.eq(Cat(rows <= R, columns <= C, self._whole_depth | (depth <= V), item_ends)),
            step.ends.eq(ends),
            step.rows.eq(Mux(ends[0], rows, R)),
            step.columns.eq(Mux(ends[1], columns, C)),
            step.lanes.eq(Mux(depth <= V, depth, V)),
            advance.eq(self.o.valid & self.o.ready),
            self.command.ready.eq(~self.o.valid | (self.o.ready & ends.all())),
        ]
        with m.If(advance & ends[3]):
            m.d.sync += depth.eq(Mux(ends[2], command.depth, depth - V))
            with m.If(ends[2]):
                m.d.sync += columns.eq(Mux(ends[1], command.columns, columns - C))
                with m.If(ends[1]):
                    m.d.sync += rows.eq(rows - R)
        with m.If(advance & ends.all()):
            m.d.sync += self.o.valid.eq(0)
        if self._address_width is not None:
            places = [Signal(self._address_width, name=f"place_{k}") for k in range(4)]
            self._find_addresses(m, command, places, ends, advance)
        with m.If(self.command.valid & self.command.ready):
            m.d.sync += [
                self.o.valid.eq(1),
                command.eq(given),
                rows.eq(given.rows),
                columns.eq(given.columns),
                depth.eq(given.depth),
            ]
        return m

    def _count_items(self, m: Module, advance: Signal) -> Value:
        """Count a pass's items; whether this is the last."""
        if self._items is Items.ONE:
            return Const(1, 1)
        size = self.o.payload[self._items.value]
        most = self._array.vmac.rows if self._items is Items.ROWS else self._array.vmacs
        index, is_last = Signal(range(most + 1)), Signal()
        m.d.comb += is_last.eq(index + 1 == size)
        with m.If(advance):
            m.d.sync += index.eq(Mux(is_last, 0, index + 1))
        return is_last

    def _find_addresses(
        self, m: Module, command, places: list[Signal], ends: Signal, advance: Signal
    ) -> None:
        """The innermost loop that has not ended goes on; all inside it begin at its place."""
        levels = range(len(places))
        from_place, increment = Signal.like(places[0]), Signal.like(places[0])
        following = Signal.like(places[0])
        for k in levels:
            with m.If(~ends[k]):
                m.d.comb += [from_place.eq(places[k]), increment.eq(command.steps[k])]
        m.d.comb += [following.eq(from_place + increment), self.o.payload.address.eq(places[-1])]
        for k in levels:
            with m.If(advance & ends[k + 1 :].all()):
                m.d.sync += places[k].eq(following)
            with m.If(self.command.valid & self.command.ready):
                m.d.sync += places[k].eq(self.command.payload.address)
