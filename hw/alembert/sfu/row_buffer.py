"""Rows wait here for a number that is known only when the whole row has been seen."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..config.sfu import RowBufferConfig, RowFault

__all__ = ["RowBuffer"]


class RowBuffer(wiring.Component):
    """Stores rows while somebody reduces them, then lets each go with its reduction beside it.

    A maximum, a sum, a variance: whoever computes it watches ``i`` in the cycles of ``store``,
    starts anew at ``first``, and hands in one ``reduction`` a row, in order, whenever it is
    ready. The next rows load meanwhile. The rows lie in a ring.

    Parameters
    ----------
    beat : StructLayout
        A beat of a row; its member ``last`` ends the row.
    reduction : ShapeLike
        What is known of a row at its end.
    config : RowBufferConfig
        Beats and rows there is room for.

    Members
    -------
    i : In, stream of ``beat``
    store : Out
        The beat at ``i`` enters the buffer in this cycle.
    first : Out
        It is its row's first.
    reduction : In, stream of ``reduction``, always ready
        One a row, not before its last beat has been stored.
    o : Out, stream of {beat, reduction}
        The same rows; the reduction is repeated in each beat.
    clear : In
        Forgets the fault; one that occurs in the same cycle is kept.
    fault : Out, RowFault
        OVERLONG_ROW: a row had more than ``depth`` beats. Nothing of it comes out, its remaining
        beats are taken and dropped, and the next row is processed as usual.

    Latency: ``latency`` cycles from the edge that takes a reduction to the one that can take the
    row's first beat. Throughput: one beat a cycle, with no gap between rows whose reductions come
    early enough. Reset: drops every row and clears the fault.
    """

    i: stream.Interface
    store: Signal
    first: Signal
    reduction: stream.Interface
    o: stream.Interface
    clear: Signal
    fault: Signal

    latency = 2

    def __init__(
        self, beat: data.StructLayout, reduction: ShapeLike, config: RowBufferConfig
    ) -> None:
        self._beat = beat
        self._config = config
        released = data.StructLayout({"beat": beat, "reduction": reduction})
        super().__init__(
            {
                "i": In(stream.Signature(beat)),
                "store": Out(1),
                "first": Out(1),
                "reduction": In(stream.Signature(reduction, always_ready=True)),
                "o": Out(stream.Signature(released)),
                "clear": In(1),
                "fault": Out(RowFault),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        depth = self._config.depth
        m.submodules.memory = memory = Memory(shape=self._beat, depth=depth, init=[])
        write, read = memory.write_port(), memory.read_port(domain="sync")
        m.submodules.lengths = lengths = SyncFIFO(
            width=(depth - 1).bit_length(), depth=self._config.rows
        )

        used, length = Signal(range(depth + 1)), Signal(range(depth + 1))
        rows = Signal(range(self._config.rows + 1))
        drop, leave, leave_last = Signal(), Signal(), Signal()
        is_last = self.i.payload.last
        is_overlong = length == depth
        may_begin = ~self.first | (rows != self._config.rows)
        m.d.comb += self.first.eq(length == 0)
        with m.FSM(name="load"):
            with m.State("LOAD"):
                m.d.comb += [
                    self.i.ready.eq(is_overlong | ((used != depth) & may_begin)),
                    self.store.eq(self.i.valid & self.i.ready & ~is_overlong),
                    drop.eq(self.i.valid & is_overlong),
                ]
                with m.If(drop & ~is_last):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid & is_last):
                    m.next = "LOAD"

        m.d.comb += [
            write.data.eq(self.i.payload),
            write.en.eq(self.store),
            lengths.w_data.eq(length),  # less one: the last beat is not counted yet
            lengths.w_en.eq(self.store & is_last),
        ]
        m.d.sync += [
            used.eq(used + self.store - leave),
            rows.eq(rows + (self.store & self.first) - leave_last),
        ]
        with m.If(self.store):
            m.d.sync += [
                write.addr.eq(self._following(write.addr)),
                length.eq(Mux(is_last, 0, length + 1)),
            ]
        with m.If(self.clear):
            m.d.sync += self.fault.eq(RowFault.NONE)
        with m.If(drop):
            # the row fills the ring: it is the only one, and write.addr has come round to its start
            m.d.sync += [used.eq(0), length.eq(0), rows.eq(0), self.fault.eq(RowFault.OVERLONG_ROW)]
        with m.If(leave):
            m.d.sync += read.addr.eq(self._following(read.addr))
        self._release(m, read, lengths, leave, leave_last)
        return m

    def _following(self, address: Value) -> Value:
        """The next place of the ring."""
        return Mux(address == self._config.depth - 1, 0, address + 1)

    def _release(self, m: Module, read, lengths: SyncFIFO, leave: Signal, last: Signal) -> None:
        """Read the oldest row, as long as it is, once its reduction is there."""
        m.submodules.reductions = reductions = SyncFIFO(
            width=len(Value.cast(self.reduction.payload)), depth=self._config.rows
        )
        position = Signal(len(lengths.r_data))  # no copy of r_data, which a reset leaves alone
        advance = Signal()
        m.d.comb += [
            reductions.w_data.eq(Value.cast(self.reduction.payload)),
            reductions.w_en.eq(self.reduction.valid),
            advance.eq(~self.o.valid | self.o.ready),
            leave.eq(advance & lengths.r_rdy & reductions.r_rdy),
            last.eq(leave & (position == lengths.r_data)),
            lengths.r_en.eq(last),
            reductions.r_en.eq(last),
            read.en.eq(advance),
            Value.cast(self.o.payload.beat).eq(Value.cast(read.data)),
        ]
        with m.If(leave):
            m.d.sync += position.eq(Mux(last, 0, position + 1))
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(leave),
                Value.cast(self.o.payload.reduction).eq(reductions.r_data),
            ]
