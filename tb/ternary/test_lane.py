"""The add/subtract lane: every input, and silence behind a zero weight."""

from __future__ import annotations

from alembert.ternary.lane import add_subtract
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from support.simulate import simulate


class Probe(wiring.Component):
    """The lane behind ports."""

    activation: Signal
    weight: Signal
    o: Signal

    def __init__(self) -> None:
        super().__init__({"activation": In(signed(8)), "weight": In(2), "o": Out(8)})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.comb += self.o.eq(add_subtract(self.activation, self.weight[0], self.weight[1]))
        return m


def test_rtl_is_the_definition(simulator: str) -> None:
    simulate(Probe(), simulator=simulator, module="ternary.bench_lane", top="ternary_lane")
