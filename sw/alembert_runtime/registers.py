"""Registers by name, as the one description has them."""

from __future__ import annotations

from alembert.config.register_fields import REGISTER_WIDTH, Half, Register
from alembert.config.registers import REGISTERS

from .device import Device

__all__ = ["RegisterAccess"]

_BY_NAME: dict[str, Register] = {register.name: register for register in REGISTERS.registers}
_PAIRS = {
    register.port.upper(): (register, _BY_NAME[f"{register.port.upper()}_HI"])
    for register in REGISTERS.registers
    if register.half is Half.LOW
}


class RegisterAccess:
    """A device's registers under their names.

    Numbers of 64 bits are read and written whole; other registers as 32 bits, or field by field. A
    name that is not in the map is a KeyError.

    Parameters
    ----------
    device : Device
    """

    def __init__(self, device: Device):
        self._device = device

    def read(self, name: str) -> int:
        """A register, or a number of 64 bits."""
        if name in _PAIRS:
            low, high = _PAIRS[name]
            value = self._device.read(low.offset)  # keeps the upper half of this moment
            return value | self._device.read(high.offset) << REGISTER_WIDTH
        return self._device.read(_BY_NAME[name].offset)

    def field(self, name: str, field: str) -> int:
        """A field of a register."""
        register = _BY_NAME[name]
        return self._value(register, field, self._device.read(register.offset))

    def fields(self, name: str) -> dict[str, int]:
        """All fields of a register, of one moment."""
        register = _BY_NAME[name]
        word = self._device.read(register.offset)
        return {each.name: self._value(register, each.name, word) for each in register.fields}

    @staticmethod
    def _value(register: Register, field: str, word: int) -> int:
        found = register.field(field)
        return (word & found.mask) >> found.low

    def write(self, name: str, value: int) -> None:
        """Write a register, or a number of 64 bits."""
        if name in _PAIRS:
            low, high = _PAIRS[name]
            self._device.write(low.offset, value & ((1 << REGISTER_WIDTH) - 1))
            self._device.write(high.offset, value >> REGISTER_WIDTH)
        else:
            self._device.write(_BY_NAME[name].offset, value)

    def write_fields(self, name: str, **fields: int) -> None:
        """Write a register whose other fields become 0."""
        register = _BY_NAME[name]
        word = 0
        for field, value in fields.items():
            found = register.field(field)
            if not 0 <= value <= found.max:
                raise ValueError(f"{name}.{field} must be between 0 and {found.max}, not {value}")
            word |= value << found.low
        self._device.write(register.offset, word)
