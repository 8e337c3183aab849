# amaranth: UnusedElaboratable=no
"""Wide numbers times their row's scale, plus their column's bias."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config import Overflow
from ..config.machine import MachineConfig
from ..formats import fits, overflow
from ..ternary.rescale import Rescale
from .layouts import ValueBeat, log2_lanes

__all__ = ["RowRescale"]


class RowRescale(wiring.Component):
    """y = saturate16(round_half_even(a · c / 2^r) + bias), c / 2^r ≈ multiplier · max / 2^shift.

    c and r are those of :class:`Rescale`, whose results have a bit more than 16: added to a bias of
    16 bits they saturate as exact sums do. Where c / 2^r is 2^16 or more, results are the limits of
    a's sign, as by the formula: that is no fault.

    Parameters
    ----------
    machine : MachineConfig
        L and formats; its codes are INT8.

    Members
    -------
    i : In, stream of {values: ArrayLayout(signed(16), L), max, last}
    multiplier, shift : In, 32 and 6 bits
        Taken with each beat.
    columns, has_bias : In, 16 bits and 1 bit
        Steady while beats are under way: values of a row, beyond whose end there are no biases.
    biases : In, stream of words
        L numbers of 16 bits for each beat, with ``has_bias`` only.
    o : Out, stream of ValueBeat
    saturated : Out, L bits
        Which of the values at ``o`` were beyond their range.

    Latency: ``latency`` cycles from the edge that takes a beat to the one that can take its
    results, if its biases are there. Throughput: a beat a cycle. Reset: drops the beats under way.
    """

    i: stream.Interface
    multiplier: Signal
    shift: Signal
    columns: Signal
    has_bias: Signal
    biases: stream.Interface
    o: stream.Interface
    saturated: Signal

    def __init__(self, machine: MachineConfig):
        self._log2_lanes = log2_lanes(machine)
        self._rescale = Rescale(machine.special.rescale)
        self.latency = self._rescale.latency + 1
        config = machine.special.rescale
        super().__init__(
            {
                "i": In(self._rescale.i.signature.flip()),
                "multiplier": In(config.MULTIPLIER_WIDTH),
                "shift": In(config.SHIFT_WIDTH),
                "columns": In(16),
                "has_bias": In(1),
                "biases": In(stream.Signature(machine.scratchpad.word_width)),
                "o": Out(stream.Signature(ValueBeat(machine))),
                "saturated": Out(1 << self._log2_lanes),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.rescale = rescale = self._rescale
        connect(m, flipped(self.i), rescale.i)
        advance, is_met = Signal(), Signal()
        m.d.comb += [
            rescale.i_multiplier.eq(self.multiplier),
            rescale.i_shift.eq(self.shift),
            advance.eq(~self.o.valid | self.o.ready),
            is_met.eq(rescale.o.valid & (self.biases.valid | ~self.has_bias)),
            rescale.o.ready.eq(advance & is_met),
            self.biases.ready.eq(advance & rescale.o.valid & self.has_bias),
        ]
        lanes = 1 << self._log2_lanes
        last, within = rescale.o.payload.last, Signal(lanes)
        with m.Switch(self.columns[: self._log2_lanes]):  # of a row's last beat; 0: it is full
            for left in range(lanes):
                with m.Case(left):
                    m.d.comb += within.eq((1 << (left or lanes)) - 1)
        with m.If(advance):
            m.d.sync += [self.o.valid.eq(is_met), self.o.payload.last.eq(last)]
        for k in range(lanes):
            bias, total = (
                Signal(signed(16), name=f"bias_{k}"),
                Signal(signed(18), name=f"total_{k}"),
            )
            with m.If(self.has_bias & (~last | within[k])):
                m.d.comb += bias.eq(self.biases.payload.word_select(k, 16))
            m.d.comb += total.eq(rescale.o.payload["values"][k] + bias)
            with m.If(advance):
                m.d.sync += [
                    self.o.payload["values"][k].eq(overflow(total, 16, Overflow.SATURATE)),
                    self.saturated[k].eq(~fits(total, 16)),
                ]
        return m
