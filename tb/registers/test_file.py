# amaranth: UnusedElaboratable=no
"""The register file against its model, on a map of every access at odd places."""

from __future__ import annotations

from typing import Any

import pytest
from alembert.config.register_fields import Access
from alembert.config.registers import REGISTERS
from alembert.registers import RegisterFile, axi_lite_ports, connect_axi_lite_ports
from alembert.registers.ports import port_members
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Member, connect, flipped
from registers.model import ODD_MAP
from support.simulate import simulate


class Probe(wiring.Component):
    """A register file with its bus under the standard names."""

    lock: Signal
    refused: Signal

    def __init__(self) -> None:
        self._file = RegisterFile(ODD_MAP)
        inner = dict(self._file.signature.members.items())
        del inner["bus"]
        super().__init__(axi_lite_ports(ODD_MAP.address_width) | inner)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.file = file = self._file
        connect_axi_lite_ports(m, self, file.bus)
        for name in ("settings", "pulses", "reports", "events", "flags"):
            connect(m, flipped(getattr(self, name)), getattr(file, name))
        m.d.comb += [file.lock.eq(self.lock), self.refused.eq(file.refused)]
        return m


def test_rtl_equals_model(simulator: str) -> None:
    simulate(Probe(), simulator=simulator, module="registers.bench_file", top="register_file")


def test_timing(simulator: str) -> None:
    simulate(Probe(), simulator=simulator, module="registers.bench_timing", top="register_file")


def test_unknown_constants_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^constants must be filled in: WORD\.width, WORD\.codes, "
    ):
        RegisterFile(REGISTERS)


def _create(members: dict[str, Member]) -> dict[str, Any]:
    """The ports that members make."""
    interface = wiring.Signature(members).create()
    return {name: getattr(interface, name) for name in members}


def test_ports_follow_the_map() -> None:
    """A struct a register, the number itself for a single field, one number for two halves."""
    settings = port_members(ODD_MAP, Access.RW)
    assert list(settings) == ["mixed", "whole", "narrow", "choice", "wide"]
    ports = _create(settings)
    found = {name: (len(port), port.init) for name, port in ports.items() if name != "mixed"}
    assert found["whole"] == (32, 0x12345678)
    assert found["wide"] == (64, 0)
    assert found["narrow"] == (19, 0)
    assert found["choice"] == (3, 5)
    mixed = ports["mixed"]
    assert [name for name, _ in mixed.shape()] == ["f0", "f1", "f2", "f3"]
    assert len(mixed.as_value()) == 21
    assert list(port_members(ODD_MAP, Access.RO)) == ["both", "first", "second", "report", "last"]
    assert list(port_members(ODD_MAP, Access.W1C)) == ["flags", "both"]
    without = port_members(ODD_MAP, Access.RO, without=frozenset({"both", "first"}))
    assert list(without) == ["second", "report", "last"]
