"""The machine's own Verilog, simulated."""

from __future__ import annotations

import ctypes
import enum
import time
from collections.abc import Callable

import numpy as np
from alembert.config.checks import require_between
from numpy.typing import ArrayLike, NDArray

from .device import MemoryRange, as_bytes
from .errors import DeviceError, DeviceTimeoutError, RegisterRefusedError
from .simulation_build import Simulation, load_library

__all__ = ["SimulatedDevice", "Violation"]

_MEMORY = MemoryRange(0, 1 << 26)
_CHUNK = 100_000
"""Cycles between two looks at the clock; a few seconds of the largest machine."""
_OKAY, _SLVERR = 0, 2


class Violation(enum.IntEnum):
    """What a machine did that AXI4 does not allow."""

    NONE = 0
    """Nothing."""
    BURST_KIND = 1
    """A burst that is not INCR, of full width and aligned."""
    BURST_PAGE = 2
    """A burst that crosses 4 KiB."""
    WRITE_LAST = 3
    """WLAST on another beat than a burst's last."""


class SimulatedDevice:
    """Clocks the compiled Verilog; a register is reached through the AXI4-Lite port.

    Memory answers bursts in the order they come, a beat a cycle, as many as are under way, and
    DECERR where there is none.

    Parameters
    ----------
    simulation : Simulation
        The compiled machine; it can be many devices.
    memory : MemoryRange
        The only memory there is, 0 at first.
    read_latency : int
        Cycles, 1…65535, from the edge that takes a read address to the one that gives its first
        beat.
    write_latency : int
        Cycles, 1…65535, from the edge that takes a burst's last beat to the one that gives its
        answer.
    progress : callable, optional
        Called with the cycles of this wait, every so many.

    Raises
    ------
    ValueError, TypeError
        A latency is no int in its range.
    DeviceError
        There is not enough room for the memory.
    """

    has_time = True
    reason = ""

    def __init__(
        self,
        simulation: Simulation,
        *,
        memory: MemoryRange = _MEMORY,
        read_latency: int = 40,
        write_latency: int = 10,
        progress: Callable[[int], None] | None = None,
    ):
        require_between("read latency", read_latency, 1, 65535)
        require_between("write latency", write_latency, 1, 65535)
        self.config = simulation.config
        self.memory = memory
        self._progress = progress
        self._library = load_library(simulation.library)
        self._handle = self._library.alembert_open(read_latency, write_latency)
        if not self._handle:
            raise DeviceError("there is not enough room for a simulation")
        if self._library.alembert_add_region(self._handle, memory.base, memory.size):
            self.close()
            raise DeviceError(f"there is not enough room for {memory.size} bytes of memory")

    def _open(self) -> int:
        if not self._handle:
            raise DeviceError("the device is closed")
        return self._handle

    def read(self, offset: int) -> int:
        """Read a register; takes a few cycles."""
        value = ctypes.c_uint32()
        response = self._library.alembert_read(self._open(), offset, ctypes.byref(value))
        self._check(response, f"a read of register {offset:#x}")
        return value.value

    def write(self, offset: int, value: int) -> None:
        """Write a register; takes a few cycles."""
        response = self._library.alembert_write(self._open(), offset, value)
        self._check(response, f"a write of register {offset:#x}")

    def _check(self, response: int, what: str) -> None:
        if response == _OKAY:
            return
        if response < 0:
            raise DeviceTimeoutError(f"{what} was not answered")
        name = "SLVERR" if response == _SLVERR else "DECERR"
        raise RegisterRefusedError(f"{what} was answered with {name}")

    def read_memory(self, address: int, size: int) -> NDArray[np.uint8]:
        """Read bytes, in no time."""
        self.memory.require(address, size)
        data = np.empty(size, dtype=np.uint8)
        self._library.alembert_load(self._open(), address, data.ctypes.data, size)
        return data

    def write_memory(self, address: int, data: ArrayLike | bytes) -> None:
        """Write bytes, in no time."""
        content = as_bytes(data)
        self.memory.require(address, content.size)
        self._library.alembert_store(self._open(), address, content.ctypes.data, content.size)

    def wait(self, timeout: float) -> bool:
        """Clock the machine until it interrupts.

        Raises
        ------
        DeviceError
            The machine broke a rule of AXI4.
        """
        deadline = time.monotonic() + timeout
        start = self.cycles
        while not self._library.alembert_irq(self._open()):
            if time.monotonic() >= deadline:
                return False
            self._library.alembert_run(self._handle, _CHUNK)
            if violation := Violation(self._library.alembert_violation(self._handle)):
                raise DeviceError(f"the machine broke a rule of its bus: {violation.name}")
            if self._progress is not None:
                self._progress(self.cycles - start)
        return True

    def step(self, cycles: int) -> None:
        """Clock the machine, whatever it does."""
        self._library.alembert_step(self._open(), cycles)

    @property
    def cycles(self) -> int:
        """Cycles simulated since it was made."""
        return self._library.alembert_cycles(self._open())

    def close(self) -> None:
        """Give back the simulation's memory."""
        if self._handle:
            self._library.alembert_close(self._handle)
            self._handle = None

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()
