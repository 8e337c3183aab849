"""Looks at an instruction before the special function engine executes it."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.isa import Opcode, ResultKind
from ..config.machine import MachineConfig
from ..config.special import SpecialFault
from .layouts import SpecialPlan, log2_lanes, special_instruction

__all__ = ["SpecialPlanner"]


class SpecialPlanner(wiring.Component):
    """Holds an instruction until it is executed, or refuses it in its turn.

    Parameters
    ----------
    machine : MachineConfig
        L, the longest row, whether codes are INT8.

    Members
    -------
    instruction : In, stream of special_instruction
    plan : Out, stream of SpecialPlan
    is_idle : In
        Nothing that was handed over is left.
    refused : Out
        High for a cycle when the instruction held is dropped; never while others are executed.
    reason : Out, SpecialFault
        Why the instruction held cannot be executed.
    busy : Out
        An instruction is held.

    Latency: ``latency`` cycle. Throughput: an instruction a cycle. Reset: drops the instruction.
    """

    instruction: stream.Interface
    plan: stream.Interface
    is_idle: Signal
    refused: Signal
    reason: Signal
    busy: Signal

    latency = 1

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        self._log2_lanes = log2_lanes(machine)
        super().__init__(
            {
                "instruction": In(stream.Signature(special_instruction())),
                "plan": Out(stream.Signature(SpecialPlan(machine))),
                "is_idle": In(1),
                "refused": Out(1),
                "reason": Out(SpecialFault),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        held = Signal(special_instruction())
        plan = self.plan.payload
        is_gelu, is_layernorm, is_rescale = Signal(), Signal(), Signal()
        lanes = 1 << self._log2_lanes
        # lifts are the encoder's: wide results have none
        has_lifts = is_gelu & held.has_lifts & (held.kind == ResultKind.CODES)
        m.d.comb += [
            is_gelu.eq(held.opcode == Opcode.GELU),
            is_layernorm.eq(held.opcode == Opcode.LAYERNORM),
            is_rescale.eq(held.opcode == Opcode.RESCALE),
            plan.instruction.eq(held),
            plan.beats.eq((held.columns + (lanes - 1)) >> self._log2_lanes),
            plan.has_a.eq(~is_layernorm | held.has_a),
            plan.has_b.eq((is_layernorm | is_rescale) & held.has_b),
            plan.has_p.eq(is_layernorm | has_lifts | (is_rescale & held.has_bias)),
            self.reason.eq(self._refusal(held)),
        ]
        is_good = self.reason == SpecialFault.NONE
        m.d.comb += [
            self.plan.valid.eq(self.busy & is_good),
            self.refused.eq(self.busy & ~is_good & self.is_idle),
            self.instruction.ready.eq(~self.busy | self.refused | (is_good & self.plan.ready)),
        ]
        with m.If(self.instruction.ready):
            m.d.sync += [held.eq(self.instruction.payload), self.busy.eq(self.instruction.valid)]
        return m

    def _refusal(self, held) -> Value:
        """Why the instruction cannot be executed; the first reason counts."""
        opcodes = [Opcode.SOFTMAX, Opcode.GELU, Opcode.LAYERNORM, Opcode.TANH]
        kinds = [ResultKind.CODES, ResultKind.WIDE]
        if self._machine.special.has_tokens:
            opcodes.append(Opcode.RESCALE)
            kinds.append(ResultKind.TOKEN)
        is_known = Cat(held.opcode == opcode for opcode in opcodes).any()
        is_rows = Cat(held.kind == kind for kind in kinds).any()
        reasons = [
            (~is_known, SpecialFault.OPCODE),
            ((held.rows == 0) | (held.columns == 0), SpecialFault.ZERO_DIMENSION),
            (held.columns > self._machine.longest_row, SpecialFault.TOO_LONG),
            (~is_rows, SpecialFault.KIND),
        ]
        found: ValueLike = SpecialFault.NONE
        for is_bad, reason in reversed(reasons):
            found = Mux(is_bad, reason, found)
        return Value.cast(found)
