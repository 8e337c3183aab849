"""What every back end offers: registers, memory, and waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from alembert.config.checks import require_between
from numpy.typing import ArrayLike, NDArray

from .errors import MemoryRangeError

__all__ = ["Device", "MemoryRange", "as_bytes"]


@dataclass(frozen=True)
class MemoryRange:
    """Consecutive bytes of the memory that a machine's bus reaches.

    Parameters
    ----------
    base : int
        Byte address of the first, as the machine sees it.
    size : int
        Bytes.

    Raises
    ------
    TypeError
        A number is not an int.
    ValueError
        A number is negative, or the end is beyond 64 bits.
    """

    base: int
    size: int

    def __post_init__(self) -> None:
        require_between("base of a memory range", self.base, 0, (1 << 64) - 1)
        require_between("size of a memory range", self.size, 1, (1 << 64) - self.base)

    @property
    def end(self) -> int:
        """One more than the last byte's address."""
        return self.base + self.size

    def require(self, address: int, size: int) -> int:
        """Where bytes begin, counted from ``base``.

        Raises
        ------
        MemoryRangeError
            They are not all inside.
        """
        if size < 0 or address < self.base or address + size > self.end:
            raise MemoryRangeError(
                f"{size} bytes from {address:#x} on must lie in memory, "
                f"{self.base:#x}…{self.end - 1:#x}"
            )
        return address - self.base


class Device(Protocol):
    """A machine and its memory.

    Offsets are bytes in the register map; addresses are those that the machine's bus uses.
    """

    @property
    def memory(self) -> MemoryRange:
        """Memory that is free for a session."""
        ...

    @property
    def has_time(self) -> bool:
        """Whether it has cycles to count."""
        ...

    @property
    def reason(self) -> str:
        """More than the registers say of the last run's fault; empty if nothing is known."""
        ...

    def read(self, offset: int) -> int:
        """Read a register of 32 bits.

        Raises
        ------
        RegisterRefusedError
            There is none.
        """
        ...

    def write(self, offset: int, value: int) -> None:
        """Write a register of 32 bits.

        Raises
        ------
        RegisterRefusedError
            The register refuses, where the bus can tell.
        """
        ...

    def read_memory(self, address: int, size: int) -> NDArray[np.uint8]:
        """Read bytes: a copy.

        Raises
        ------
        MemoryRangeError
            They are not all in memory.
        """
        ...

    def write_memory(self, address: int, data: ArrayLike | bytes) -> None:
        """Write bytes.

        Raises
        ------
        MemoryRangeError
            They are not all in memory.
        """
        ...

    def wait(self, timeout: float) -> bool:
        """Wait until INTERRUPT_STATUS has an enabled flag, at most ``timeout`` seconds.

        Returns
        -------
        bool
            Whether it has.
        """
        ...

    def close(self) -> None:
        """Give back what it holds; it is of no more use."""
        ...


def as_bytes(data: ArrayLike | bytes) -> NDArray[np.uint8]:
    """Bytes, or an array of uint8, as a flat array.

    Raises
    ------
    TypeError
        It is neither.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        return np.frombuffer(data, dtype=np.uint8)
    array = np.asarray(data)
    if array.dtype != np.uint8:
        raise TypeError(f"what is written to memory must be bytes, not {array.dtype}")
    return np.ascontiguousarray(array).reshape(-1)
