# amaranth: UnusedElaboratable=no
"""A DMA with a scratchpad behind it and AXI before it."""

from __future__ import annotations

from typing import Any

from alembert.axi import (
    ReadArbiter,
    connect_read_ports,
    connect_write_ports,
    read_ports,
    write_ports,
)
from alembert.config import FormatPair, IntegerFormat, VmacArrayConfig, VmacConfig
from alembert.config.axi import AxiConfig
from alembert.config.machine import MachineConfig
from alembert.config.memory import ScratchpadConfig
from alembert.dma import DmaEngine
from alembert.memory import ReadPort, Scratchpad, write_signature
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

__all__ = ["CLIENTS", "MACHINES", "DmaProbe"]

CLIENTS = 2
"""Readers on the bus: rows, and their numbers."""


def _machine(lanes: int, *, words: int, axi: AxiConfig) -> MachineConfig:
    pair = FormatPair(activation=IntegerFormat(), weight=IntegerFormat())
    return MachineConfig(
        main=VmacArrayConfig(vmac=VmacConfig(pair=pair, lanes=lanes, rows=8), vmacs=4),
        scratchpad=ScratchpadConfig(word_width=8 * lanes, words=words, banks=4),
        axi=axi,
    )


MACHINES = {
    "tiny": _machine(
        4, words=128, axi=AxiConfig(address_width=20, data_width=32, max_burst=5, outstanding=3)
    ),
    "edge": _machine(16, words=256, axi=AxiConfig(data_width=64)),
}


class DmaProbe(wiring.Component):
    """The engine's ports, and ways to load and read the scratchpad.

    Members
    -------
    instruction, bases, done, drain, idle, fault, detail, fault_address, busy, stalled
        The engine's.
    load : In
        Writes words, after the engine's turn.
    peek_i, peek_o
        A read port, after the engine's turn.
    """

    instruction: stream.Interface
    load: Any
    peek_i: Any
    peek_o: Any

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        self._engine = engine = DmaEngine(machine)
        self._peek = peek = ReadPort(machine.scratchpad)
        kept = ("instruction", "bases", "done", "drain", "idle")
        kept += ("fault", "detail", "fault_address", "busy", "stalled")
        members: dict[str, Any] = {name: engine.signature.members[name] for name in kept}
        members |= {
            "load": In(write_signature(machine.scratchpad)),
            "peek_i": In(peek.i.signature.flip()),
            "peek_o": Out(peek.o.signature),
        }
        super().__init__(members | read_ports(machine.axi) | write_ports(machine.axi))
        self._kept = kept

    def elaborate(self, platform) -> Module:
        m = Module()
        machine = self._machine
        m.submodules.engine = engine = self._engine
        m.submodules.peek = peek = self._peek
        m.submodules.arbiter = arbiter = ReadArbiter(machine.axi, CLIENTS)
        m.submodules.pad = pad = Scratchpad(machine.scratchpad, ("dma", "peek"), ("dma", "load"))
        connect(m, flipped(self.instruction), engine.instruction)
        connect(m, engine.data_bus, arbiter.clients[0])
        connect(m, engine.number_bus, arbiter.clients[1])
        connect(m, engine.read_memory, pad.reader("dma"))
        connect(m, engine.write_memory, pad.writer("dma"))
        connect(m, peek.memory, pad.reader("peek"))
        connect(m, flipped(self.load), pad.writer("load"))
        connect(m, flipped(self.peek_i), peek.i)
        connect(m, flipped(self.peek_o), peek.o)
        connect_read_ports(m, self, arbiter.bus, machine.axi)
        connect_write_ports(m, self, engine.write_bus, machine.axi)
        for name in self._kept[1:]:
            inner, outer = getattr(engine, name), getattr(self, name)
            is_input = name in ("bases", "drain")
            m.d.comb += inner.eq(outer) if is_input else outer.eq(inner)
        return m
