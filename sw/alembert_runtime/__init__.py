"""Host runtime: one interface to a machine in numpy, in simulation, and in hardware.

``alembert_runtime.simulated`` and ``alembert_runtime.mmio`` are imported by those who need them.
"""

from .answer import Answer, Counters, Record, UnitCounters
from .device import Device, MemoryRange
from .errors import (
    DeviceError,
    DeviceTimeoutError,
    IncompatibleError,
    MemoryRangeError,
    RegisterRefusedError,
    RunError,
)
from .golden import GoldenDevice
from .saturation import note_on_saturation
from .session import Session

__all__ = [
    "Answer",
    "Counters",
    "Device",
    "DeviceError",
    "DeviceTimeoutError",
    "GoldenDevice",
    "IncompatibleError",
    "MemoryRange",
    "MemoryRangeError",
    "Record",
    "RegisterRefusedError",
    "RunError",
    "Session",
    "UnitCounters",
    "note_on_saturation",
]
