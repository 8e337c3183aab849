"""Words from memory: a command is read in bursts, many under way, each with room reserved."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO, SyncFIFOBuffered
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config.axi import AxiConfig, AxiFault
from .layouts import (
    LENGTH_WIDTH,
    ReadBus,
    ReadSignature,
    burst_layout,
    command_layout,
    hold_first,
    response_fault,
    word_layout,
)
from .splitter import BurstSplitter

__all__ = ["BurstReader"]


class BurstReader(wiring.Component):
    """Reads the words of each command, in order.

    A burst is asked for when there is room for all its beats, so that R never waits. Room for
    ``config.read_depth`` beats is what a beat a cycle takes at the memory's latency.

    Parameters
    ----------
    config : AxiConfig
        Widths, bursts, latency.
    word_width : int
        Bits of a word: 1, 2 or 4 times the data width.

    Members
    -------
    command : In, stream of {address, words}
        Byte address of the first word, a multiple of a word's bytes; words, 1…2^24 − 1.
    o : Out, stream of {data, last, error}
        The words, each with its first beat lowest; ``last`` with a command's last; ``error`` if
        one of its beats was answered SLVERR or DECERR.
    bus : Out, ReadSignature without ID
    drain : In
        Begin no burst; take and drop the beats of those under way. To be held until the reset.
    idle : Out
        No burst is under way. Under ``drain`` it stays high once it is, and a reset is safe.
    fault : Out, AxiFault
        The first one. After SLVERR and DECERR beats go on as delivered; after a refused
        command (MISALIGNED, EMPTY, OUT_OF_RANGE) no other is taken. PROTOCOL: a beat came that
        nothing had asked for, and was dropped, or RLAST was not with a burst's last beat, whose
        place the request decides.
    fault_address : Out
        Byte address of that burst, or of the refused command. No meaning with PROTOCOL if
        nothing was under way.

    Latency: ``latency`` cycles beyond the memory's from the edge that takes a command to the
    one that can take a word of one beat. Throughput: a beat a cycle, up to the latency that the
    configuration hides, if bursts are long enough: ``outstanding`` of them must span the latency.
    Reset: drops everything, clears the fault; only while ``idle`` under ``drain``, or
    beats under way come back as stray ones. Errors: ``fault``.
    """

    command: stream.Interface
    o: stream.Interface
    bus: ReadBus
    drain: Signal
    idle: Signal
    fault: Signal
    fault_address: Signal

    latency = BurstSplitter.latency + 3

    def __init__(self, config: AxiConfig, word_width: int) -> None:
        self.config = config
        self.word_width = word_width
        self._ratio = config.beats_per_word(word_width)
        super().__init__(
            {
                "command": In(stream.Signature(command_layout(config))),
                "o": Out(stream.Signature(word_layout(word_width))),
                "bus": Out(ReadSignature(config, with_id=False)),
                "drain": In(1),
                "idle": Out(1),
                "fault": Out(AxiFault),
                "fault_address": Out(config.address_width),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        layout = burst_layout(config)
        m.submodules.splitter = splitter = BurstSplitter(config, self.word_width)
        # a memory of one row is a register to synthesis, and a warning
        m.submodules.pending = pending = SyncFIFO(
            width=layout.size, depth=max(2, config.outstanding)
        )
        m.submodules.beats = beats = SyncFIFOBuffered(
            width=config.data_width + 2, depth=config.read_depth
        )
        connect(m, flipped(self.command), splitter.command)

        # ask: one register, which drain does not empty
        burst, ar = splitter.o, self.bus.ar
        room = Signal(range(config.read_depth + 1), init=config.read_depth)
        begin, leave = Signal(), Signal()
        m.d.comb += [
            begin.eq(
                burst.valid
                & (~ar.valid | ar.ready)
                & (pending.w_level < config.outstanding)
                & (room > burst.payload.length)
                & ~self.drain
            ),
            burst.ready.eq(begin),
            pending.w_en.eq(begin),
            pending.w_data.eq(Value.cast(burst.payload)),
            self.idle.eq(~ar.valid & ~pending.r_rdy),
        ]
        m.d.sync += room.eq(room - Mux(begin, burst.payload.length + 1, 0) + leave)
        with m.If(ar.ready):
            m.d.sync += ar.valid.eq(0)
        with m.If(begin):
            m.d.sync += [
                ar.valid.eq(1),
                ar.payload.address.eq(burst.payload.address),
                ar.payload.length.eq(burst.payload.length),
            ]

        # take: the request says how long a burst is, RLAST only confirms it
        head = data.View(layout, pending.r_data)
        r = self.bus.r
        count = Signal(LENGTH_WIDTH)
        expected, ends, broken = Signal(), Signal(), Signal()
        m.d.comb += [
            expected.eq(r.valid & pending.r_rdy),
            ends.eq(count == head.length),
            broken.eq(r.valid & (~pending.r_rdy | (r.payload.last != ends))),
            pending.r_en.eq(expected & ends),
            beats.w_en.eq(expected & ~self.drain),
            beats.w_data.eq(Cat(r.payload.data, ends & head.last, r.payload.resp[1])),
        ]
        with m.If(expected):
            m.d.sync += count.eq(Mux(ends, 0, count + 1))
        failure = Mux(expected, response_fault(r.payload.resp), AxiFault.NONE)
        violation = Mux(broken, AxiFault.PROTOCOL, AxiFault.NONE)
        hold_first(
            m,
            self.fault,
            self.fault_address,
            [
                (violation, head.address),
                (failure, head.address),
                (splitter.refusal, self.command.payload.address),
            ],
        )
        self._pack(m, beats, leave)
        return m

    def _pack(self, m: Module, beats: SyncFIFOBuffered, leave: Signal) -> None:
        """Beats side by side: a word's last one is still in the FIFO when the word goes."""
        layout = data.StructLayout({"data": self.config.data_width, "last": 1, "error": 1})
        beat = data.View(layout, beats.r_data)
        last = self._ratio - 1
        position = Signal(range(max(2, self._ratio)))
        held = [Signal(self.config.data_width, name=f"held_{k}") for k in range(last)]
        error = Signal()  # of a beat before
        m.d.comb += [
            self.o.valid.eq(beats.r_rdy & (position == last)),
            self.o.payload.data.eq(Cat(*held, beat.data)),
            self.o.payload.last.eq(beat.last),
            self.o.payload.error.eq(beat.error | error),
            leave.eq(beats.r_rdy & ((position != last) | self.o.ready)),
            beats.r_en.eq(leave),
        ]
        with m.If(leave):
            m.d.sync += [
                position.eq(Mux(position == last, 0, position + 1)),
                error.eq((position != last) & (error | beat.error)),
            ]
        for k, register in enumerate(held):
            with m.If(beats.r_rdy & (position == k)):
                m.d.sync += register.eq(beat.data)
