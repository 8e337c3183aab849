"""Results of early-exit tests as records in the scratchpad, and what they come to."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config.machine import MachineConfig
from ..early_exit.layouts import EarlyExitResult
from ..memory import RowWriter, write_signature
from .layouts import EntropyPlan, row_walker

__all__ = ["RecordWriter"]

RECORD_WIDTH = 64
"""Bits of a record."""


class RecordWriter(wiring.Component):
    """A row's result becomes a record: class in bits 0–15, exit in bit 16, fault in bits 17–19,
    entropy in bits 32–50, all others 0.

    Parameters
    ----------
    machine : MachineConfig
        Scratchpad, classes.

    Members
    -------
    plan : In, stream of EntropyPlan
    i : In, stream of EarlyExitResult
    write : Out, write_signature
    done : Out
        High for a cycle after an instruction's last write was taken.
    forget : In
        Outputs go back to 0.
    exit_all : Out
        Every row of the last instruction says exit. From ``done`` to the next ``done``, as the
        others.
    first_class, first_entropy : Out, 16 and 19 bits
        Of its first row; 0 if that is a fault's.

    Latency: a record's first word is written in the cycle in which there is a result. Throughput:
    a word a cycle. Reset: ends the instruction.
    """

    plan: stream.Interface
    i: stream.Interface
    write: stream.Interface
    done: Signal
    forget: Signal
    exit_all: Signal
    first_class: Signal
    first_entropy: Signal

    words: int
    """Words of a record."""

    def __init__(self, machine: MachineConfig):
        self._width = machine.scratchpad.word_width
        self._codes = machine.scratchpad.codes
        self.words = -(-RECORD_WIDTH // self._width)
        self._writer = RowWriter(machine.scratchpad, row_walker(machine))
        config = machine.entropy
        super().__init__(
            {
                "plan": In(stream.Signature(EntropyPlan())),
                "i": In(stream.Signature(EarlyExitResult(config))),
                "write": Out(write_signature(machine.scratchpad)),
                "done": Out(1),
                "forget": In(1),
                "exit_all": Out(1),
                "first_class": Out(16),
                "first_entropy": Out(config.ENTROPY_WIDTH),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.writer = writer = self._writer
        connect(m, writer.memory, flipped(self.write))
        given, command = self.plan.payload.instruction, writer.command
        loops = command.payload.loops
        m.d.comb += [
            command.valid.eq(self.plan.valid),
            self.plan.ready.eq(command.ready),
            command.payload.address.eq(given.o_address),
            loops[0].count.eq(given.rows),
            loops[0].increment.eq(given.o_stride),
            loops[1].count.eq(self.words),
            loops[1].increment.eq(1),
            self.done.eq(writer.done),
        ]

        result = self.i.payload
        record = Signal(self.words * self._width)
        m.d.comb += [
            record[:16].eq(result.argmax),
            record[16].eq(result.exit),
            record[17:20].eq(Value.cast(result.fault)),
            record[32 : 32 + len(result.entropy)].eq(result.entropy),
        ]
        words = [record[k : k + self._width] for k in range(0, len(record), self._width)]
        place, is_last, moves = Signal(range(max(2, self.words))), Signal(), Signal()
        m.d.comb += [
            writer.i.valid.eq(self.i.valid),
            writer.i.payload.data.eq(Array(words)[place]),
            writer.i.payload.mask.eq(Const(-1, self._codes)),
            moves.eq(writer.i.valid & writer.i.ready),
            is_last.eq(place == self.words - 1),
            self.i.ready.eq(writer.i.ready & is_last),
        ]
        with m.If(moves):
            m.d.sync += place.eq(place + 1)
            with m.If(is_last):
                m.d.sync += place.eq(0)
        self._conclude(m, moves & is_last)
        return m

    def _conclude(self, m: Module, taken: Value) -> None:
        """Keep what the rows say; ``done`` is high in the cycle after the last of them."""
        result = self.i.payload
        is_first, exits = Signal(init=1), Signal(init=1)
        number, entropy = Signal.like(self.first_class), Signal.like(self.first_entropy)
        shown = Signal(1 + len(number) + len(entropy))
        with m.If(taken):
            m.d.sync += [is_first.eq(0), exits.eq((exits | is_first) & result.exit)]
            with m.If(is_first):
                m.d.sync += [number.eq(result.argmax), entropy.eq(result.entropy)]
        concluded = Cat(exits, number, entropy)
        with m.If(self.done):
            # the next instruction's first row may be taken in this cycle
            m.d.sync += [is_first.eq(~taken), shown.eq(concluded)]
        with m.Elif(self.forget):
            m.d.sync += shown.eq(0)
        m.d.comb += Cat(self.exit_all, self.first_class, self.first_entropy).eq(
            Mux(self.done, concluded, Mux(self.forget, 0, shown))
        )
