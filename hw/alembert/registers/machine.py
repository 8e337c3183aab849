"""The machine's registers: the file, its counters, and what they mean to each other."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config.checks import require_between
from ..config.isa import Unit
from ..config.machine import MachineConfig
from ..config.register_fields import Access
from ..config.registers import COUNTERS, SATURATIONS, UNITS, registers_of
from ..config.status import State
from .axi_lite import axi_lite_ports, connect_axi_lite_ports
from .counters import Counters, Sums, saturation_layout
from .file import RegisterFile
from .ports import port_members

__all__ = ["Registers"]


class Registers(wiring.Component):
    """What a host sees of a machine, and what the machine sees of a host.

    The map is :data:`alembert.config.registers.REGISTERS`. Run registers and doorbell are locked
    unless ``state`` is IDLE or DONE. The machine is busy while it is RUNNING or DRAINING.

    Parameters
    ----------
    config : MachineConfig
        What the constants say; units that it does not have are not counted.
    counter_width : int
        Bits of a counter, 32…64; the rest of its 64 bits reads as 0.

    Members
    -------
    s_axi_… : AXI4-Lite under its standard names
        See :func:`axi_lite_ports`; addresses have 12 bits.
    irq : Out
        High while a flag of INTERRUPT_STATUS is set and enabled.
    settings : Out, a port for each RW register
        ``image_base``, ``length`` and so on; stable during a run, but for ``watchdog`` and
        ``interrupt_enable``.
    start : Out
        The doorbell, high for one cycle, the one after the write. ``state`` must be RUNNING in the
        next cycle.
    soft_reset : Out
        High for one cycle; comes whatever the state is. Registers are not to be reset by it.
    state : In, State
    reports : In, a port for each RO register that is neither STATUS nor a counter
        ``error``, ``error_pc``, ``error_address``, ``passes``, ``exited``, ``predicted_class``,
        ``entropy``; read as they are, so they are kept by who reports them.
    done, error : In
        High for one cycle: sets the flag in INTERRUPT_STATUS.
    counted : In, a port of one bit for each counter but ``cycles``
        High in a cycle that counts; ``…_busy`` are STATUS's too.
    saturated : In, saturation_layout
        How many results each unit has cut to their range.

    Counters are cleared by ``start``, and count what happens while the machine is busy.

    Latency and throughput of the bus are :class:`AxiLiteSubordinate`'s. Errors: responses, see
    :class:`RegisterFile`; a write that is refused because of the state also sets
    STATUS.refused. Reset: every register to its reset value, counters to 0.
    """

    irq: Signal
    settings: Any
    start: Signal
    soft_reset: Signal
    state: Signal
    reports: Any
    done: Signal
    error: Signal
    counted: Any
    saturated: data.View

    latency = RegisterFile.latency
    interval = RegisterFile.interval

    def __init__(self, config: MachineConfig, *, counter_width: int = 48) -> None:
        require_between("width of the machine's counters", counter_width, 32, 64)
        self.config = config
        self.registers = registers_of(config)
        self.counter_width = counter_width
        without = frozenset({*COUNTERS, *SATURATIONS.values(), "status"})
        reports = port_members(self.registers, Access.RO, without=without)
        counted = {name: Out(1) for name in COUNTERS if name != "cycles"}
        super().__init__(
            axi_lite_ports(self.registers.address_width)
            | {
                "irq": Out(1),
                "settings": Out(wiring.Signature(port_members(self.registers, Access.RW))),
                "start": Out(1),
                "soft_reset": Out(1),
                "state": In(State),
                "reports": In(wiring.Signature(reports)),
                "done": In(1),
                "error": In(1),
                "counted": In(wiring.Signature(counted)),
                "saturated": In(saturation_layout(config)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.file = file = RegisterFile(self.registers)
        connect_axi_lite_ports(m, self, file.bus)
        is_busy = Signal()
        m.d.comb += [
            is_busy.eq((self.state == State.RUNNING) | (self.state == State.DRAINING)),
            file.lock.eq((self.state != State.IDLE) & (self.state != State.DONE)),
            self.start.eq(file.pulses.control.start),
            self.soft_reset.eq(file.pulses.control.soft_reset),
            file.events.interrupt_status.done.eq(self.done),
            file.events.interrupt_status.error.eq(self.error),
            file.events.status.refused.eq(file.refused),
            file.reports.status.state.eq(self.state),
        ]
        enabled = Value.cast(file.settings.interrupt_enable)
        m.d.comb += self.irq.eq((Value.cast(file.flags.interrupt_status) & enabled).any())
        for name in self.settings.signature.members:
            m.d.comb += getattr(self.settings, name).eq(getattr(file.settings, name))
        for name in self.reports.signature.members:
            m.d.comb += getattr(file.reports, name).eq(getattr(self.reports, name))
        self._count(m, file, is_busy)
        self._add_up(m, file, is_busy)
        return m

    def _add_up(self, m: Module, file: RegisterFile, is_busy: Signal) -> None:
        m.submodules.saturations = saturations = Sums(self.saturated.shape())
        m.d.comb += [
            saturations.clear.eq(self.start),
            saturations.enable.eq(is_busy),
            saturations.addends.eq(self.saturated),
        ]
        for name in saturations.sums.signature.members:
            m.d.comb += getattr(file.reports, name).eq(getattr(saturations.sums, name))

    def _count(self, m: Module, file: RegisterFile, is_busy: Signal) -> None:
        absent = "" if self.config.attention else f"{Unit.ATTENTION.name.lower()}_"
        names = [name for name in COUNTERS if not (absent and name.startswith(absent))]
        m.submodules.counters = counters = Counters(names, self.counter_width)
        m.d.comb += counters.clear.eq(self.start)
        for name in names:
            happens = 1 if name == "cycles" else getattr(self.counted, name)
            m.d.comb += [
                getattr(counters.counted, name).eq(is_busy & happens),
                getattr(file.reports, name).eq(getattr(counters.counts, name)),
            ]
        for unit in UNITS:
            busy = f"{unit.name.lower()}_busy"
            if busy in names:
                m.d.comb += file.reports.status[busy].eq(getattr(self.counted, busy))
