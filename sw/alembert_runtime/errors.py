"""What goes wrong between a host and a machine."""

from __future__ import annotations

from alembert.config.command import MachineFault
from alembert.config.isa import Unit

__all__ = [
    "DeviceError",
    "DeviceTimeoutError",
    "IncompatibleError",
    "MemoryRangeError",
    "RegisterRefusedError",
    "RunError",
]


class DeviceError(RuntimeError):
    """A machine, or the way to it, did not do what it should."""


class DeviceTimeoutError(DeviceError):
    """A machine did not get ready in time."""


class RegisterRefusedError(DeviceError):
    """A register refused an access: it cannot be written, is locked during a run, or is not there.

    Nothing has changed.
    """


class IncompatibleError(ValueError):
    """A machine cannot run an image: the message names what they differ in."""


class MemoryRangeError(ValueError):
    """Bytes that are not all in a device's memory, or regions that do not fit there."""


class RunError(DeviceError):
    """A fault stopped a run.

    Parameters
    ----------
    code : MachineFault
        Why.
    unit : Unit
        Whose fault it is.
    pc : int
        Number of the instruction at fault, from the program's first.
    address : int
        Byte address of the burst at fault, or 0.
    detail : int
        The unit's own number of the fault, or 0.
    note : str
        What the instruction is for, if that is known.
    reason : str
        More than the registers say, where the device knows more.
    """

    def __init__(
        self,
        code: MachineFault,
        *,
        unit: Unit,
        pc: int,
        address: int = 0,
        detail: int = 0,
        note: str = "",
        reason: str = "",
    ):
        self.code, self.unit, self.pc = code, unit, pc
        self.address, self.detail, self.note, self.reason = address, detail, note, reason
        what = f" ({note})" if note else ""
        where = f", address {address:#x}" if address else ""
        number = f", detail {detail}" if detail else ""
        super().__init__(
            f"{code.name} of unit {unit.name} at instruction {pc}{what}{where}{number}: "
            f"{reason or code.__doc__}"
        )
