"""Words to memory: a command is written in bursts, each begun when its data are there."""

from __future__ import annotations

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO, SyncFIFOBuffered
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config.axi import AxiConfig, AxiFault
from .layouts import (
    LENGTH_WIDTH,
    WriteBus,
    WriteSignature,
    burst_layout,
    command_layout,
    hold_first,
    response_fault,
)
from .splitter import BurstSplitter

__all__ = ["BurstWriter"]


class BurstWriter(wiring.Component):
    """Writes the words of each command, in order.

    A burst is begun when all of its data are here. A W burst therefore never waits for whoever
    makes the data, an interconnect is never held by one, and none is left unfinished.

    Parameters
    ----------
    config : AxiConfig
        Widths and bursts.
    word_width : int
        Bits of a word: 1, 2 or 4 times the data width.

    Members
    -------
    command : In, stream of {address, words}
        Byte address of the first word, a multiple of a word's bytes; words, 1…2^24 − 1.
    i : In, stream of {data}
        The words of the commands, in order; taken ahead of their command too. The lowest bits are
        the first beat.
    done : Out
        For one cycle a command: its last B has come, and with it all the others.
    bus : Out, WriteSignature
    drain : In
        Begin no burst; end the one under way with strobes of 0. To be held until the reset; no
        ``done`` comes meanwhile.
    idle : Out
        No burst is under way. Under ``drain`` it stays high once it is, and a reset is safe.
    fault : Out, AxiFault
        The first one. After SLVERR and DECERR writing goes on; after a refused command
        (MISALIGNED, EMPTY, OUT_OF_RANGE) no other is taken. PROTOCOL: a B came that no burst
        was waiting for.
    fault_address : Out
        Byte address of that burst, or of the refused command. No meaning with PROTOCOL.

    Latency: ``latency`` cycles from the edge that takes the last word of a burst, its command
    having been there before, to the one that can take its first beat. Throughput: a beat a
    cycle, if ``outstanding`` bursts span the time until B. Reset: drops everything and clears
    the fault; only while ``idle`` under ``drain``. Errors: ``fault``.
    """

    command: stream.Interface
    i: stream.Interface
    done: Signal
    bus: WriteBus
    drain: Signal
    idle: Signal
    fault: Signal
    fault_address: Signal

    latency = 3

    def __init__(self, config: AxiConfig, word_width: int) -> None:
        self.config = config
        self.word_width = word_width
        self._ratio = config.beats_per_word(word_width)
        super().__init__(
            {
                "command": In(stream.Signature(command_layout(config))),
                "i": In(stream.Signature(data.StructLayout({"data": word_width}))),
                "done": Out(1),
                "bus": Out(WriteSignature(config)),
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
        depth = config.write_depth(self.word_width)
        m.submodules.splitter = splitter = BurstSplitter(config, self.word_width)
        # a memory of one row is a register to synthesis, and a warning
        m.submodules.pending = pending = SyncFIFO(
            width=layout.size, depth=max(2, config.outstanding)
        )
        m.submodules.words = words = SyncFIFOBuffered(width=self.word_width, depth=depth)
        connect(m, flipped(self.command), splitter.command)

        # begin a burst: its address leaves, its data are claimed
        burst, aw, b = splitter.o, self.bus.aw, self.bus.b
        available = Signal(range(depth * self._ratio + 1))  # beats here that no burst has claimed
        begin, store, free = Signal(), Signal(), Signal()
        m.d.comb += [
            words.w_data.eq(self.i.payload.data),
            words.w_en.eq(self.i.valid),
            self.i.ready.eq(words.w_rdy),
            store.eq(self.i.valid & self.i.ready),
            begin.eq(
                burst.valid
                & (~aw.valid | aw.ready)
                & free
                & (pending.w_level < config.outstanding)
                & (available > burst.payload.length)
                & ~self.drain
            ),
            burst.ready.eq(begin),
            pending.w_en.eq(begin),
            pending.w_data.eq(Value.cast(burst.payload)),
        ]
        m.d.sync += available.eq(
            available + Mux(store, self._ratio, 0) - Mux(begin, burst.payload.length + 1, 0)
        )
        with m.If(aw.ready):
            m.d.sync += aw.valid.eq(0)
        with m.If(begin):
            m.d.sync += [
                aw.valid.eq(1),
                aw.payload.address.eq(burst.payload.address),
                aw.payload.length.eq(burst.payload.length),
            ]
        sending = self._send(m, words, begin, free, burst.payload.length)

        # answers come in order: all bursts have one ID
        head = data.View(layout, pending.r_data)
        answered, stray = Signal(), Signal()
        m.d.comb += [
            answered.eq(b.valid & pending.r_rdy),
            stray.eq(b.valid & ~pending.r_rdy),
            pending.r_en.eq(b.valid),
            self.idle.eq(~aw.valid & ~sending & ~self.bus.w.valid & ~pending.r_rdy),
        ]
        m.d.sync += self.done.eq(answered & head.last & ~self.drain)
        hold_first(
            m,
            self.fault,
            self.fault_address,
            [
                (Mux(stray, AxiFault.PROTOCOL, AxiFault.NONE), head.address),
                (Mux(answered, response_fault(b.payload.resp), AxiFault.NONE), head.address),
                (splitter.refusal, self.command.payload.address),
            ],
        )
        return m

    def _send(
        self, m: Module, words: SyncFIFOBuffered, begin: Signal, free: Signal, length: Value
    ) -> Signal:
        """Beats of the claimed words, lowest first; ``free`` when a burst may begin."""
        w = self.bus.w
        sending, load = Signal(), Signal()
        left = Signal(LENGTH_WIDTH)
        position = Signal(range(max(2, self._ratio)))
        is_word_end = position == self._ratio - 1
        width = self.config.data_width
        beats = [words.r_data[k * width : (k + 1) * width] for k in range(self._ratio)]
        m.d.comb += [
            load.eq(sending & words.r_rdy & (~w.valid | w.ready)),
            free.eq(~sending | (load & (left == 0))),
            words.r_en.eq(load & is_word_end),
        ]
        with m.If(w.ready):
            m.d.sync += w.valid.eq(0)
        with m.If(load):
            m.d.sync += [
                w.valid.eq(1),
                w.payload.data.eq(Array(beats)[position]),
                w.payload.strobe.eq(Mux(self.drain, 0, Const((1 << self.config.beat_bytes) - 1))),
                w.payload.last.eq(left == 0),
                left.eq(left - 1),
                position.eq(Mux(is_word_end, 0, position + 1)),
                sending.eq(left != 0),
            ]
        with m.If(begin):
            m.d.sync += [sending.eq(1), left.eq(length)]
        return sending
