"""Counters of cycles, and of results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config.checks import require_between
from ..config.machine import MachineConfig
from ..config.registers import SATURATIONS, most_saturated

__all__ = ["Counters", "Sums", "saturation_layout"]


def saturation_layout(machine: MachineConfig) -> data.StructLayout:
    """How many results each unit of a machine saturates in a cycle, by its counter's name."""
    most = {name: most_saturated(machine, unit) for unit, name in SATURATIONS.items()}
    return data.StructLayout({name: range(count + 1) for name, count in most.items() if count})


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


class Sums(wiring.Component):
    """Adds up a number a cycle for each of its names, and stays at its largest value.

    Parameters
    ----------
    addends : data.StructLayout
        The numbers by their names, unsigned.
    width : int
        Bits of a sum, 1…64, no fewer than an addend's.

    Members
    -------
    clear : In
        All sums to 0; what comes in the same cycle is not added.
    enable : In
        Add.
    addends : In, addends
    sums : Out, a port of ``width`` bits for each name

    Latency: 1 cycle. Throughput: a number of each name a cycle. Reset: as ``clear``. Errors: none.

    Raises
    ------
    TypeError
        The width is not an int.
    ValueError
        It is out of its range.
    """

    clear: Signal
    enable: Signal
    addends: data.View
    sums: Any

    def __init__(self, addends: data.StructLayout, width: int = 32) -> None:
        widest = max((field.width for _, field in addends), default=1)
        require_between("width of a sum", width, widest, 64)
        super().__init__(
            {
                "clear": In(1),
                "enable": In(1),
                "addends": In(addends),
                "sums": Out(wiring.Signature({name: Out(width) for name, _ in addends})),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        for name, _ in self.addends.shape():
            kept = getattr(self.sums, name)
            total = Signal(len(kept) + 1, name=f"{name}_total")
            m.d.comb += total.eq(kept + self.addends[name])
            with m.If(self.clear):
                m.d.sync += kept.eq(0)
            with m.Elif(self.enable):
                m.d.sync += kept.eq(Mux(total[-1], -1, total))
        return m
