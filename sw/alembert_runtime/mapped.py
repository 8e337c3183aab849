"""Registers and memory through files of Linux: /dev/mem, /dev/uio, u-dma-buf, PYNQ."""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import struct
from pathlib import Path
from typing import Any

import numpy as np
from alembert.config.registers import REGISTERS
from numpy.typing import NDArray

__all__ = ["AllocatedBuffer", "DevMem", "ReservedMemory", "Uio"]


class _Mapping:
    """Part of a file, mapped and shared."""

    def __init__(self, path: Path, offset: int, size: int):
        if offset % mmap.PAGESIZE:
            raise ValueError(
                f"a mapping must begin at a multiple of {mmap.PAGESIZE}, not at {offset:#x}"
            )
        # synchronous: accesses of /dev/mem then pass by the caches
        self.descriptor = os.open(path, os.O_RDWR | os.O_SYNC)
        try:
            self._pages = mmap.mmap(self.descriptor, size, offset=offset)
        except BaseException:
            os.close(self.descriptor)
            raise
        self.bytes: NDArray[np.uint8] = np.frombuffer(self._pages, dtype=np.uint8)

    def close(self) -> None:
        """Unmap it."""
        if self.descriptor < 0:
            return
        self.bytes = np.zeros(0, dtype=np.uint8)
        # while somebody still looks at the bytes, the pages stay
        with contextlib.suppress(BufferError):
            self._pages.close()
        os.close(self.descriptor)
        self.descriptor = -1


class DevMem:
    """Registers at a physical address.

    Parameters
    ----------
    base : int
        Physical address of the register map, a multiple of the page size.
    path : Path
        The file of physical memory; reaching it takes the rights of root.

    Raises
    ------
    OSError
        The file cannot be opened or mapped.
    ValueError
        The base does not begin a page.
    """

    def __init__(self, base: int, path: Path = Path("/dev/mem")):
        self._mapping = _Mapping(path, base, REGISTERS.span)
        # an item of an aligned array is one access of its width
        self._words: NDArray[np.uint32] = self._mapping.bytes.view(np.uint32)

    def read(self, offset: int) -> int:
        """Read the register at a byte offset."""
        return int(self._words[offset >> 2])

    def write(self, offset: int, value: int) -> None:
        """Write it."""
        self._words[offset >> 2] = np.uint32(value)

    def wait_interrupt(self, timeout: float) -> bool | None:
        """Not possible through this file."""
        return None

    def close(self) -> None:
        """Unmap it."""
        self._words = np.zeros(0, dtype=np.uint32)
        self._mapping.close()


class Uio(DevMem):
    """Registers and interrupt of a device that Linux hands to programs (``uio_pdrv_genirq``).

    Parameters
    ----------
    path : Path
        ``/dev/uio0`` or another; its first map holds the registers, from its beginning on.

    Raises
    ------
    OSError
        The file cannot be opened or mapped.
    """

    def __init__(self, path: Path):
        super().__init__(0, path)

    def wait_interrupt(self, timeout: float) -> bool | None:
        """Wait for the interrupt, which is let through once."""
        descriptor = self._mapping.descriptor
        os.write(descriptor, struct.pack("=I", 1))
        ready, _, _ = select.select([descriptor], [], [], timeout)
        if not ready:
            return False
        os.read(descriptor, 4)  # how many there have been
        return True


class ReservedMemory:
    """Memory at a physical address, kept from the operating system.

    Parameters
    ----------
    base : int
        Physical address, a multiple of the page size.
    size : int
        Bytes.
    path : Path
        The file of physical memory.

    Raises
    ------
    OSError
        The file cannot be opened or mapped.
    ValueError
        The base does not begin a page.
    """

    def __init__(self, base: int, size: int, path: Path = Path("/dev/mem")):
        self.address = base
        self._mapping = _Mapping(path, base, size)

    @property
    def array(self) -> NDArray[np.uint8]:
        """The bytes."""
        return self._mapping.bytes

    def flush(self, start: int, size: int) -> None:
        """Nothing: the mapping is not cached."""

    def invalidate(self, start: int, size: int) -> None:
        """Nothing: the mapping is not cached."""

    def close(self) -> None:
        """Unmap it."""
        self._mapping.close()


class AllocatedBuffer:
    """A buffer of ``pynq.allocate``, or of anything that offers the same.

    Parameters
    ----------
    buffer : array of uint8, [bytes], with ``physical_address``, ``flush()``, ``invalidate()``
        Such as ``pynq.allocate(shape=(1 << 24,), dtype="u1")``.

    Raises
    ------
    TypeError
        It is no flat array of bytes.
    """

    def __init__(self, buffer: Any):
        if buffer.dtype != np.uint8 or buffer.ndim != 1:
            raise TypeError(
                f"a buffer must be a flat array of uint8, not {buffer.dtype} {list(buffer.shape)}"
            )
        self._buffer = buffer
        self.address = int(buffer.physical_address)
        self.array: NDArray[np.uint8] = np.asarray(buffer)

    def flush(self, start: int, size: int) -> None:
        """Write the caches' contents to memory; all of the buffer."""
        self._buffer.flush()

    def invalidate(self, start: int, size: int) -> None:
        """Forget the caches' contents; all of the buffer."""
        self._buffer.invalidate()

    def close(self) -> None:
        """Give it back, if it can be."""
        free = getattr(self._buffer, "freebuffer", None)
        if free is not None:
            free()
