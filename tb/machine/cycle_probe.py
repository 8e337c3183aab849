# amaranth: UnusedElaboratable=no
"""The machine without its registers, with what tells how long instructions take."""

from __future__ import annotations

from alembert.axi import connect_read_ports, connect_write_ports, read_ports, write_ports
from alembert.config.isa import MemoryBase
from alembert.config.machine import MachineConfig
from alembert.config.status import State
from alembert.machine import Core
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CycleProbe"]


class CycleProbe(wiring.Component):
    """A core on a bus, and the pulses that its counters count.

    Parameters
    ----------
    config : MachineConfig
        The machine.

    Members
    -------
    m_axi_… : AXI4 manager
    start : In
    program : In, 32 bits
        Word of IMAGE with the first instruction.
    length, targets, max_passes : In, 16 bits
    image, input, output, scratch : In, 32 bits
        Byte addresses.
    running : Out
        From the cycle after ``start`` to the last one.
    failed : Out
        The run was stopped.
    counts : Out
        As :class:`alembert.machine.Core` has them, in the order of ``counters``.

    Latency, throughput, reset: the core's. The threshold is 0: no early-exit test says exit.
    """

    start: Signal
    program: Signal
    length: Signal
    targets: Signal
    max_passes: Signal
    running: Signal
    failed: Signal
    counts: Signal

    def __init__(self, config: MachineConfig):
        self.config = config
        self.core = Core(config)
        self.counters = self.core.counters
        super().__init__(
            read_ports(config.axi)
            | write_ports(config.axi)
            | {
                "start": In(1),
                "program": In(32),
                "length": In(16),
                "targets": In(16),
                "max_passes": In(16),
                **{each.name.lower(): In(32) for each in MemoryBase},
                "running": Out(1),
                "failed": Out(1),
                "counts": Out(len(self.counters)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.core = core = self.core
        connect_read_ports(m, self, core.read_bus, self.config.axi)
        connect_write_ports(m, self, core.write_bus, self.config.axi)
        settings = ("program", "length", "targets", "max_passes")
        bases = (each.name.lower() for each in MemoryBase)
        m.d.comb += [
            core.start.eq(self.start),
            *(core.run[name].eq(getattr(self, name)) for name in (*settings, *bases)),
            self.running.eq(core.state == State.RUNNING),
            self.failed.eq(core.state == State.ERROR),
            self.counts.eq(core.counts),
        ]
        return m
