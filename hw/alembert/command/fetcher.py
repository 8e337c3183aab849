"""Instructions from memory, ahead of the one that is executed."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..axi.layouts import command_layout, word_layout
from ..config.axi import AxiConfig
from ..config.command import PC_WIDTH, FetcherConfig
from ..config.isa import INSTRUCTION_WIDTH
from .layouts import fetched_layout

__all__ = ["Fetcher"]


class Fetcher(wiring.Component):
    """Reads a program from its first instruction on, or from where a jump leads.

    Words are asked for up to the next multiple of a whole burst, so that no command reaches into
    another page or past the end of the address space. They wait in the reader, which has room for
    them anyway; here only one instruction is put together. After a jump, words under way are still
    received, and dropped.

    An instruction is delivered with ``error`` if one of its words is, if the program is not
    aligned to words, if it lies beyond the end of the address space, or has a number above 65535:
    whether that matters is up to whoever executes it.

    Parameters
    ----------
    axi : AxiConfig
        Widths of the commands.
    config : FetcherConfig
        Word and how much to fetch ahead.

    Members
    -------
    start : In
        A pulse: begin with instruction 0 of the program at ``program``.
    program : In
        Byte address of the program; instruction n is n · ``instruction_words`` words behind it.
    jump : In
        A pulse: go on with instruction ``target``. Ignored before the first ``start``.
    target : In
    stop : In
        Ask for nothing more. ``start``, ``jump`` and ``stop`` drop what ``o`` offers: to be given
        when ``o`` is taken, or when it no longer matters.
    o : Out, stream of {word, pc, error}
        The instructions.
    pc : Out
        Number of the instruction that ``o`` offers, or will offer next.
    command : Out, stream of {address, words}
        To a :class:`BurstReader`.
    words : In, stream of {data, last, error}
        From it. ``last`` is not looked at.

    Latency: 2 cycles and the reader's from ``start`` or ``jump``, and a cycle a word. Throughput:
    an instruction in ``instruction_words`` + 1 cycles. Reset: forgets words under way, so that
    the reader is to be reset too. Errors: as described.
    """

    start: Signal
    program: Signal
    jump: Signal
    target: Signal
    stop: Signal
    pc: Signal
    o: stream.Interface
    command: stream.Interface
    words: stream.Interface

    def __init__(self, axi: AxiConfig, config: FetcherConfig):
        self._axi = axi
        self._config = config
        super().__init__(
            {
                "start": In(1),
                "program": In(axi.address_width),
                "jump": In(1),
                "target": In(16),
                "stop": In(1),
                "o": Out(stream.Signature(fetched_layout())),
                "pc": Out(PC_WIDTH),
                "command": Out(stream.Signature(command_layout(axi))),
                "words": In(stream.Signature(word_layout(config.word_width))),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self._config
        restart, dropped = Signal(), Signal()
        under_way = Signal(range(config.capacity + 1))
        drop = Signal.like(under_way)
        received, exhausted = Signal(), Signal()
        active = Signal()
        asked = self._ask(m, active, restart, under_way, exhausted)
        left = Signal.like(under_way)
        m.d.comb += [
            restart.eq(self.start | self.jump | self.stop),
            dropped.eq(drop != 0),
            received.eq(self.words.valid & self.words.ready),
            left.eq(under_way - received),
        ]
        m.d.sync += under_way.eq(left + asked)
        with m.If(restart):
            m.d.sync += drop.eq(left)
        with m.Elif(received & dropped):
            m.d.sync += drop.eq(drop - 1)
        nothing_comes = (exhausted & (under_way == drop)) | (active & self.pc[-1])
        self._assemble(m, restart, received & ~dropped, nothing_comes)
        m.d.comb += self.words.ready.eq(dropped | (~self.o.valid & ~self.pc[-1]))
        return m

    def _ask(
        self, m: Module, active: Signal, restart: Signal, under_way: Signal, exhausted: Signal
    ) -> Value:
        """Commands, one register ahead of the reader; returns the words asked for in this cycle."""
        config = self._config
        word_bits = exact_log2(config.word_bytes)
        width = self._axi.address_width - word_bits
        log2_words = exact_log2(config.instruction_words)
        log2_burst = exact_log2(config.burst_words)
        first = Signal(width)  # in words
        place = Signal(width + 1)  # its top bit: beyond the address space
        size = Signal(range(config.burst_words + 1))
        ask = Signal()
        m.d.comb += [
            size.eq(config.burst_words - place[:log2_burst]),
            exhausted.eq(active & place[-1]),
            ask.eq(
                active
                & ~place[-1]
                & ~restart
                & (under_way <= config.capacity - config.burst_words)
                & (~self.command.valid | self.command.ready)
            ),
        ]
        with m.If(self.command.ready):
            m.d.sync += self.command.valid.eq(0)
        with m.If(ask):
            m.d.sync += [
                self.command.valid.eq(1),
                self.command.payload.address.eq(Cat(Const(0, word_bits), place[:-1])),
                self.command.payload.words.eq(size),
                place.eq(place + size),
            ]
        beyond = first + (self.target << log2_words)
        with m.If(self.stop):
            m.d.sync += active.eq(0)
        with m.Elif(self.start):
            m.d.sync += [
                active.eq(1),
                first.eq(self.program[word_bits:]),
                place.eq(Cat(self.program[word_bits:], self.program[:word_bits].any())),
            ]
        with m.Elif(self.jump):
            m.d.sync += place.eq(Cat(beyond[:width], beyond[width:].any()))
        return Mux(ask, size, 0)

    def _assemble(self, m: Module, restart: Signal, received: Value, nothing_comes: Value) -> None:
        """Words side by side, lowest first."""
        config = self._config
        held = Signal(data.ArrayLayout(config.word_width, config.instruction_words))
        position = Signal(range(max(2, config.instruction_words)))
        is_last = position == config.instruction_words - 1
        o = self.o.payload
        m.d.comb += [
            o.word.eq(Value.cast(held)[:INSTRUCTION_WIDTH]),
            o.pc.eq(self.pc),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [self.o.valid.eq(0), self.pc.eq(self.pc + 1), o.error.eq(0)]
        with m.If(received):
            m.d.sync += [
                held[position].eq(self.words.payload.data),
                position.eq(Mux(is_last, 0, position + 1)),
                self.o.valid.eq(is_last),
                o.error.eq(o.error | self.words.payload.error),
            ]
        with m.Elif(nothing_comes & ~self.o.valid):
            m.d.sync += [self.o.valid.eq(1), o.error.eq(1)]
        with m.If(restart):
            m.d.sync += [self.o.valid.eq(0), o.error.eq(0), position.eq(0)]
        with m.If(self.start):
            m.d.sync += self.pc.eq(0)
        with m.Elif(self.jump):
            m.d.sync += self.pc.eq(self.target)
