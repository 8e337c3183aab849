"""Tells when nothing has happened for too long."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config.command import WATCHDOG_WIDTH

__all__ = ["Watchdog"]


class Watchdog(wiring.Component):
    """Counts cycles without progress.

    Members
    -------
    limit : In
        Cycles; 0: never. It may change at any time.
    enable : In
        Count; else the count is 0.
    progress : In
        Something happens in this cycle: the count starts again.
    expired : Out
        This is the ``limit``-th cycle in a row with ``enable`` and without ``progress``, or a
        later one.

    Latency: 0 cycles. Reset: the count is 0.
    """

    limit: Signal
    enable: Signal
    progress: Signal
    expired: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "limit": In(WATCHDOG_WIDTH),
                "enable": In(1),
                "progress": In(1),
                "expired": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        count = Signal(WATCHDOG_WIDTH)
        waits, is_over = Signal(), Signal()
        m.d.comb += [
            waits.eq(self.enable & ~self.progress),
            is_over.eq((self.limit != 0) & (count >= self.limit - 1)),
            self.expired.eq(waits & is_over),
        ]
        with m.If(~waits):
            m.d.sync += count.eq(0)
        with m.Elif(~is_over):
            m.d.sync += count.eq(count + 1)
        return m
