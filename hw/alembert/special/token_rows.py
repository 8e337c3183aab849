# amaranth: UnusedElaboratable=no
"""Values of a special function to rows of INT8 codes that each have a scale of their own."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import Overflow
from ..config.machine import MachineConfig
from ..config.ternary import QuantiserFault
from ..formats import overflow
from ..ternary.activation_quantiser import ActivationQuantiser
from .layouts import ValueBeat

__all__ = ["TokenRows"]


class TokenRows(wiring.Component):
    """A row's codes, 127 · x / max|x|, in words, and behind them a word with max|x|.

    Values are saturated to 16 bits, then quantised: see :class:`ActivationQuantiser`. Two beats of
    codes are a word; the last word of a row is filled up with zeros, and so is that of max|x|.

    Parameters
    ----------
    machine : MachineConfig
        Scratchpad, L, the longest row; its codes are INT8.

    Members
    -------
    i : In, stream of ValueBeat
    o : Out, stream of words
        ⌈beats / 2⌉ + 1 a row.
    fault : Out, QuantiserFault
        A row had more beats than the longest; until reset.

    Latency: :meth:`latency` of a row. Throughput: the quantiser's: a beat a cycle, and a pause
    between rows. Reset: drops all rows and clears the fault.
    """

    i: stream.Interface
    o: stream.Interface
    fault: Signal

    def __init__(self, machine: MachineConfig):
        self._quantiser = ActivationQuantiser(machine.special.quantiser)
        super().__init__(
            {
                "i": In(stream.Signature(ValueBeat(machine))),
                "o": Out(stream.Signature(machine.scratchpad.word_width)),
                "fault": Out(QuantiserFault),
            }
        )

    def latency(self, beats: int) -> int:
        """Cycles from the edge that takes the last of a row's beats to the one that can take its
        last word."""
        return self._quantiser.latency + beats

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.quantiser = quantiser = self._quantiser
        m.d.comb += [
            quantiser.i.valid.eq(self.i.valid),
            quantiser.i.payload.last.eq(self.i.payload.last),
            self.i.ready.eq(quantiser.i.ready),
            self.fault.eq(quantiser.o_fault),
        ]
        for k in range(quantiser.config.lanes):
            value = overflow(self.i.payload["values"][k], 16, Overflow.SATURATE)
            m.d.comb += quantiser.i.payload["values"][k].eq(value)

        beat = quantiser.o.payload
        codes = beat["values"].as_value()
        low = Signal.like(codes, reset_less=True)
        is_odd, is_behind, completes = Signal(), Signal(), Signal()  # behind the row's codes
        m.d.comb += [
            completes.eq(is_odd | beat.last),
            self.o.valid.eq(quantiser.o.valid & (completes | is_behind)),
            self.o.payload.eq(Mux(is_behind, beat.max, Mux(is_odd, Cat(low, codes), codes))),
            # the last beat stays until its row's largest has gone too
            quantiser.o.ready.eq(
                Mux(is_behind | (completes & ~beat.last), self.o.ready, ~completes)
            ),
        ]
        with m.If(quantiser.o.valid & ~completes):
            m.d.sync += [low.eq(codes), is_odd.eq(1)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [is_odd.eq(0), is_behind.eq(beat.last & ~is_behind)]
        return m
