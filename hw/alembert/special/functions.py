# amaranth: UnusedElaboratable=no
"""The special functions behind one stream: which of them, the instruction says."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from ..arithmetic.population import count_ones
from ..config.isa import Opcode
from ..config.machine import MachineConfig
from ..config.residual import ResidualFault
from ..config.sfu import RowFault
from ..config.special import SpecialFault
from ..sfu.gelu import Gelu
from ..sfu.layernorm import LayerNorm
from ..sfu.residual import ResidualAdd
from ..sfu.softmax import Softmax
from ..sfu.tanh import Tanh
from .layouts import OperandBeat, SpecialPlan, ValueBeat
from .row_rescale import RowRescale

__all__ = ["SpecialFunctions"]


class SpecialFunctions(wiring.Component):
    """Softmax, GELU, tanh, residual addition and layer normalisation, or, where codes are INT8,
    rescaling.

    Parameters
    ----------
    machine : MachineConfig
        Formats, L, longest row.

    Members
    -------
    plan : In, stream of SpecialPlan, always ready
        Holds from the next cycle on. Another opcode, another a_shift, or another LAYERNORM or
        RESCALE, only when the values of all rows have left.
    i : In, stream of OperandBeat
    parameters : In, stream of {first, second}
        L γ and L β of 16 bits: for LAYERNORM, a beat for each that leaves; for RESCALE with a bias
        L of them as ``first``.
    o : Out, stream of ValueBeat
    fault : Out, SpecialFault
        OVERLONG_ROW or LENGTH_MISMATCH, until reset.
    saturated : Out, 0…2L
        Residual sums, normalised and rescaled values that were beyond their range, in the cycle
        after they are taken.

    Latency: :meth:`latency` of a row. Throughput: a beat a cycle, but for what the functions say of
    short rows. Reset: drops all rows and clears the fault.
    """

    plan: stream.Interface
    i: stream.Interface
    parameters: stream.Interface
    o: stream.Interface
    fault: Signal
    saturated: Signal

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        special = machine.special
        self._softmax, self._gelu = Softmax(special.softmax), Gelu(special.gelu)
        self._tanh = Tanh(special.tanh)
        self._rescale = RowRescale(machine) if special.has_tokens else None
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
                "saturated": Out(range(2 * machine.word_wides + 1)),
            }
        )

    def latency(self, opcode: Opcode, beats: int) -> int:
        """Cycles from the edge that takes the last of a row's ``beats`` beats to the one that can
        take its last values, if nothing waits."""
        if opcode in (Opcode.GELU, Opcode.TANH):
            return self._gelu.latency if opcode is Opcode.GELU else self._tanh.latency
        if opcode is Opcode.RESCALE:
            assert self._rescale is not None  # else there is no such instruction
            return self._rescale.latency
        if opcode is Opcode.SOFTMAX:
            return self._softmax.latency(beats) + beats - 1
        return self._residual.latency + self._norm.latency + beats - 1

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.softmax = softmax = self._softmax
        m.submodules.gelu = gelu = self._gelu
        m.submodules.tanh = tanh = self._tanh
        m.submodules.residual = residual = self._residual
        m.submodules.norm = norm = self._norm
        plan = Signal(SpecialPlan(self._machine))
        with m.If(self.plan.valid):
            m.d.sync += plan.eq(self.plan.payload)
        given, beat = plan.instruction, self.i.payload
        units: dict[Opcode, tuple[Any, Any]] = {
            Opcode.SOFTMAX: (softmax.i, softmax.o),
            Opcode.GELU: (gelu.i, gelu.o),
            Opcode.TANH: (tanh.i, tanh.o),
            # with its codes at once: each is ready if the other is valid
            Opcode.LAYERNORM: (residual.wide, norm.o),
        }
        if self._rescale is not None:
            m.submodules.rescale = self._rescale
            units[Opcode.RESCALE] = (self._rescale.i, self._rescale.o)
        for opcode, (i, o) in units.items():
            is_this = Signal(name=f"is_{opcode.name.lower()}")
            m.d.comb += [
                is_this.eq(given.opcode == opcode),
                i.valid.eq(self.i.valid & is_this),
                i.payload["values"].eq(beat["values"]),
                i.payload.last.eq(beat.last),
                o.ready.eq(self.o.ready & is_this),
            ]
            with m.If(is_this):
                m.d.comb += [
                    self.i.ready.eq(i.ready),
                    self.o.valid.eq(o.valid),
                    self.o.payload.last.eq(o.payload.last),
                ]
                for k in range(self._machine.word_wides):
                    m.d.comb += self.o.payload["values"][k].eq(o.payload["values"][k])

        connect(m, residual.o, norm.i)
        m.d.comb += [
            softmax.i.payload["keep"].eq(beat["keep"]),
            softmax.shift.eq(given.a_shift),
            gelu.shift.eq(given.a_shift),
            residual.codes.valid.eq(residual.wide.valid),
            residual.codes.payload.last.eq(beat.last),
            residual.multiplier.eq(given.b_multiplier),
            residual.shift.eq(given.shift),
            norm.length.eq(given.columns),
            norm.epsilon.eq(given.epsilon),
        ]
        for k in range(self._machine.word_wides):
            m.d.comb += Value.cast(residual.codes.payload["codes"][k]).eq(beat["codes"][k])
        self._connect_parameters(m, plan)
        self._keep_fault(m)
        self._count_saturated(m)
        return m

    def _connect_parameters(self, m: Module, plan) -> None:
        """Only one of the two is ready: the other has no beat that waits for parameters."""
        norm, rescale = self._norm.parameters, self._rescale
        m.d.comb += [
            norm.valid.eq(self.parameters.valid),
            norm.payload.gamma.as_value().eq(self.parameters.payload.first),
            norm.payload.beta.as_value().eq(self.parameters.payload.second),
            self.parameters.ready.eq(norm.ready),
        ]
        if rescale is not None:
            m.d.comb += [
                rescale.i.payload["max"].eq(self.i.payload["max"]),
                rescale.multiplier.eq(plan.instruction.multiplier),
                rescale.shift.eq(plan.instruction.shift),
                rescale.columns.eq(plan.instruction.columns),
                rescale.has_bias.eq(plan.has_p),
                rescale.biases.valid.eq(self.parameters.valid),
                rescale.biases.payload.eq(self.parameters.payload.first),
                self.parameters.ready.eq(norm.ready | rescale.biases.ready),
            ]

    def _count_saturated(self, m: Module) -> None:
        """Only one of the two that leave has a valid beat."""
        units = [self._residual, self._norm, *([self._rescale] if self._rescale else [])]
        sums, *results = [
            unit.saturated & (unit.o.valid & unit.o.ready).replicate(len(unit.saturated))
            for unit in units
        ]
        m.d.sync += self.saturated.eq(count_ones(Cat(sums, reduce(or_, results))))

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
