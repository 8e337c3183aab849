# amaranth: UnusedElaboratable=no
"""The device under test: readers behind an arbiter and a writer, with AXI's own port names."""

from __future__ import annotations

from alembert.axi import (
    BurstReader,
    BurstWriter,
    ReadArbiter,
    connect_read_ports,
    connect_write_ports,
    read_ports,
    write_ports,
)
from alembert.axi.layouts import command_layout, word_layout
from alembert.config.axi import AxiConfig, AxiFault
from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

__all__ = ["CONFIGS", "READ_WIDTHS", "WRITE_WIDTHS", "Manager"]

CONFIGS = {
    "default": AxiConfig(),
    # no powers of two where none is asked for; short FIFOs; an address space soon at its end
    "odd": AxiConfig(
        address_width=16, data_width=32, id_width=2, max_burst=5, outstanding=3, latency=0
    ),
    # bursts as long as a page, words of several pages a command
    "page": AxiConfig(
        address_width=64, data_width=128, id_width=1, max_burst=256, outstanding=2, latency=8
    ),
}
READ_WIDTHS = {"default": [64, 128, 256], "odd": [64, 32], "page": [128]}
"""Word widths of the readers, by configuration."""
WRITE_WIDTHS = {"default": 128, "odd": 32, "page": 512}
"""Word width of the writer, by configuration."""


class Manager(wiring.Component):
    """Readers ``read_<k>``, a writer, and the bus ``m_axi``.

    Members
    -------
    read_command_<k>, read_o_<k>, read_fault_<k>, read_fault_address_<k>, read_idle_<k>
        Of reader k.
    write_command, write_i, write_done, write_fault, write_fault_address, write_idle
        Of the writer.
    drain : In
        Of all.
    idle : Out
        All are.
    fault : Out
        Of the arbiter.
    """

    drain: Signal
    idle: Signal
    fault: Signal
    write_command: stream.Interface
    write_i: stream.Interface
    write_done: Signal
    write_idle: Signal
    write_fault: Signal
    write_fault_address: Signal

    def __init__(self, config: AxiConfig, read_widths: list[int], write_width: int) -> None:
        self._config = config
        self._read_widths = read_widths
        self._write_width = write_width
        command = In(stream.Signature(command_layout(config)))
        word = data.StructLayout({"data": write_width})
        members = {
            "drain": In(1),
            "idle": Out(1),
            "fault": Out(AxiFault),
            "write_command": command,
            "write_i": In(stream.Signature(word)),
            "write_done": Out(1),
            "write_idle": Out(1),
            "write_fault": Out(AxiFault),
            "write_fault_address": Out(config.address_width),
        }
        for k, width in enumerate(read_widths):
            members |= {
                f"read_command_{k}": command,
                f"read_o_{k}": Out(stream.Signature(word_layout(width))),
                f"read_idle_{k}": Out(1),
                f"read_fault_{k}": Out(AxiFault),
                f"read_fault_address_{k}": Out(config.address_width),
            }
        super().__init__(members | read_ports(config) | write_ports(config))

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self._config
        m.submodules.arbiter = arbiter = ReadArbiter(config, len(self._read_widths))
        m.submodules.writer = writer = BurstWriter(config, self._write_width)
        connect_read_ports(m, self, arbiter.bus, config)
        connect_write_ports(m, self, writer.bus, config)
        idle = arbiter.idle & writer.idle
        for k, width in enumerate(self._read_widths):
            reader = BurstReader(config, width)
            m.submodules[f"reader_{k}"] = reader
            connect(m, flipped(getattr(self, f"read_command_{k}")), reader.command)
            connect(m, flipped(getattr(self, f"read_o_{k}")), reader.o)
            connect(m, reader.bus, arbiter.clients[k])
            m.d.comb += [
                reader.drain.eq(self.drain),
                getattr(self, f"read_idle_{k}").eq(reader.idle),
                getattr(self, f"read_fault_{k}").eq(reader.fault),
                getattr(self, f"read_fault_address_{k}").eq(reader.fault_address),
            ]
            idle &= reader.idle
        connect(m, flipped(self.write_command), writer.command)
        connect(m, flipped(self.write_i), writer.i)
        m.d.comb += [
            writer.drain.eq(self.drain),
            self.idle.eq(idle),
            self.fault.eq(arbiter.fault),
            self.write_done.eq(writer.done),
            self.write_idle.eq(writer.idle),
            self.write_fault.eq(writer.fault),
            self.write_fault_address.eq(writer.fault_address),
        ]
        return m
