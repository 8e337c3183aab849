"""Reads operands and parameters, and puts together the beats that enter a special function."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config.isa import Opcode
from ..config.machine import MachineConfig
from ..matrix.fork import fork
from ..memory import RowReader, read_signature
from .layouts import OperandBeat, SpecialPlan, log2_lanes, row_walker

__all__ = ["OperandReaders"]


class OperandReaders(wiring.Component):
    """Rows of a and b side by side, L columns a beat.

    Parameters come through the second port, before the codes: they are needed when the first row
    leaves, which is long after it came.

    Parameters
    ----------
    machine : MachineConfig
        Scratchpad, L.

    Members
    -------
    plan : In, stream of SpecialPlan
        One with parameters only when those of the one before have been taken.
    o : Out, stream of OperandBeat
        The instruction's rows. ``keep`` is, for SOFTMAX, j < columns and (span = 0 or
        |r − j| < span), r and j being row and column.
    parameters : Out, stream of words
        Two for each beat of a row (LAYERNORM), or one (GELU, RESCALE).
    read_a, read_b : Out, read_signature
        Of wide numbers; of codes, rows' largest magnitudes (RESCALE), and parameters.
    walking : Out
        An instruction has been taken of which there are beats left.

    Latency: ``latency`` cycles from the edge that takes a plan to the one that can take its first
    beat, if banks are free; less without operands. Throughput: a beat a cycle, across instructions
    too. Reset: as :class:`ReadPort`.
    """

    plan: stream.Interface
    o: stream.Interface
    parameters: stream.Interface
    read_a: Any
    read_b: Any
    walking: Signal

    latency = RowReader.latency

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        self._log2_lanes = log2_lanes(machine)
        self._readers = [RowReader(machine.scratchpad, row_walker(machine)) for _ in range(2)]
        super().__init__(
            {
                "plan": In(stream.Signature(SpecialPlan(machine))),
                "o": Out(stream.Signature(OperandBeat(machine))),
                "parameters": Out(stream.Signature(machine.scratchpad.word_width)),
                "read_a": Out(read_signature(machine.scratchpad)),
                "read_b": Out(read_signature(machine.scratchpad)),
                "walking": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        lanes = 1 << self._log2_lanes
        a, b = self._readers
        m.submodules.a, m.submodules.b = a, b
        connect(m, flipped(self.read_a), a.memory)
        connect(m, flipped(self.read_b), b.memory)

        start, loading = Signal(), Signal()
        plan = Signal(SpecialPlan(self._machine))  # of the rows that are walked
        rows, left, is_odd = Signal(16), Signal(16), Signal()
        row_ends, ends, there, advance = Signal(), Signal(), Signal(), Signal()
        is_served = Signal()
        m.d.comb += self.plan.ready.eq(self._command(m, start, ~self.walking | (advance & ends)))

        has_code = b.o.valid & ~loading
        m.d.comb += [
            row_ends.eq(left <= lanes),
            ends.eq(row_ends & (rows == 1)),
            there.eq((~plan.has_a | a.o.valid) & (~plan.has_b | has_code)),
            self.o.valid.eq(self.walking & there),
            advance.eq(self.o.valid & self.o.ready),
            self.o.payload.last.eq(row_ends),
            a.o.ready.eq(advance & plan.has_a),
            # a word of codes serves two beats, that of RESCALE a row
            is_served.eq(row_ends | (is_odd & (plan.instruction.opcode != Opcode.RESCALE))),
            b.o.ready.eq(Mux(loading, self.parameters.ready, advance & plan.has_b & is_served)),
            self.o.payload["max"].eq(Mux(plan.has_b, b.o.payload.data[:16], 1)),
            self.parameters.valid.eq(b.o.valid & loading),
            self.parameters.payload.eq(b.o.payload.data),
        ]
        with m.If(advance):
            m.d.sync += [left.eq(left - lanes), is_odd.eq(~is_odd)]
            with m.If(row_ends):
                m.d.sync += [
                    left.eq(plan.instruction.columns),
                    rows.eq(rows - 1),
                    is_odd.eq(0),
                    self.walking.eq(~ends),
                ]
        given = self.plan.payload
        with m.If(start):
            m.d.sync += [
                plan.eq(given),
                left.eq(given.instruction.columns),
                rows.eq(given.instruction.rows),
                self.walking.eq(1),
            ]
        with m.If(self.parameters.valid & self.parameters.ready & b.o.payload.last[0]):
            m.d.sync += loading.eq(0)
        with m.If(b.command.valid & b.command.ready & self._asks_parameters):
            m.d.sync += loading.eq(1)

        within = Cat(left > k for k in range(lanes))
        kept = self._keep(m, start, advance, row_ends)
        for k in range(lanes):
            low, high = (b.o.payload.data[8 * (k + n) :][:8] for n in (0, lanes))
            m.d.comb += [
                self.o.payload.keep[k].eq(within[k] & kept[k]),
                self.o.payload.values[k].eq(
                    Mux(within[k] & plan.has_a, a.o.payload.data[16 * k : 16 * k + 16], 0)
                ),
                self.o.payload.codes[k].eq(Mux(within[k] & plan.has_b, Mux(is_odd, high, low), 0)),
            ]
        return m

    def _command(self, m: Module, start: Signal, is_free: Value) -> Value:
        """Hand a plan to both readers and to the walk over rows; its ``ready``."""
        plan, (a, b) = self.plan.payload, self._readers
        given = plan.instruction
        self._asks_parameters, parameters_taken = Signal(), Signal(name="parameters_taken")
        walk, codes, codes_taken = Signal(), Signal(), Signal()
        m.d.comb += [
            b.command.valid.eq(self._asks_parameters | codes),
            parameters_taken.eq(b.command.ready),
            codes_taken.eq(b.command.ready & ~self._asks_parameters),
            start.eq(walk & is_free),
        ]
        takers = [
            (plan.has_a, a.command.valid, a.command.ready),
            (plan.has_p, self._asks_parameters, parameters_taken),
            (plan.has_b, codes, codes_taken),
            (1, walk, is_free),
        ]

        def command(target, address: Value, rows, stride: Value, words: Value) -> list:
            loops = target.loops
            return [
                target.address.eq(address),
                loops[0].count.eq(rows),
                loops[0].increment.eq(stride),
                loops[1].count.eq(words),
                loops[1].increment.eq(1),
            ]

        m.d.comb += command(
            a.command.payload, given.a_address, given.rows, given.a_stride, plan.beats
        )
        is_pairs = given.opcode == Opcode.LAYERNORM
        words = Mux(is_pairs, plan.beats << 1, plan.beats)
        code_words = Mux(given.opcode == Opcode.RESCALE, 1, (plan.beats + 1) >> 1)
        with m.If(self._asks_parameters):
            m.d.comb += command(b.command.payload, given.p_address, 1, given.b_stride, words)
        with m.Else():
            m.d.comb += command(
                b.command.payload, given.b_address, given.rows, given.b_stride, code_words
            )
        return fork(m, self.plan.valid, takers, name="plan")

    def _keep(self, m: Module, start: Signal, advance: Signal, row_ends: Signal) -> list[Value]:
        """Which columns of a beat are less than ``span`` away from the row's number.

        With d = (first column of the beat) − (row), column k is kept if −span < d + k < span:
        ``above`` = span − d and ``below`` = span + d follow d from beat to beat.
        """
        lanes = 1 << self._log2_lanes
        span = self.plan.payload.instruction.span
        has_span = Signal()
        names = ("above", "below", "row_above", "row_below")
        above, below, row_above, row_below = (Signal(signed(18), name=name) for name in names)
        with m.If(advance):
            m.d.sync += [above.eq(above - lanes), below.eq(below + lanes)]
            with m.If(row_ends):
                m.d.sync += [
                    above.eq(row_above + 1),
                    row_above.eq(row_above + 1),
                    below.eq(row_below - 1),
                    row_below.eq(row_below - 1),
                ]
        with m.If(start):
            m.d.sync += [each.eq(span) for each in (above, below, row_above, row_below)]
            m.d.sync += has_span.eq(span != 0)
        return [~has_span | ((above > k) & (below > -k)) for k in range(lanes)]
