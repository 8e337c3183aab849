"""The DMA's faults."""

from __future__ import annotations

import enum

__all__ = ["DmaFault"]


class DmaFault(enum.IntEnum):
    """Why the DMA stopped."""

    NONE = 0
    """It did not."""
    READ = 1
    """Memory refused a read, or an address is outside what the bus reaches."""
    WRITE = 2
    """Memory refused a write, or an address is outside what the bus reaches."""
    INDEX = 3
    """A row number of a gather reached the number of rows of its table."""
