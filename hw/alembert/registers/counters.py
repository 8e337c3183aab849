"""Counters of events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config.checks import require_between

__all__ = ["Counters"]


class Counters(wiring.Component):
    """Counts, for each of its names, the cycles in which something is so.

    Parameters
    ----------
    names : iterable of str
        What is counted.
    width : int
        Bits of a counter, 1…64. It wraps: 48 bits do so after 32 days at 100 MHz.

    Members
    -------
    clear : In
        All counters to 0; what happens in the same cycle is not counted.
    counted : In, a port of one bit for each name
        High in a cycle that counts.
    counts : Out, a port of ``width`` bits for each name

    Latency: 1 cycle. Throughput: an event of each name a cycle. Reset: as ``clear``. Errors: none.

    Raises
    ------
    TypeError
        The width is not an int.
    ValueError
        It is out of its range.
    """

    clear: Signal
    counted: Any
    counts: Any

    def __init__(self, names: Iterable[str], width: int = 48) -> None:
        require_between("width of a counter", width, 1, 64)
        self.names = tuple(names)
        self.width = width
        super().__init__(
            {
                "clear": In(1),
                "counted": In(wiring.Signature({name: Out(1) for name in self.names})),
                "counts": Out(wiring.Signature({name: Out(width) for name in self.names})),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        for name in self.names:
            count = getattr(self.counts, name)
            with m.If(self.clear):
                m.d.sync += count.eq(0)
            with m.Elif(getattr(self.counted, name)):
                m.d.sync += count.eq(count + 1)
        return m
