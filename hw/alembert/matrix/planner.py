"""Looks at an instruction before anybody acts on it."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import VmacArrayConfig
from ..config.isa import Opcode, ResultKind
from ..config.machine import MachineConfig
from ..config.matrix import MatrixFault
from .layouts import Plan, matrix_instruction

__all__ = ["Planner"]

_DIMENSIONS = ("rows", "columns", "depth")


class Planner(wiring.Component):
    """Refuses what cannot be executed; finds out how many words of weights a block of rows needs.

    words = N · channel words + ⌈K/V⌉ · N · beat words, added up a pass a cycle: nothing to
    multiply, and done while the instruction before is executed.

    Parameters
    ----------
    machine : MachineConfig
        How weights lie in memory.
    array : VmacArrayConfig
        V, C, R, largest K.
    has_weight_stream : bool
        LINEAR is possible.

    Members
    -------
    instruction : In, stream of matrix_instruction
    plan : Out, stream of Plan
        Those that are accepted, in order.
    is_alone : In
        All instructions before the one here have ended.
    refused : Out
        High for a cycle when the one here ends without effect; not before it is alone.
    fault : Out, MatrixFault
        Why, in that cycle.

    Latency: 2 cycles from the edge that takes MATMUL to the one that can take its plan; LINEAR
    takes ⌈K/V⌉ cycles more. Throughput: an instruction in 3 cycles, and as many more. Reset: drops
    the instruction.
    """

    instruction: stream.Interface
    plan: stream.Interface
    is_alone: Signal
    refused: Signal
    fault: Signal

    latency = 2

    def __init__(self, machine: MachineConfig, array: VmacArrayConfig, *, has_weight_stream: bool):
        self._array = array
        self._channel_words = machine.channel_words
        self._beat_words = machine.weight_beat_words(array)
        self._has_weight_stream = has_weight_stream
        pair = array.vmac.pair
        self.has_products = pair.weight == pair.activation
        codes = machine.word_codes
        # a word of a column is of one block of rows, and of as many rows as there are lanes
        self.has_columns = array.vmacs == codes and array.vmac.rows % codes == 0
        super().__init__(
            {
                "instruction": In(stream.Signature(matrix_instruction())),
                "plan": Out(stream.Signature(Plan())),
                "is_alone": In(1),
                "refused": Out(1),
                "fault": Out(MatrixFault),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        V = self._array.vmac.lanes
        held = Signal(matrix_instruction())
        is_linear = Signal()
        depth_left = Signal.like(held.depth)
        words_width = len(self.plan.payload.weight_words)
        words = Signal(words_width)
        m.d.comb += [
            is_linear.eq(held.opcode == Opcode.LINEAR),
            self.plan.payload.instruction.eq(held),
            self.plan.payload.is_linear.eq(is_linear),
            self.plan.payload.weight_words.eq(words),
        ]

        reason = Signal(MatrixFault)
        m.d.comb += reason.eq(self._refusal(held, is_linear))
        with m.FSM(name="plan_states"):
            with m.State("TAKE"):
                m.d.comb += self.instruction.ready.eq(1)
                m.d.sync += held.eq(self.instruction.payload)
                with m.If(self.instruction.valid):
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.sync += [
                    words.eq(held.columns * self._channel_words),
                    depth_left.eq(held.depth),
                    self.fault.eq(reason),
                ]
                with m.If(reason != MatrixFault.NONE):
                    m.next = "REFUSE"
                with m.Elif(is_linear & self._has_weight_stream):
                    m.next = "COUNT"
                with m.Else():
                    m.next = "HAND_OVER"
            with m.State("COUNT"):
                following, is_overflow = Signal(words_width + 2), Signal()
                m.d.comb += [
                    following.eq(words + held.columns * self._beat_words),
                    is_overflow.eq((following >> words_width).any()),
                ]
                m.d.sync += [
                    words.eq(following),
                    depth_left.eq(depth_left - V),
                    self.fault.eq(MatrixFault.TOO_MANY_WEIGHTS),
                ]
                with m.If(is_overflow):
                    m.next = "REFUSE"
                with m.Elif(depth_left <= V):
                    m.next = "HAND_OVER"
            with m.State("HAND_OVER"):
                m.d.comb += self.plan.valid.eq(1)
                with m.If(self.plan.ready):
                    m.next = "TAKE"
            with m.State("REFUSE"):
                m.d.comb += self.refused.eq(self.is_alone)
                with m.If(self.is_alone):
                    m.next = "TAKE"
        return m

    def _refusal(self, held, is_linear: Signal) -> Value:
        """Why the instruction cannot be executed; the first reason counts."""
        is_matmul = held.opcode == Opcode.MATMUL
        kinds = [ResultKind.CODES, ResultKind.WIDE]
        if self.has_columns:
            kinds.append(ResultKind.COLUMNS)
        reasons = [
            (~is_linear & ~is_matmul, MatrixFault.OPCODE),
            (Cat(held[name] == 0 for name in _DIMENSIONS).any(), MatrixFault.ZERO_DIMENSION),
            (held.depth > self._array.vmac.max_depth, MatrixFault.TOO_DEEP),
            (~Cat(held.kind == kind for kind in kinds).any(), MatrixFault.KIND),
        ]
        if not self._has_weight_stream:
            reasons.append((is_linear, MatrixFault.NO_WEIGHT_STREAM))
        if not self.has_products:
            reasons.append((is_matmul, MatrixFault.NO_PRODUCTS))
        found: ValueLike = MatrixFault.NONE
        for is_bad, reason in reversed(reasons):
            found = Mux(is_bad, reason, found)
        return Value.cast(found)
