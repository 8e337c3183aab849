"""A host at a machine's registers: by name, with the bus's answers, and what a run takes."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from alembert.config.command import MachineFault
from alembert.config.isa import Unit
from alembert.config.machine import MachineConfig
from alembert.config.registers import registers_of
from alembert.config.status import State
from cocotb.triggers import ClockCycles
from registers.bus import Host as RegisterBus

__all__ = ["DONE", "ERROR", "OKAY", "REFUSED", "SLVERR", "Host", "Stop"]

OKAY, SLVERR = 0, 2
"""Responses of the registers."""
DONE, ERROR = 1, 2
"""Flags of INTERRUPT_STATUS."""
REFUSED = 1 << 31
"""STATUS.refused."""


@dataclass(frozen=True)
class Stop:
    """What the registers say of the fault that stopped a run."""

    fault: MachineFault
    unit: Unit = Unit.CONTROL
    detail: int = 0
    pc: int = 0
    address: int = 0

    def __str__(self) -> str:
        who = f"{self.unit.name}: {self.fault.name}, detail {self.detail}"
        return f"{who}, instruction {self.pc}, address {self.address:#x}"


class Host:
    """Registers of a machine, through an AXI4-Lite port with monitors. One a test.

    Parameters
    ----------
    dut : the device
    machine : MachineConfig
    """

    def __init__(self, dut, machine: MachineConfig) -> None:
        for noisy in ("cocotbext", f"cocotb.{dut._name}"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        self.dut = dut
        self.machine = machine
        self.registers = {each.name: each for each in registers_of(machine).registers}
        self.bus = RegisterBus(dut)

    async def try_write(self, name: str, value: int) -> int:
        """Write a register and return the response; of a pair the first one that is no OKAY."""
        if name in self.registers:
            return await self.bus.write(self.registers[name].offset, value)
        low = await self.bus.write(self.registers[f"{name}_LO"].offset, value & 0xFFFF_FFFF)
        high = await self.bus.write(self.registers[f"{name}_HI"].offset, value >> 32)
        return low or high

    async def write(self, name: str, value: int) -> None:
        """A register, or a pair by its common name."""
        response = await self.try_write(name, value)
        assert response == OKAY, f"a write to {name} was answered {response}"

    async def _read(self, name: str) -> int:
        response, value = await self.bus.read(self.registers[name].offset)
        assert response == OKAY, f"a read of {name} was answered {response}"
        return value

    async def read(self, name: str) -> int:
        """A register, or a pair by its common name."""
        if name in self.registers:
            return await self._read(name)
        low = await self._read(f"{name}_LO")
        return low | await self._read(f"{name}_HI") << 32

    async def field(self, name: str, field: str) -> int:
        """A field of a register."""
        place = self.registers[name].field(field)
        return (await self.read(name) >> place.low) & place.max

    async def state(self) -> State:
        """STATUS.state."""
        return State(await self.field("STATUS", "state"))

    async def set_up(self, settings: dict[str, int]) -> None:
        """Registers by name, in small letters."""
        for name, value in settings.items():
            await self.write(name.upper(), value)

    async def ring(self) -> None:
        """The doorbell."""
        await self.write("CONTROL", 1)

    async def until_interrupt(self, cycles: int) -> None:
        """Until ``irq`` is high; fails after as many cycles."""
        for _ in range(-(-cycles // 8)):
            if self.dut.irq.value:
                return
            await ClockCycles(self.dut.clk, 8)
        raise AssertionError(f"no interrupt in {cycles} cycles, {await self.state()!r}")

    async def acknowledge(self, flags: int) -> None:
        """These flags of INTERRUPT_STATUS are set and no others; clear them."""
        found = await self.read("INTERRUPT_STATUS")
        assert found == flags, f"interrupt flags are {found:#b}, not {flags:#b}"
        await self.write("INTERRUPT_STATUS", flags)
        assert await self.read("INTERRUPT_STATUS") == 0
        assert self.dut.irq.value == 0

    async def stop(self) -> Stop:
        """The ERROR registers."""
        code, unit, detail = [
            await self.field("ERROR", each) for each in ("code", "unit", "detail")
        ]
        pc, address = await self.read("ERROR_PC"), await self.read("ERROR_ADDRESS")
        return Stop(MachineFault(code), Unit(unit), detail, pc, address)

    async def soft_reset(self, cycles: int = 2000) -> None:
        """Until IDLE; DRAINING is the only state before it."""
        await self.write("CONTROL", 2)
        for _ in range(-(-cycles // 8)):
            state = await self.state()
            if state is State.IDLE:
                break
            assert state is State.DRAINING, f"{state!r} after a soft reset"
        else:
            raise AssertionError(f"still draining after some {cycles} cycles")
        assert await self.stop() == Stop(MachineFault.NONE)
