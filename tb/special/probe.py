# amaranth: UnusedElaboratable=no
"""Both special engines with a scratchpad behind them, and somebody else at the scratchpad too."""

from __future__ import annotations

from typing import Any

from alembert.config.machine import MachineConfig
from alembert.memory import ReadPort, Scratchpad, write_signature
from alembert.special import EntropyEngine, SpecialEngine
from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

__all__ = ["SpecialProbe"]


class SpecialProbe(wiring.Component):
    """The engines' ports, and ways to load, read and disturb the scratchpad.

    Members
    -------
    special_NAME, entropy_NAME
        The engines'.
    load : In
        Writes words, after all others' turn.
    peek_i, peek_o
        A read port, after all others' turn.
    rival_i, rival_o
        A read port that comes before the engines'.
    rival_write : In
        A write port that comes before the engines'.
    special_written, entropy_written : Out
        Writes of the engine that the scratchpad has taken.
    memory_fault : Out
        The scratchpad's.
    """

    load: Any
    rival_write: Any
    memory_fault: Signal

    def __init__(self, machine: MachineConfig):
        self._config = config = machine.scratchpad
        self._engines: dict[str, Any] = {
            "special": SpecialEngine(machine),
            "entropy": EntropyEngine(machine),
        }
        self._ports = {name: ReadPort(config) for name in ("rival", "peek")}
        members: dict[str, Any] = {
            f"{prefix}_{name}": member
            for prefix, engine in self._engines.items()
            for name, member in engine.signature.members.items()
            if not name.startswith(("read_", "write_"))
        }
        for name, port in self._ports.items():
            members[f"{name}_i"] = In(port.i.signature.flip())
            members[f"{name}_o"] = Out(port.o.signature)
        members["load"] = In(write_signature(config))
        members["rival_write"] = In(write_signature(config))
        members["special_written"] = Out(32)
        members["entropy_written"] = Out(32)
        members["memory_fault"] = Out(2)
        super().__init__(members)

    def elaborate(self, platform) -> Module:
        m = Module()
        names = {
            kind: [
                f"{prefix}_{name}"
                for prefix, engine in self._engines.items()
                for name in getattr(engine, kind)
            ]
            for kind in ("readers", "writers")
        }
        pad = Scratchpad(
            self._config,
            ("rival", *names["readers"], "peek"),
            ("rival", *names["writers"], "load"),
        )
        m.submodules.pad = pad
        for name, port in self._ports.items():
            m.submodules[name] = port
            connect(m, port.memory, pad.reader(name))
            connect(m, flipped(getattr(self, f"{name}_i")), port.i)
            connect(m, flipped(getattr(self, f"{name}_o")), port.o)
        connect(m, flipped(self.load), pad.writer("load"))
        connect(m, flipped(self.rival_write), pad.writer("rival"))
        m.d.comb += self.memory_fault.eq(pad.fault)
        for prefix, engine in self._engines.items():
            m.submodules[prefix] = engine
            self._connect(m, prefix, engine, pad)
        return m

    def _connect(self, m: Module, prefix: str, engine: Any, pad: Scratchpad) -> None:
        for name in engine.readers:
            connect(m, getattr(engine, f"read_{name}"), pad.reader(f"{prefix}_{name}"))
        for name in engine.writers:
            write, written = getattr(engine, f"write_{name}"), getattr(self, f"{prefix}_written")
            connect(m, write, pad.writer(f"{prefix}_{name}"))
            with m.If(write.valid & write.ready):
                m.d.sync += written.eq(written + 1)
        for name, member in engine.signature.members.items():
            if name.startswith(("read_", "write_")):
                continue
            inner, outer = getattr(engine, name), getattr(self, f"{prefix}_{name}")
            if member.is_signature:
                connect(m, flipped(outer), inner)
            elif member.flow is Out:
                m.d.comb += Value.cast(outer).eq(Value.cast(inner))
            else:
                m.d.comb += Value.cast(inner).eq(Value.cast(outer))
