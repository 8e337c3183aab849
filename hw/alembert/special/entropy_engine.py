# amaranth: UnusedElaboratable=no
"""The entropy engine: ENTROPY from instructions to records in the scratchpad."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config.isa import Opcode
from ..config.machine import MachineConfig
from ..config.special import EntropyEngineFault
from ..early_exit.entropy import EarlyExit
from ..matrix.fork import fork
from ..memory import RowReader, read_signature, write_signature
from .layouts import EntropyPlan, entropy_instruction, log2_lanes, row_walker
from .records import RecordWriter

__all__ = ["EntropyEngine"]


class EntropyEngine(wiring.Component):
    """Executes early-exit tests, one at a time, a logit a cycle.

    Parameters
    ----------
    machine : MachineConfig
        Scratchpad; L, a power of two; classes.

    Members
    -------
    instruction : In, stream of entropy_instruction
    threshold : In, EntropyConfig.ENTROPY_WIDTH bits
        As :class:`EarlyExit` takes it; steady while an instruction is executed.
    done : Out
        High for a cycle an instruction: after its last write was taken by the scratchpad, or when
        it has been refused.
    exit_all, first_class, first_entropy : Out
        Of the last instruction, from its ``done`` to the next one's: every row says exit; class
        and entropy of the first row. All are 0 if it was refused, as those of a row at fault are.
    read_a : Out, read_signature
        Of the scratchpad: logits.
    write_o : Out, write_signature
        A record a row, see :class:`RecordWriter`. A row of too few or too many logits has its
        fault there.
    fault : Out, EntropyEngineFault
        The first one, until reset.
    busy : Out
        An instruction has been taken that is not done.
    issuing : Out
        A logit enters the test in this cycle.
    stalled : Out
        None does, though an instruction that has been taken has logits left.

    Latency: ``latency`` cycles from the edge that takes an instruction to the one at which its
    first logit enters, if the bank is free; of a whole instruction :meth:`cycles`. Throughput:
    :class:`EarlyExit`'s. Reset: as :class:`ReadPort`. Errors: an instruction that cannot be
    executed ends without effect, and ``fault`` says why; later ones are executed.

    Raises
    ------
    ValueError
        L is no power of two.
    """

    instruction: stream.Interface
    threshold: Signal
    done: Signal
    exit_all: Signal
    first_class: Signal
    first_entropy: Signal
    read_a: Any
    write_o: stream.Interface
    fault: Signal
    busy: Signal
    issuing: Signal
    stalled: Signal

    latency = 1 + RowReader.latency
    readers = ("a",)
    writers = ("o",)

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        self._log2_lanes = log2_lanes(machine)
        self._test = EarlyExit(machine.entropy)
        self._records = RecordWriter(machine)
        scratchpad = machine.scratchpad
        super().__init__(
            {
                "instruction": In(stream.Signature(entropy_instruction())),
                "threshold": In(machine.entropy.ENTROPY_WIDTH),
                "done": Out(1),
                "exit_all": Out(1),
                "first_class": Out(16),
                "first_entropy": Out(machine.entropy.ENTROPY_WIDTH),
                "read_a": Out(read_signature(scratchpad)),
                "write_o": Out(write_signature(scratchpad)),
                "fault": Out(EntropyEngineFault),
                "busy": Out(1),
                "issuing": Out(1),
                "stalled": Out(1),
            }
        )

    def cycles(self, columns: int) -> int:
        """Cycles from the edge that takes an instruction of one row to that of ``done``, if banks
        are free and the row is no fault."""
        words = self._records.words
        return self.latency + columns - 1 + self._test.latency(columns) + words - 1 + 1

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.test = test = self._test
        m.submodules.records = records = self._records
        connect(m, records.write, flipped(self.write_o))
        connect(m, test.o, records.i)
        held, is_launched = Signal(entropy_instruction()), Signal()
        m.d.comb += [
            test.threshold.eq(self.threshold),
            test.shift.eq(held.a_shift),
            self.exit_all.eq(records.exit_all),
            self.first_class.eq(records.first_class),
            self.first_entropy.eq(records.first_entropy),
        ]

        plan = Signal(EntropyPlan())
        reason = Signal(EntropyEngineFault)
        refused, offers, walk, walks = Signal(), Signal(), Signal(), Signal()
        lanes = 1 << self._log2_lanes
        is_empty_tensor = (held.rows == 0) | (held.columns == 0)
        m.d.comb += [
            self.instruction.ready.eq(~self.busy),
            reason.eq(
                Mux(
                    held.opcode != Opcode.ENTROPY,
                    EntropyEngineFault.OPCODE,
                    Mux(
                        is_empty_tensor, EntropyEngineFault.ZERO_DIMENSION, EntropyEngineFault.NONE
                    ),
                )
            ),
            refused.eq(self.busy & (reason != EntropyEngineFault.NONE)),
            offers.eq(self.busy & ~is_launched & ~refused),
            plan.instruction.eq(held),
            plan.words.eq((held.columns + (lanes - 1)) >> self._log2_lanes),
            self.done.eq(records.done | refused),
            records.forget.eq(refused),
            records.plan.payload.eq(plan),
            self.stalled.eq(self.busy & (~is_launched | walks) & ~self.issuing),
        ]
        reader = self._serialise(m, plan, walk, walks)
        takers = [
            (1, reader.command.valid, reader.command.ready),
            (1, records.plan.valid, records.plan.ready),
            (1, walk, ~walks),
        ]
        launched = fork(m, offers, takers, name="launch")
        with m.If(offers & launched):
            m.d.sync += is_launched.eq(1)
        with m.If(self.instruction.valid & self.instruction.ready):
            m.d.sync += [held.eq(self.instruction.payload), self.busy.eq(1)]
        with m.If(self.done):
            m.d.sync += [self.busy.eq(0), is_launched.eq(0)]
        with m.If(refused & (self.fault == EntropyEngineFault.NONE)):
            m.d.sync += self.fault.eq(reason)
        return m

    def _serialise(self, m: Module, plan, walk: Signal, walks: Signal) -> RowReader:
        """Logit after logit of the rows read, from ``walk`` on."""
        machine, logit = self._machine, self._test.i
        m.submodules.reader = reader = RowReader(machine.scratchpad, row_walker(machine))
        connect(m, flipped(self.read_a), reader.memory)
        given, loops = plan.instruction, reader.command.payload.loops
        lane, left = Signal(self._log2_lanes), Signal(16)
        is_last = left == 1
        word = reader.o.payload
        logits = [word.data[16 * k : 16 * k + 16] for k in range(1 << self._log2_lanes)]
        m.d.comb += [
            reader.command.payload.address.eq(given.a_address),
            loops[0].count.eq(given.rows),
            loops[0].increment.eq(given.a_stride),
            loops[1].count.eq(plan.words),
            loops[1].increment.eq(1),
            logit.valid.eq(reader.o.valid),
            logit.payload.logit.eq(Array(logits)[lane]),
            logit.payload.last.eq(is_last),
            self.issuing.eq(logit.valid & logit.ready),
            reader.o.ready.eq(logit.ready & (is_last | lane.all())),
        ]
        with m.If(walk & ~walks):
            m.d.sync += [left.eq(given.columns), walks.eq(1)]
        with m.If(self.issuing):
            m.d.sync += [lane.eq(lane + 1), left.eq(left - 1)]
            with m.If(is_last):
                m.d.sync += [lane.eq(0), left.eq(given.columns)]
                with m.If(word.last[0]):
                    m.d.sync += walks.eq(0)
        return reader
