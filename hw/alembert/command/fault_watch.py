"""The first fault of a unit."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config.command import MachineFault
from ..config.isa import Unit

__all__ = ["FaultWatch"]


class FaultWatch(wiring.Component):
    """Finds the first unit with a fault, and holds it for the cycle in which its number is known.

    Parameters
    ----------
    units : sequence of Unit
        In the order of their precedence.

    Members
    -------
    enable : In
        Watch.
    faults : In, a MachineFault a unit
    busy : In, a bit a unit
        It has instructions under way.
    found : Out
        Some unit has a fault; combinational.
    asked_unit : Out
        Number of the first of them, in the same cycle.
    caught : Out
        In the cycle after: what follows is right.
    fault : Out, MachineFault
    unit : Out, Unit
    known : Out
        It had instructions under way.

    Latency: 1 cycle. Reset: nothing is caught.
    """

    enable: Signal
    faults: data.View
    busy: Signal
    found: Signal
    asked_unit: Signal
    caught: Signal
    fault: Signal
    unit: Signal
    known: Signal

    def __init__(self, units: Sequence[Unit]):
        self._units = tuple(units)
        super().__init__(
            {
                "enable": In(1),
                "faults": In(data.ArrayLayout(MachineFault, len(units))),
                "busy": In(len(units)),
                "found": Out(1),
                "asked_unit": Out(range(len(units))),
                "caught": Out(1),
                "fault": Out(MachineFault),
                "unit": Out(Unit),
                "known": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        faulty = Cat(self.faults[k] != MachineFault.NONE for k in range(len(self._units)))
        m.d.comb += self.found.eq(faulty.any() | self.caught)
        m.d.sync += self.caught.eq(self.enable & faulty.any() & ~self.caught)
        for index, unit in reversed(list(enumerate(self._units))):
            with m.If(faulty[index]):
                m.d.comb += self.asked_unit.eq(index)
                m.d.sync += [
                    self.fault.eq(self.faults[index]),
                    self.unit.eq(unit),
                    self.known.eq(self.busy[index]),
                ]
        return m
