# amaranth: UnusedElaboratable=no
"""The VMAC: stationary weights, a dot product a cycle, and its accumulator."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic import Arithmetic, arithmetic_for
from ..config import VmacConfig
from .accumulator import AccumulateControl, Accumulator

__all__ = ["ActivationVector", "Vmac", "WeightVector"]


class ActivationVector(data.StructLayout):
    """What moves from VMAC to VMAC: V prepared activations, and whether new weights begin here."""

    def __init__(self, arithmetic: Arithmetic):
        super().__init__(
            {
                "lanes": data.ArrayLayout(arithmetic.activation_lane, arithmetic.lanes),
                "swap": 1,
            }
        )


class WeightVector(data.StructLayout):
    """V prepared weights and the correction they call for (no bits in some arithmetics)."""

    def __init__(self, arithmetic: Arithmetic):
        super().__init__(
            {
                "lanes": data.ArrayLayout(arithmetic.weight_lane, arithmetic.lanes),
                "correction": arithmetic.correction_width,
            }
        )


class Vmac(wiring.Component):
    """One VMAC of a systolic chain: o[row] += Σ activations · weights, exact.

    Activations pass through to the next VMAC, one hop a cycle. Weights are double-buffered:
    ``load`` fills the shadow at any time, and the vector that carries ``swap`` is the first to
    meet them. Nothing in the chain stalls: what does not belong to a matrix is zero, and room
    for what comes out is reserved before it goes in.

    Parameters
    ----------
    config : VmacConfig
        Formats, V, rows, largest depth, pipelining.

    Members
    -------
    i, o : In, Out, ActivationVector
        From the VMAC before, to the one after.
    i_control, o_control : In, Out, AccumulateControl
        The same hop for the control; it enters ``control_delay`` cycles after its activations.
    weights : In, V prepared weights
    load : In
        Take ``weights`` into the shadow.
    correction, load_correction : In, if the arithmetic has a correction
        The same for the correction, ``correction_delay`` cycles after its weights: it is added
        that much later in the dot product, when sums of the weights before have passed.
    sum : Out, signed(config.accumulator_width)
        The row's sum after this vector, ``latency`` cycles after the vector entered.
    sum_control : Out, AccumulateControl
        The control that belongs to ``sum``.

    Latency: ``latency`` cycles. Throughput: a vector (V multiplications) a cycle.
    """

    i: data.View
    o: data.View
    i_control: data.View
    o_control: data.View
    weights: data.View
    load: Signal
    correction: Signal
    load_correction: Signal
    sum: Signal
    sum_control: data.View

    def __init__(self, config: VmacConfig):
        self.config = config
        self.arithmetic = arithmetic_for(
            config.pair, lanes=config.lanes, levels_per_stage=config.levels_per_stage
        )
        self._dot = self.arithmetic.dot_product()
        self._accumulator = Accumulator(
            width=config.accumulator_width,
            term_width=self.arithmetic.dot_width,
            rows=config.rows,
            has_carry=self._dot.has_carry,
        )
        self.min_distance = self._accumulator.min_distance
        # one hop, the dot product, the addition
        self.latency = 1 + self._dot.latency + 1
        self.control_delay = self._dot.latency - self._accumulator.lead
        self.correction_delay = self._dot.latency - 1
        control = AccumulateControl(config.rows)
        vector = ActivationVector(self.arithmetic)
        members = {
            "i": In(vector),
            "o": Out(vector),
            "i_control": In(control),
            "o_control": Out(control),
            "weights": In(WeightVector(self.arithmetic)["lanes"].shape),
            "load": In(1),
            "sum": Out(signed(config.accumulator_width)),
            "sum_control": Out(control),
        }
        if self.arithmetic.correction_width:
            members["correction"] = In(self.arithmetic.correction_width)
            members["load_correction"] = In(1)
        super().__init__(members)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dot = dot = self._dot
        m.submodules.accumulator = accumulator = self._accumulator

        def double_buffer(value, load, swap, name: str) -> Signal:
            shadow = Signal.like(value, name=f"{name}_shadow", reset_less=True)
            active = Signal.like(value, name=name, reset_less=True)
            with m.If(load):
                m.d.sync += shadow.eq(value)
            with m.If(swap):
                m.d.sync += active.eq(shadow)
            return active

        weights = double_buffer(self.weights, self.load, self.i.swap, "active_weights")
        if self.arithmetic.correction_width:
            late_swap = Signal(self.correction_delay)
            m.d.sync += late_swap.eq(Cat(self.i.swap, late_swap[:-1]))
            m.d.comb += dot.correction.eq(
                double_buffer(
                    self.correction, self.load_correction, late_swap[-1], "active_correction"
                )
            )
        m.d.sync += [self.o.eq(self.i), self.o_control.eq(self.i_control)]

        m.d.comb += [
            dot.activations.eq(self.o.lanes),
            dot.weights.eq(weights),
            accumulator.i.eq(dot.o),
            accumulator.control.eq(self.o_control),
            self.sum.eq(accumulator.o),
            self.sum_control.eq(accumulator.o_control),
        ]
        if dot.has_carry:
            m.d.comb += accumulator.carry.eq(dot.carry)
        return m
