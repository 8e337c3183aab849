"""Rows in, columns out: what makes values into the stationary operand of attention."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..config.memory import TransposerConfig

__all__ = ["Transposer"]


class Transposer(wiring.Component):
    """Beat c of a block's columns has in lane r what its row r had in lane c.

    Code j of row r lies in bank (r + j) mod V at place r. Then the V codes of a row are in V banks,
    and so are the V codes of a column: both are written and read in one cycle, and what it
    takes are two rotations. One block leaves while the next one fills.

    Parameters
    ----------
    config : TransposerConfig
        V and the width of a code.

    Members
    -------
    i : In, stream of {codes: ArrayLayout(width, V), last}
        Rows. A block ends after V of them, or with ``last``; rows that are then missing are 0.
    o : Out, stream of {codes: ArrayLayout(width, V), last}
        V columns a block. ``last`` is with the last column of a block that ``last`` ended.

    Latency: ``latency`` cycles from the edge that takes a block's last row to the one that can take
    its first column. Throughput: a beat a cycle, if blocks are full. Reset: drops every block.
    """

    i: stream.Interface
    o: stream.Interface

    latency = 2

    def __init__(self, config: TransposerConfig):
        self.config = config
        beat = data.StructLayout({"codes": data.ArrayLayout(config.width, config.lanes), "last": 1})
        super().__init__({"i": In(stream.Signature(beat)), "o": Out(stream.Signature(beat))})

    def elaborate(self, platform) -> Module:
        m = Module()
        lanes = self.config.lanes
        index = range(lanes)
        block = data.StructLayout({"full": 1, "last": 1, "rows": range(lanes)})  # rows less one
        blocks = [Signal(block, name=f"block_{k}") for k in range(2)]
        filling, leaving = Signal(), Signal()
        row, column = Signal(index), Signal(index)

        # fill: row r enters rotated by r lanes
        store = Signal()
        is_end = self.i.payload.last | (row == lanes - 1)
        m.d.comb += [
            self.i.ready.eq(~Mux(filling, blocks[1].full, blocks[0].full)),
            store.eq(self.i.valid & self.i.ready),
        ]
        with m.If(store):
            m.d.sync += [row.eq(Mux(is_end, 0, row + 1)), filling.eq(filling ^ is_end)]

        # leave: column c is in bank c + r at place r
        advance, read = Signal(), Signal()
        current = Array(Value.cast(entry) for entry in blocks)[leaving]
        head = Signal(block)
        is_last_column = column == lanes - 1
        m.d.comb += [
            Value.cast(head).eq(current),
            advance.eq(~self.o.valid | self.o.ready),
            read.eq(advance & head.full),
        ]
        with m.If(read):
            m.d.sync += [column.eq(column + 1), leaving.eq(leaving ^ is_last_column)]
        for k, entry in enumerate(blocks):
            with m.If(store & is_end & (filling == k)):
                m.d.sync += [
                    entry.full.eq(1),
                    entry.last.eq(self.i.payload.last),
                    entry.rows.eq(row),
                ]
            with m.If(read & is_last_column & (leaving == k)):
                m.d.sync += entry.full.eq(0)

        entering = self._rotate(m, self.i.payload.codes, row, up=True, name="entering")
        banks = self._banks(m, entering, store, Cat(row, filling), column, leaving, advance)
        rotation, present = Signal(index), Signal(lanes)
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(read),
                self.o.payload.last.eq(head.last & is_last_column),
                rotation.eq(column),
                present.eq(Cat(Const(1), *(head.rows >= lane for lane in range(1, lanes)))),
            ]
        codes = self._rotate(m, banks, rotation, up=False, name="leaving")
        m.d.comb += [self.o.payload.codes[k].eq(Mux(present[k], codes[k], 0)) for k in index]
        return m

    def _banks(
        self, m: Module, codes, store: Signal, place: Value, column: Signal, leaving, advance
    ) -> list[Value]:
        """A memory a lane, two blocks deep: written at ``place``, read at row (bank − column)."""
        values: list[Value] = []
        for bank in range(self.config.lanes):
            memory = Memory(shape=self.config.width, depth=2 * self.config.lanes, init=[])
            m.submodules[f"bank_{bank}"] = memory
            write, read = memory.write_port(), memory.read_port(domain="sync")
            row = Signal.like(column, name=f"row_{bank}")
            m.d.comb += [
                write.addr.eq(place),
                write.data.eq(codes[bank]),
                write.en.eq(store),
                row.eq(bank - column),
                read.addr.eq(Cat(row, leaving)),
                read.en.eq(advance),
            ]
            values.append(read.data)
        return values

    def _rotate(self, m: Module, codes, amount: Signal, *, up: bool, name: str) -> list[Value]:
        """Lane k's code goes to lane k ± amount."""
        lanes = self.config.lanes
        values: list[Value] = [codes[k] for k in range(lanes)]
        for bit in range(len(amount)):
            step = -(1 << bit) if up else 1 << bit
            stage = [Signal(self.config.width, name=f"{name}_{bit}_{k}") for k in range(lanes)]
            m.d.comb += [
                stage[k].eq(Mux(amount[bit], values[(k + step) % lanes], values[k]))
                for k in range(lanes)
            ]
            values = list(stage)
        return values
