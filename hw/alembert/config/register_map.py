"""Register maps: what software sees of hardware."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .checks import require_between
from .register_fields import (
    FIELD_NAME,
    REGISTER_BYTES,
    REGISTER_WIDTH,
    Half,
    Register,
    require_unique,
)

__all__ = ["Group", "RegisterMap"]


@dataclass(frozen=True)
class Group:
    """Registers that belong together: ``title``, a sentence, and the registers."""

    title: str
    doc: str
    registers: tuple[Register, ...]


@dataclass(frozen=True)
class RegisterMap:
    """All registers of a machine.

    Parameters
    ----------
    name : str
        Lower case; prefix of names in what is exported.
    groups : tuple of Group
    address_width : int
        Bits of a byte address in the map, 3…16.

    Raises
    ------
    TypeError
        The address width is not an int.
    ValueError
        The name is no identifier; two registers have one name, one offset or one port; a register
        is outside; or half of a 64-bit number is missing or not aligned to 8 bytes.
    """

    name: str
    groups: tuple[Group, ...]
    address_width: int = 12

    def __post_init__(self) -> None:
        if not FIELD_NAME.fullmatch(self.name):
            raise ValueError(
                f"name of a register map must be a lower-case identifier, not {self.name!r}"
            )
        require_between("address width of a register map", self.address_width, 3, 16)
        require_unique("names of registers", (register.name for register in self.registers))
        require_unique("offsets of registers", (hex(each.offset) for each in self.registers))
        whole = [each.port for each in self.registers if each.half is not Half.HIGH]
        require_unique("ports of registers", whole)
        for register in self.registers:
            if register.offset >= self.span:
                raise ValueError(
                    f"offset of {register.name} must be below {self.span:#x}, "
                    f"not {register.offset:#x}"
                )
            if register.half is not None:
                self._check_half(register)

    def _check_half(self, register: Register) -> None:
        is_high = register.half is Half.HIGH
        other = self.at(register.offset + (-REGISTER_BYTES if is_high else REGISTER_BYTES))
        if (
            register.offset % (2 * REGISTER_BYTES) != is_high * REGISTER_BYTES
            or other is None
            or (other.port, other.half) != (register.port, Half.LOW if is_high else Half.HIGH)
            or other.accesses != register.accesses
            or [field.width for field in other.fields + register.fields] != [REGISTER_WIDTH] * 2
        ):
            raise ValueError(
                f"{register.name} must be half of 64 bits of one access, aligned to 8 bytes"
            )

    @property
    def span(self) -> int:
        """Bytes of address space it takes."""
        return 1 << self.address_width

    @property
    def registers(self) -> tuple[Register, ...]:
        """All of them, group by group."""
        return tuple(register for group in self.groups for register in group.registers)

    def at(self, offset: int) -> Register | None:
        """The register at a byte offset, if there is one."""
        return next((each for each in self.registers if each.offset == offset), None)

    def __getitem__(self, name: str) -> Register:
        """The register called ``name``; KeyError if there is none."""
        return {register.name: register for register in self.registers}[name]

    @property
    def unknown(self) -> tuple[str, ...]:
        """``REGISTER.field`` of the constants that have no value yet."""
        return tuple(
            f"{register.name}.{field.name}"
            for register in self.registers
            for field in register.fields
            if field.reset is None
        )

    @property
    def choices(self) -> tuple[type[enum.IntEnum], ...]:
        """The enumerations that fields refer to, each once."""
        found = (field.choices for register in self.registers for field in register.fields)
        return tuple(dict.fromkeys(each for each in found if each is not None))

    def filled(self, values: Mapping[str, int]) -> RegisterMap:
        """The same map with its unknown constants given, by ``REGISTER.field``.

        Raises
        ------
        ValueError
            One is missing, too many are given, or a value does not fit.
        """
        if set(values) != set(self.unknown):
            different = ", ".join(sorted(set(values) ^ set(self.unknown)))
            raise ValueError(f"constants must be given for all unknown fields alone: {different}")

        def fill(register: Register) -> Register:
            fields = (
                replace(field, reset=values.get(f"{register.name}.{field.name}", field.reset))
                for field in register.fields
            )
            return replace(register, fields=tuple(fields))

        groups = (replace(each, registers=tuple(map(fill, each.registers))) for each in self.groups)
        return replace(self, groups=tuple(groups))
