"""The AXI4 manager: commands to bursts, several readers at one bus, one writer."""

from .arbiter import ReadArbiter
from .ports import connect_read_ports, connect_write_ports, read_ports, write_ports
from .reader import BurstReader
from .splitter import BurstSplitter
from .writer import BurstWriter

__all__ = [
    "BurstReader",
    "BurstSplitter",
    "BurstWriter",
    "ReadArbiter",
    "connect_read_ports",
    "connect_write_ports",
    "read_ports",
    "write_ports",
]
