# amaranth: UnusedElaboratable=no
"""The systolic chain of C VMACs, each with its post-processing, and the results brought level."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic.population import count_ones
from ..config import VmacArrayConfig
from ..hierarchy import emit_once
from .accumulator import AccumulateControl
from .layouts import PreparedChannel, ResultBeat
from .postprocess import ChannelPostprocessor
from .vmac import ActivationVector, Vmac, WeightVector

__all__ = ["VmacArray"]


class VmacArray(wiring.Component):
    """C VMACs in a row: activations hop from one to the next, results leave together.

    VMAC c sees a vector c cycles after VMAC 0, and its result is held C − 1 − c cycles, so that
    the C results of a row leave side by side. Nothing stalls in here.

    Parameters
    ----------
    config : VmacArrayConfig
        The element and how many.

    Members
    -------
    i : In, ActivationVector
    control : In, AccumulateControl
        In the same cycle as its vector.
    weights : In, WeightVector
    load_weights : In, C bits
        Which VMACs take ``weights`` into their shadow.
    parameters : In, PreparedChannel
    load_parameters : In, C bits
        Which channels take ``parameters`` into their shadow.
    parameters_taken : Out
        Channel 0 takes over its shadow in this cycle, channel c does c cycles later.
    o : Out, ResultBeat
    o_valid : Out
    saturated : Out, 0…C
        Wide results of the channels that were beyond their range, each as soon as it is there: in
        the cycle after it leaves its channel, not beside ``o``.

    Latency: ``latency`` cycles. Throughput: V · C multiplications a cycle.
    """

    i: data.View
    control: data.View
    weights: data.View
    load_weights: Signal
    parameters: data.View
    load_parameters: Signal
    parameters_taken: Signal
    o: data.View
    o_valid: Signal
    saturated: Signal

    def __init__(self, config: VmacArrayConfig):
        self.config = config
        self.vmacs = [Vmac(config.vmac) for _ in range(config.vmacs)]
        self._channels = [ChannelPostprocessor(config) for _ in range(config.vmacs)]
        first = self.vmacs[0]
        self.arithmetic = first.arithmetic
        self.min_distance = first.min_distance
        self.latency = first.latency + self._channels[0].latency + config.vmacs - 1
        super().__init__(
            {
                "i": In(ActivationVector(self.arithmetic)),
                "control": In(AccumulateControl(config.vmac.rows)),
                "weights": In(WeightVector(self.arithmetic)),
                "load_weights": In(config.vmacs),
                "parameters": In(PreparedChannel(config)),
                "load_parameters": In(config.vmacs),
                "parameters_taken": Out(1),
                "o": Out(ResultBeat(config)),
                "o_valid": Out(1),
                "saturated": Out(range(config.vmacs + 1)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()

        def delay(value, cycles: int, name: str):
            for stage in range(cycles):
                late = Signal.like(value, name=f"{name}_{stage}", reset_less=True)
                m.d.sync += late.eq(value)
                value = late
            return value

        vector = self.i
        control = Signal.like(self.control, name="entering")
        m.d.comb += control.eq(self.control)
        for stage in range(self.vmacs[0].control_delay):
            late = Signal.like(control, name=f"entering_{stage}")
            m.d.sync += late.eq(control)
            control = late

        correction_delay = self.vmacs[0].correction_delay
        correction = delay(self.weights.correction, correction_delay, "correction")
        load_correction = delay(self.load_weights, correction_delay, "load_correction")

        for index, (vmac, channel) in enumerate(zip(self.vmacs, self._channels)):
            m.submodules[f"vmac_{index}"] = emit_once(vmac, key=self.config.vmac)
            m.submodules[f"channel_{index}"] = emit_once(channel, key=self.config)
            m.d.comb += [
                vmac.i.eq(vector),
                vmac.i_control.eq(control),
                vmac.weights.eq(self.weights.lanes),
                vmac.load.eq(self.load_weights[index]),
                channel.sum.eq(vmac.sum),
                channel.control.eq(vmac.sum_control),
                channel.parameters.eq(self.parameters),
                channel.load.eq(self.load_parameters[index]),
            ]
            if self.arithmetic.correction_width:
                m.d.comb += [
                    vmac.correction.eq(correction),
                    vmac.load_correction.eq(load_correction[index]),
                ]
            hold = self.config.vmacs - 1 - index
            m.d.comb += self.o.values[index].eq(delay(channel.o, hold, f"level_{index}"))
            vector, control = vmac.o, vmac.o_control

        flags = Cat(channel.saturated for channel in self._channels)
        m.d.sync += self.saturated.eq(count_ones(flags))
        first, last = self.vmacs[0], self._channels[-1]
        m.d.comb += [
            self.parameters_taken.eq(first.sum_control.valid & first.sum_control.tile_start),
            self.o_valid.eq(last.valid),
            self.o.end.eq(last.end),
        ]
        return m
