"""Soft reset: the bus is drained first, then everything behind the registers is reset."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SoftReset"]


class SoftReset(wiring.Component):
    """On request: ``drain`` until the bus is ``idle``, then ``reset`` for some cycles.

    Members
    -------
    request : In
        A pulse; ignored while one is served.
    idle : In
        No burst is under way. Under ``drain`` it stays.
    drain : Out
        Begin no burst, and finish those under way.
    reset : Out
    busy : Out
        A request is being served.

    Latency: as long as memory takes to answer what is under way; no bus can be reset before. Then
    ``reset_cycles``. Reset: serves nothing.
    """

    request: Signal
    idle: Signal
    drain: Signal
    reset: Signal
    busy: Signal

    reset_cycles = 4
    """Enough for every part, see :class:`alembert.memory.ReadPort`."""

    def __init__(self) -> None:
        super().__init__(
            {
                "request": In(1),
                "idle": In(1),
                "drain": Out(1),
                "reset": Out(1),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        left = Signal(range(self.reset_cycles))
        m.d.comb += [self.drain.eq(self.busy), self.busy.eq(1)]
        with m.FSM(name="serve"):
            with m.State("READY"):
                m.d.comb += self.busy.eq(0)
                with m.If(self.request):
                    m.next = "BEGIN"
            with m.State("BEGIN"):  # what has just been begun is no longer idle
                m.next = "DRAIN"
            with m.State("DRAIN"), m.If(self.idle):
                m.d.sync += left.eq(self.reset_cycles - 1)
                m.next = "RESET"
            with m.State("RESET"):
                m.d.comb += self.reset.eq(1)
                m.d.sync += left.eq(left - 1)
                with m.If(left == 0):
                    m.next = "READY"
        return m
