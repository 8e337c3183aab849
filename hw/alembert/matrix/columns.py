# amaranth: UnusedElaboratable=no
"""Results as columns in the scratchpad, through the transposer."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import VmacArrayConfig
from ..config.memory import ScratchpadConfig, TransposerConfig
from ..memory import Transposer, write_signature
from ..vmac.layouts import ResultBeat
from .layouts import Plan
from .walker import Items, ProductWalker

__all__ = ["ColumnResults"]


class ColumnResults(wiring.Component):
    """Column c of the result becomes a row of words, W rows of the result a word.

    A tile's rows go through the transposer W at a time; W columns come out, of which those beyond
    N are dropped. Rows beyond M are zeros.

    Parameters
    ----------
    scratchpad : ScratchpadConfig
        W and widths.
    array : VmacArrayConfig
        C = W, and R, a multiple of W.

    Members
    -------
    plan : In, stream of Plan
    results : In, stream of ResultBeat
        Taken only while there is a plan for them.
    write : Out, write_signature
    done : Out
        High for a cycle after an instruction's last write was taken.
    busy : Out
        Something of an instruction is left, or was in the cycle before.

    Latency: the transposer's. Throughput: a beat a cycle, if rows are a multiple of W. Reset: ends
    the instruction.
    """

    plan: stream.Interface
    results: stream.Interface
    write: stream.Interface
    done: Signal
    busy: Signal

    def __init__(self, scratchpad: ScratchpadConfig, array: VmacArrayConfig):
        self._array = array
        self._codes = scratchpad.codes
        self._filling = ProductWalker(array, Items.ROWS, whole_depth=True)
        self._leaving = ProductWalker(
            array, Items.ONE, address_width=scratchpad.address_width, whole_depth=True
        )
        super().__init__(
            {
                "plan": In(stream.Signature(Plan())),
                "results": In(stream.Signature(ResultBeat(array))),
                "write": Out(write_signature(scratchpad)),
                "done": Out(1),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = TransposerConfig(lanes=self._codes)
        m.submodules.transposer = transposer = Transposer(config)
        m.submodules.filling, m.submodules.leaving = filling, leaving = self._filling, self._leaving

        # a plan is taken when both walkers are free: the transposer is empty then
        given = self.plan.payload.instruction
        stride = Signal.like(given.o_stride)
        m.d.comb += self.plan.ready.eq(~self.busy)
        for walker in (filling, leaving):
            m.d.comb += [
                walker.command.valid.eq(self.plan.valid & self.plan.ready),
                *(walker.command.payload[name].eq(given[name]) for name in walker.dimensions),
            ]
        command = leaving.command.payload
        m.d.comb += [
            command.address.eq(given.o_address),
            command.steps[0].eq(self._array.vmac.rows // self._codes),
            command.steps[1].eq(given.o_stride * self._codes),
        ]
        with m.If(self.plan.valid & self.plan.ready):
            m.d.sync += stride.eq(given.o_stride)

        row = transposer.i.payload
        m.d.comb += [
            *(row.codes[k].eq(value[:8]) for k, value in enumerate(self.results.payload.values)),
            row.last.eq(filling.o.payload.ends[3]),
            transposer.i.valid.eq(filling.o.valid & self.results.valid),
            filling.o.ready.eq(transposer.i.ready & self.results.valid),
            self.results.ready.eq(transposer.i.ready & filling.o.valid),
        ]
        self._write_columns(m, transposer, leaving, stride)
        return m

    def _write_columns(
        self, m: Module, transposer: Transposer, leaving: ProductWalker, stride: Signal
    ) -> None:
        """Column after column of a block of W rows, then the block behind it."""
        tile, beat, write = leaving.o.payload, transposer.o, self.write
        column, in_tile = Signal(range(self._codes)), Signal()
        chunk = Signal.like(tile.address, name="chunk")  # column 0 of these W rows
        following = Signal.like(tile.address, name="following")
        first_address = Mux(in_tile, chunk + 1, tile.address)[: len(chunk)]
        is_first, is_last, needed, fire = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            is_first.eq(column == 0),
            is_last.eq(column == self._codes - 1),
            needed.eq(column < tile.columns),
            write.valid.eq(leaving.o.valid & beat.valid & needed),
            write.payload.address.eq(Mux(is_first, first_address, following)),
            write.payload.data.eq(Cat(beat.payload.codes)),
            write.payload.mask.eq(Const(-1, self._codes)),
            beat.ready.eq(leaving.o.valid & (write.ready | ~needed)),
            fire.eq(beat.valid & beat.ready),
            leaving.o.ready.eq(fire & is_last & beat.payload.last),
            self.busy.eq(self._filling.o.valid | leaving.o.valid | self.done),
        ]
        m.d.sync += self.done.eq(leaving.o.valid & leaving.o.ready & tile.ends.all())
        with m.If(fire):
            m.d.sync += [column.eq(column + 1), following.eq(write.payload.address + stride)]
            with m.If(is_first):
                m.d.sync += chunk.eq(first_address)
            with m.If(is_last):
                m.d.sync += in_tile.eq(~beat.payload.last)
