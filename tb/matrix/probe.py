# amaranth: UnusedElaboratable=no
"""A matrix engine with a scratchpad behind it, and somebody else at the scratchpad too."""

from __future__ import annotations

from typing import Any

from alembert.matrix import MatrixEngine
from alembert.memory import ReadPort, Scratchpad, write_signature
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from matrix.machines import EngineUnderTest

__all__ = ["EngineProbe"]


class EngineProbe(wiring.Component):
    """The engine's ports to the outside, and ways to load, read and disturb the scratchpad.

    Members
    -------
    instruction, weight_command, weights, done, fault, busy, issuing, stalled
        The engine's.
    load : In
        Writes words, after all others' turn.
    peek_i, peek_o
        A read port, after all others' turn.
    rival_i, rival_o
        A read port that comes before the engine's.
    rival_write : In
        A write port that comes before the engine's.
    written : Out
        Writes of the engine that the scratchpad has taken.
    memory_fault : Out
        The scratchpad's.
    """

    load: Any
    rival_write: Any
    written: Signal
    memory_fault: Signal

    def __init__(self, under_test: EngineUnderTest):
        self._scratchpad = config = under_test.machine.scratchpad
        self._engine = engine = MatrixEngine(
            under_test.machine, under_test.array, has_weight_stream=under_test.has_weight_stream
        )
        self._ports = {name: ReadPort(config) for name in ("rival", "peek")}
        members: dict[str, Any] = {
            name: member
            for name, member in engine.signature.members.items()
            if not name.startswith(("read_", "write_"))
        }
        for name, port in self._ports.items():
            members[f"{name}_i"] = In(port.i.signature.flip())
            members[f"{name}_o"] = Out(port.o.signature)
        members["load"] = In(write_signature(config))
        members["rival_write"] = In(write_signature(config))
        members["written"] = Out(32)
        members["memory_fault"] = Out(2)
        super().__init__(members)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.engine = engine = self._engine
        readers = ("rival", *engine.readers, "peek")
        writers = ("rival", *engine.writers, "load")
        m.submodules.pad = pad = Scratchpad(self._scratchpad, readers, writers)
        for name, port in self._ports.items():
            m.submodules[name] = port
            connect(m, port.memory, pad.reader(name))
            connect(m, flipped(getattr(self, f"{name}_i")), port.i)
            connect(m, flipped(getattr(self, f"{name}_o")), port.o)
        connect(m, flipped(self.load), pad.writer("load"))
        connect(m, flipped(self.rival_write), pad.writer("rival"))
        writes = []
        for name in engine.readers:
            connect(m, getattr(engine, f"read_{name}"), pad.reader(name))
        for name in engine.writers:
            write = getattr(engine, f"write_{name}")
            connect(m, write, pad.writer(name))
            writes.append(write.valid & write.ready)
        for name, member in engine.signature.members.items():
            if name.startswith(("read_", "write_")):
                continue
            inner, outer = getattr(engine, name), getattr(self, name)
            if member.is_signature:
                connect(m, flipped(outer), inner)
            elif member.flow is Out:
                m.d.comb += outer.eq(inner)
        m.d.sync += self.written.eq(self.written + sum(writes))
        m.d.comb += self.memory_fault.eq(pad.fault)
        return m
