# amaranth: UnusedElaboratable=no
"""The special functions behind one stream: which of them, the instruction says."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from ..config.isa import Opcode
from ..config.machine import MachineConfig
from ..config.residual import ResidualFault
from ..config.sfu import RowFault
from ..config.special import SpecialFault
from ..sfu.gelu import Gelu
from ..sfu.layernorm import LayerNorm
from ..sfu.residual import ResidualAdd
from ..sfu.softmax import Softmax
from .layouts import OperandBeat, SpecialPlan, ValueBeat

__all__ = ["SpecialFunctions"]


class SpecialFunctions(wiring.Component):
    """Softmax, GELU, or residual addition and layer normalisation.

    Parameters
    ----------
    machine : MachineConfig
        Formats, L, longest row.

    Members
    -------
    plan : In, stream of SpecialPlan, always ready
        Holds from the next cycle on. Another opcode, or another LAYERNORM, only when the values of
        all rows have left.
    i : In, stream of OperandBeat
    parameters : In, stream of {first, second}
        L γ and L β of 16 bits: for LAYERNORM, a beat for each that leaves.
    o : Out, stream of ValueBeat
    fault : Out, SpecialFault
        OVERLONG_ROW or LENGTH_MISMATCH, until reset.

    Latency: :meth:`latency` of a row. Throughput: a beat a cycle, but for what the functions say of
    short rows. Reset: drops all rows and clears the fault.
    """

    plan: stream.Interface
    i: stream.Interface
    parameters: stream.Interface
    o: stream.Interface
    fault: Signal

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        special = machine.special
        self._softmax, self._gelu = Softmax(special.softmax), Gelu(special.gelu)
        self._residual, self._norm = ResidualAdd(special.residual), LayerNorm(special.layernorm)
        width = machine.scratchpad.word_width
        parameters = data.StructLayout({"first": width, "second": width})
        super().__init__(
            {
                "plan": In(stream.Signature(SpecialPlan(machine), always_ready=True)),
                "i": In(stream.Signature(OperandBeat(machine))),
                "parameters": In(stream.Signature(parameters)),
                "o": Out(stream.Signature(ValueBeat(machine))),
                "fault": Out(SpecialFault),
            }
        )

    def latency(self, opcode: Opcode, beats: int) -> int:
        """Cycles from the edge that takes the last of a row's ``beats`` beats to the one that can
        take its last values, if nothing waits."""
        if opcode is Opcode.GELU:
            return self._gelu.latency
        if opcode is Opcode.SOFTMAX:
            return self._softmax.latency(beats) + beats - 1
        return self._residual.latency + self._norm.latency + beats - 1

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.softmax = softmax = self._softmax
        m.submodules.gelu = gelu = self._gelu
        m.submodules.residual = residual = self._residual
        m.submodules.norm = norm = self._norm
        plan = Signal(SpecialPlan(self._machine))
        given = plan.instruction
        with m.If(self.plan.valid):
            m.d.sync += plan.eq(self.plan.payload)
        is_softmax, is_gelu, is_norm = (
            given.opcode == opcode for opcode in (Opcode.SOFTMAX, Opcode.GELU, Opcode.LAYERNORM)
        )

        beat = self.i.payload
        connect(m, residual.o, norm.i)
        m.d.comb += [
            softmax.i.valid.eq(self.i.valid & is_softmax),
            softmax.i.payload["values"].eq(beat["values"]),
            softmax.i.payload["keep"].eq(beat["keep"]),
            softmax.i.payload.last.eq(beat.last),
            gelu.i.valid.eq(self.i.valid & is_gelu),
            gelu.i.payload["values"].eq(beat["values"]),
            gelu.i.payload.last.eq(beat.last),
            # both at once: each is ready if the other is valid
            residual.wide.valid.eq(self.i.valid & is_norm),
            residual.wide.payload["values"].eq(beat["values"]),
            residual.wide.payload.last.eq(beat.last),
            residual.codes.valid.eq(self.i.valid & is_norm),
            residual.codes.payload.last.eq(beat.last),
            residual.multiplier.eq(given.b_multiplier),
            residual.shift.eq(given.shift),
            norm.length.eq(given.columns),
            norm.epsilon.eq(given.epsilon),
            self.i.ready.eq(
                (is_softmax & softmax.i.ready)
                | (is_gelu & gelu.i.ready)
                | (is_norm & residual.wide.ready)
            ),
        ]
        for k in range(self._machine.word_wides):
            m.d.comb += Value.cast(residual.codes.payload["codes"][k]).eq(beat["codes"][k])
        self._connect_parameters(m, norm)

        outputs = ((is_softmax, softmax.o), (is_gelu, gelu.o), (is_norm, norm.o))
        for is_this, o in outputs:
            m.d.comb += o.ready.eq(self.o.ready & is_this)
            with m.If(is_this):
                m.d.comb += [self.o.valid.eq(o.valid), self.o.payload.last.eq(o.payload.last)]
                for k in range(self._machine.word_wides):
                    m.d.comb += self.o.payload["values"][k].eq(o.payload["values"][k])
        self._keep_fault(m)
        return m

    def _connect_parameters(self, m: Module, norm: LayerNorm) -> None:
        m.d.comb += [
            norm.parameters.valid.eq(self.parameters.valid),
            norm.parameters.payload.gamma.as_value().eq(self.parameters.payload.first),
            norm.parameters.payload.beta.as_value().eq(self.parameters.payload.second),
            self.parameters.ready.eq(norm.parameters.ready),
        ]

    def _keep_fault(self, m: Module) -> None:
        """The units' own faults stay until reset, too."""
        overlong = (self._softmax.fault != RowFault.NONE) | (self._norm.fault != RowFault.NONE)
        mismatch = self._residual.fault != ResidualFault.NONE
        m.d.comb += self.fault.eq(
            Mux(
                overlong,
                SpecialFault.OVERLONG_ROW,
                Mux(mismatch, SpecialFault.LENGTH_MISMATCH, SpecialFault.NONE),
            )
        )
