# amaranth: UnusedElaboratable=no
"""The top: an accelerator between an AXI4-Lite port for a host and an AXI4 port for memory."""

from __future__ import annotations

from amaranth.hdl import Cat, ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from amaranth.utils import exact_log2

from ..axi import connect_read_ports, connect_write_ports, read_ports, write_ports
from ..command import units_of
from ..config.axi import AxiFault
from ..config.isa import MemoryBase
from ..config.machine import MachineConfig
from ..config.status import State
from ..registers import Registers, axi_lite_ports
from .core import Core
from .soft_reset import SoftReset

__all__ = ["Alembert", "units_of_top"]


def units_of_top(config: MachineConfig) -> tuple[str, ...]:
    """The submodules that a machine is made of, by their paths below the top."""
    units = [f"core.{unit.name.lower()}" for unit in units_of(config)]
    shared = [f"core.{name}" for name in ("processor", "scratchpad", "weights", "fetch", "arbiter")]
    return ("registers", *shared, *units)


class Alembert(wiring.Component):
    """A host writes tokens to memory and rings a doorbell; the machine runs the program there.

    Parameters
    ----------
    config : MachineConfig
        The machine.

    Members
    -------
    s_axi_… : AXI4-Lite subordinate
        The registers, see ``docs/registers.md``.
    m_axi_… : AXI4 manager
        Program, weights, tokens, results.
    irq : Out
        A run ended, or was stopped; as the registers enable it.

    Latency and throughput: the program's. Reset: everything; a soft reset everything but the
    registers, after the bursts under way have ended. Errors: a run stops with state ERROR and what
    the ERROR registers say; a soft reset makes the machine ready again.
    """

    irq: Signal

    def __init__(self, config: MachineConfig):
        self.config = config
        self._registers = Registers(config)
        self._core = Core(config)
        self.register_map = self._registers.registers
        super().__init__(
            axi_lite_ports(self.register_map.address_width)
            | read_ports(config.axi)
            | write_ports(config.axi)
            | {"irq": Out(1)}
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        registers, core = self._registers, self._core
        m.submodules.registers = registers
        m.submodules.soft_reset = soft_reset = SoftReset()
        # a domain of its own, on the same clock: what a soft reset resets
        m.domains.core = ClockDomain("core", local=True)
        m.submodules.core = DomainRenamer("core")(core)
        m.d.comb += [
            ClockSignal("core").eq(ClockSignal()),
            ResetSignal("core").eq(ResetSignal() | soft_reset.reset),
            soft_reset.request.eq(registers.soft_reset),
            soft_reset.idle.eq(core.idle),
            core.drain.eq(soft_reset.drain),
            core.start.eq(registers.start),
            core.watchdog.eq(registers.settings.watchdog),
            self.irq.eq(registers.irq),
        ]
        self._connect_host(m)
        connect_read_ports(m, self, core.read_bus, self.config.axi)
        connect_write_ports(m, self, core.write_bus, self.config.axi)
        self._connect_run(m)
        self._connect_reports(m, soft_reset.busy)
        return m

    def _connect_host(self, m: Module) -> None:
        for name, member in axi_lite_ports(self.register_map.address_width).items():
            inner, outer = getattr(self._registers, name), getattr(self, name)
            m.d.comb += outer.eq(inner) if member.flow is Out else inner.eq(outer)

    def _connect_run(self, m: Module) -> None:
        """Settings of the run; addresses that the bus does not have are told apart."""
        settings, run = self._registers.settings, self._core.run
        width = self.config.axi.address_width
        beyond, misaligned = [], []
        for each in MemoryBase:
            name = each.name.lower()
            base = getattr(settings, f"{name}_base")
            m.d.comb += run[name].eq(base)
            beyond.append(base[width:].any())
            misaligned.append(base[: exact_log2(self.config.word_bytes)].any())
        for name in ("program", "length", "targets", "threshold", "max_passes"):
            m.d.comb += run[name].eq(getattr(settings, name))
        with m.If(Cat(beyond).any()):
            m.d.comb += run.refused.eq(AxiFault.OUT_OF_RANGE)
        with m.Elif(Cat(misaligned).any()):
            m.d.comb += run.refused.eq(AxiFault.MISALIGNED)

    def _connect_reports(self, m: Module, is_draining: Signal) -> None:
        """State, results, counters, and the events that interrupt."""
        registers, core = self._registers, self._core
        before, ended = Signal(State), Signal()
        m.d.sync += before.eq(core.state)
        m.d.comb += [
            registers.state.eq(core.state),
            # a run that is being reset ends without a word
            ended.eq((before == State.RUNNING) & ~is_draining),
            registers.done.eq((core.state == State.DONE) & ended),
            registers.error.eq((core.state == State.ERROR) & ended),
        ]
        with m.If(is_draining):
            m.d.comb += registers.state.eq(State.DRAINING)
        for name in registers.reports.signature.members:
            m.d.comb += getattr(registers.reports, name).eq(core.report[name])
        for name, count in zip(core.counters, core.counts, strict=True):
            m.d.comb += getattr(registers.counted, name).eq(count)
        m.d.comb += registers.saturated.eq(core.saturated)
