# amaranth: UnusedElaboratable=no
"""The special function engine: SOFTMAX to RESCALE from instructions to words."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config.isa import Opcode, ResultKind
from ..config.machine import MachineConfig
from ..config.special import SpecialFault
from ..config.ternary import QuantiserFault
from ..matrix.fork import fork
from ..memory import read_signature, write_signature
from .functions import SpecialFunctions
from .layouts import special_instruction
from .operands import OperandReaders
from .parameters import ParameterMemory
from .planner import SpecialPlanner
from .results import SpecialResults

__all__ = ["SpecialEngine"]


class SpecialEngine(wiring.Component):
    """Executes the special functions' instructions, in order; L values a beat.

    A SOFTMAX may follow a SOFTMAX, a TANH a TANH, and a GELU without lifts its like, all of the
    same a_shift, while rows of the one before are still under way, unless that is of kind TOKEN;
    all else waits until the one before is done.

    Parameters
    ----------
    machine : MachineConfig
        Scratchpad; L = W/2, a power of two; formats; the longest row.

    Members
    -------
    instruction : In, stream of special_instruction
        Its result may lie apart from its operands, or row for row at the address and with the
        stride of one of them.
    done : Out
        High for a cycle an instruction, in order: after its last write was taken by the
        scratchpad, or when it has been refused.
    read_a, read_b : Out, read_signature
        Of the scratchpad: wide numbers; codes, rows' largest magnitudes and parameters.
    write_o : Out, write_signature
    fault : Out, SpecialFault
        The first one, until reset.
    busy : Out
        An instruction has been taken that is not done.
    issuing : Out
        A beat enters a function in this cycle.
    stalled : Out
        None does, though an instruction that has been taken has beats left.
    saturated : Out, 0…2L
        Residual sums, normalised and rescaled values that were beyond their range, each counted
        before its instruction's ``done``.

    Latency: ``latency`` cycles from the edge that takes an instruction with operands to the one
    at which its first beat enters, if the engine is empty and banks are free; of a whole
    instruction :meth:`cycles`. Throughput: a beat a cycle. Reset: drops all instructions; with the
    scratchpad, or for ``ReadPort.reset_cycles``. Errors: an instruction that cannot be executed
    ends without effect, and ``fault`` says why; later ones are executed.

    Raises
    ------
    ValueError
        L is no power of two.
    """

    instruction: stream.Interface
    done: Signal
    read_a: Any
    read_b: Any
    write_o: stream.Interface
    fault: Signal
    busy: Signal
    issuing: Signal
    stalled: Signal
    saturated: Signal

    latency = SpecialPlanner.latency + OperandReaders.latency
    readers = ("a", "b")
    writers = ("o",)

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        self._planner = SpecialPlanner(machine)
        self._functions = SpecialFunctions(machine)
        self._results = SpecialResults(machine)
        scratchpad = machine.scratchpad
        super().__init__(
            {
                "instruction": In(stream.Signature(special_instruction())),
                "done": Out(1),
                **{f"read_{name}": Out(read_signature(scratchpad)) for name in self.readers},
                **{f"write_{name}": Out(write_signature(scratchpad)) for name in self.writers},
                "fault": Out(SpecialFault),
                "busy": Out(1),
                "issuing": Out(1),
                "stalled": Out(1),
                "saturated": Out(range(2 * machine.word_wides + 1)),
            }
        )

    def cycles(self, opcode: Opcode, kind: ResultKind, rows: int, columns: int) -> int:
        """Cycles from the edge that takes an instruction to that of ``done``.

        The engine is empty, banks are free, all operands and no lifts are there, and rows are long
        enough to follow one another without a gap, see the functions; parameters are read in less
        time than the first row and its function take. Of kind TOKEN it is one row.
        """
        beats = -(-columns // self._machine.word_wides)
        way_out = self._functions.latency(opcode, beats) + self._results.latency(kind, beats) + 1
        return self.latency + rows * beats - 1 + way_out

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.planner = planner = self._planner
        m.submodules.operands = operands = OperandReaders(self._machine)
        m.submodules.parameters = parameters = ParameterMemory(self._machine)
        m.submodules.functions = functions = self._functions
        m.submodules.results = results = self._results
        connect(m, flipped(self.instruction), planner.instruction)
        connect(m, flipped(self.read_a), operands.read_a)
        connect(m, flipped(self.read_b), operands.read_b)
        connect(m, flipped(self.write_o), results.write)
        connect(m, operands.o, functions.i)
        connect(m, operands.parameters, parameters.i)
        connect(m, functions.o, results.i)

        # only one of the two is ready: only a GELU's results need lifts
        m.d.comb += [
            functions.parameters.valid.eq(parameters.o.valid),
            functions.parameters.payload.eq(parameters.o.payload),
            results.lifts.valid.eq(parameters.o.valid),
            results.lifts.payload.eq(parameters.o.payload.first),
            parameters.o.ready.eq(functions.parameters.ready | results.lifts.ready),
        ]

        plan = planner.plan.payload
        running, may_follow, launches = Signal(8), Signal(), Signal()
        shift = Signal.like(plan.instruction.a_shift)
        under_way = Signal(range(8))
        opcode, kind = plan.instruction.opcode, plan.instruction.kind
        is_like = (opcode == running) & (plan.instruction.a_shift == shift)
        is_like &= ~plan.has_p & may_follow
        m.d.comb += [
            planner.is_idle.eq(under_way == 0),
            launches.eq(planner.plan.valid & (planner.is_idle | is_like)),
            *(each.plan.payload.eq(plan) for each in (operands, functions, results)),
            parameters.command.payload.beats.eq(plan.beats),
            parameters.command.payload.pairs.eq(opcode == Opcode.LAYERNORM),
        ]
        takers = [
            (1, operands.plan.valid, operands.plan.ready),
            (1, functions.plan.valid, functions.plan.ready),
            (plan.has_p, parameters.command.valid, parameters.command.ready),
            (1, results.plan.valid, results.plan.ready),
        ]
        launched = fork(m, launches, takers, name="launch")
        m.d.comb += planner.plan.ready.eq(launches & launched)
        with m.If(launches & launched):
            # multiplier and shift of RESCALE hold still until its last row has left
            m.d.sync += [
                running.eq(opcode),
                shift.eq(plan.instruction.a_shift),
                may_follow.eq(
                    ~plan.has_p & (kind != ResultKind.TOKEN) & (opcode != Opcode.RESCALE)
                ),
            ]
        m.d.sync += under_way.eq(under_way + (launches & launched) - results.done)
        m.d.comb += self.busy.eq(planner.busy | (under_way != 0))
        self._keep_account(m, operands)
        return m

    def _keep_account(self, m: Module, operands: OperandReaders) -> None:
        """What goes on, and the first fault."""
        planner, functions, results = self._planner, self._functions, self._results
        m.d.comb += [
            self.done.eq(results.done | planner.refused),
            self.saturated.eq(functions.saturated),
            self.issuing.eq(operands.o.valid & operands.o.ready),
            self.stalled.eq((operands.walking | planner.busy) & ~self.issuing),
        ]
        is_overlong = results.fault != QuantiserFault.NONE
        broken = Mux(is_overlong, SpecialFault.OVERLONG_ROW, functions.fault)
        with m.If(self.fault == SpecialFault.NONE):
            m.d.sync += self.fault.eq(Mux(planner.refused, planner.reason, broken))
