"""A machine in a system on chip: registers and memory that a processor reaches."""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np
from alembert.config.registers import REGISTERS
from numpy.typing import ArrayLike, NDArray

from .device import MemoryRange, as_bytes
from .registers import RegisterAccess

__all__ = ["ContiguousBuffer", "MmioDevice", "RegisterWindow"]

_POLL_SECONDS = 100e-6


class RegisterWindow(Protocol):
    """Registers that a processor reaches, each access of exactly 32 bits."""

    def read(self, offset: int) -> int:
        """Read the register at a byte offset."""
        ...

    def write(self, offset: int, value: int) -> None:
        """Write it; later accesses, of memory too, come after."""
        ...

    def wait_interrupt(self, timeout: float) -> bool | None:
        """Wait for the interrupt, at most ``timeout`` seconds; None if that is not possible."""
        ...

    def close(self) -> None:
        """Unmap it."""
        ...


class ContiguousBuffer(Protocol):
    """Bytes that are consecutive in the machine's address space, too."""

    @property
    def address(self) -> int:
        """Of the first byte, as the machine's bus sees it."""
        ...

    @property
    def array(self) -> NDArray[np.uint8]:
        """The bytes as this program sees them."""
        ...

    def flush(self, start: int, size: int) -> None:
        """Make the machine see what has been written to some bytes."""
        ...

    def invalidate(self, start: int, size: int) -> None:
        """Make the next read of some bytes see what the machine has written."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


class MmioDevice:
    """Real registers and real memory.

    A refused write is not seen here: most processors do not hear of it, or stop the program. The
    flag STATUS.refused says so.

    Parameters
    ----------
    window : RegisterWindow
        The registers, such as :class:`alembert_runtime.mapped.DevMem` or ``Uio``.
    buffer : ContiguousBuffer
        Memory for programs and data, such as :class:`alembert_runtime.mapped.ReservedMemory` or
        ``AllocatedBuffer``.
    """

    has_time = True
    reason = ""

    def __init__(self, window: RegisterWindow, buffer: ContiguousBuffer):
        self._window, self._buffer = window, buffer
        self._registers = RegisterAccess(self)
        self.memory = MemoryRange(buffer.address, len(buffer.array))

    def read(self, offset: int) -> int:
        """Read a register."""
        return int(self._window.read(_require_offset(offset)))

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        self._window.write(_require_offset(offset), value)

    def read_memory(self, address: int, size: int) -> NDArray[np.uint8]:
        """Read bytes."""
        start = self.memory.require(address, size)
        self._buffer.invalidate(start, size)
        return self._buffer.array[start : start + size].copy()

    def write_memory(self, address: int, data: ArrayLike | bytes) -> None:
        """Write bytes."""
        content = as_bytes(data)
        start = self.memory.require(address, content.size)
        self._buffer.array[start : start + content.size] = content
        self._buffer.flush(start, content.size)

    def wait(self, timeout: float) -> bool:
        """Wait for the interrupt, or poll where there is none."""
        deadline = time.monotonic() + timeout
        while not self._has_ended():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            # an interrupt may be an old one, and a new one may be lost: the flags decide
            if self._window.wait_interrupt(min(left, 0.1)) is None:
                time.sleep(min(left, _POLL_SECONDS))
        return True

    def _has_ended(self) -> bool:
        flags, enabled = (
            self._registers.read(name) for name in ("INTERRUPT_STATUS", "INTERRUPT_ENABLE")
        )
        return bool(flags & enabled)

    def close(self) -> None:
        """Unmap registers and memory."""
        self._window.close()
        self._buffer.close()


def _require_offset(offset: int) -> int:
    """Beyond the map there is another device, or nothing."""
    if not 0 <= offset < REGISTERS.span or offset % 4:
        raise ValueError(
            f"a register's offset must be a multiple of 4 below {REGISTERS.span:#x}, "
            f"not {offset:#x}"
        )
    return offset
