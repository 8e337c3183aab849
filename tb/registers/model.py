"""What a register file must do, from its description; and maps to try it on."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from alembert.config import (
    FormatPair,
    IntegerFormat,
    TernaryFormat,
    VmacArrayConfig,
    VmacConfig,
)
from alembert.config.axi import AxiConfig
from alembert.config.machine import MachineConfig
from alembert.config.memory import ScratchpadConfig
from alembert.config.register_fields import (
    Access,
    Field,
    Half,
    Register,
    register_pair,
    single,
)
from alembert.config.register_map import Group, RegisterMap

__all__ = ["DECERR", "ODD_MAP", "OKAY", "SLVERR", "Colour", "Model", "machine", "pack_port"]

OKAY, SLVERR, DECERR = 0, 2, 3
_WORD = 0xFFFFFFFF


class Colour(enum.IntEnum):
    """Values of a field."""

    RED = 1
    GREEN = 5


def _fields(access: Access, *places: tuple[int, int], locked: int | None = None, **given):
    return tuple(
        Field(f"f{index}", low, width, access, "Bits.", is_locked=index == locked, **given)
        for index, (low, width) in enumerate(places)
    )


_LO, _HI = register_pair("WIDE", 0x040, Access.RW, "Two halves", is_locked=True)

ODD_MAP = RegisterMap(
    "odd",
    (
        Group(
            "All sorts",
            "Every access in places that no machine has.",
            (
                single("KNOWN", 0x000, Access.CONSTANT, "Constant.", reset=0xDEADBEEF),
                Register(
                    "PARTS", 0x008, "Gaps.", _fields(Access.CONSTANT, (1, 3), (30, 2), reset=2)
                ),
                Register(
                    "MIXED",
                    0x00C,
                    "Fields across bytes, one of them locked.",
                    _fields(Access.RW, (0, 1), (5, 7), (15, 2), (20, 11), locked=2, reset=1),
                ),
                single("WHOLE", 0x010, Access.RW, "All bits.", reset=0x12345678),
                single("NARROW", 0x014, Access.RW, "Some bits.", width=19, is_locked=True),
                single("CHOICE", 0x018, Access.RW, "Named.", width=3, choices=Colour, reset=5),
                Register(
                    "PULSES",
                    0x020,
                    "In three bytes.",
                    _fields(Access.PULSE, (0, 1), (9, 1), (31, 1), locked=1),
                ),
                Register("FLAGS", 0x024, "Wide ones.", _fields(Access.W1C, (2, 3), (14, 4))),
                Register(
                    "BOTH",
                    0x028,
                    "Reports and flags.",
                    (
                        Field("height", 0, 9, Access.RO, "Bits.", choices=Colour),
                        Field("event", 12, 1, Access.W1C, "A bit."),
                        Field("rest", 16, 16, Access.RO, "Bits."),
                    ),
                ),
                _LO,
                _HI,
                *register_pair("FIRST", 0x048, Access.RO, "A report"),
                *register_pair("SECOND", 0x050, Access.RO, "Another"),
                single("REPORT", 0x058, Access.RO, "No half.", width=31),
                single("LAST", 0x07C, Access.RO, "At the end."),
            ),
        ),
    ),
    address_width=7,
)
"""Fields of every access at odd places, in 128 bytes."""


def machine(*, attention: bool = True) -> MachineConfig:
    """A machine with or without a matrix unit for attention."""
    int8, ternary = IntegerFormat(), TernaryFormat()

    def array(weight: IntegerFormat | TernaryFormat, lanes: int, vmacs: int) -> VmacArrayConfig:
        pair = FormatPair(activation=int8, weight=weight)
        vmac = VmacConfig(pair=pair, lanes=lanes, rows=32, max_depth=3000)
        return VmacArrayConfig(vmac=vmac, vmacs=vmacs)

    return MachineConfig(
        main=array(ternary if attention else int8, 64, 16),
        attention=array(int8, 16, 8) if attention else None,
        scratchpad=ScratchpadConfig(words=8192, banks=4),
        axi=AxiConfig(),
        longest_row=768,
        max_classes=500,
    )


def pack_port(register: Register, access: Access, values: dict[str, int]) -> int:
    """A port of one register: its fields of one access side by side, lowest first."""
    word, place = 0, 0
    for each in register.fields:
        if each.access is access:
            word |= values[each.name] << place
            place += each.width
    return word


@dataclass
class Model:
    """A register file: settings, flags, and the high half that is kept."""

    registers: RegisterMap
    settings: dict[str, int] = field(default_factory=dict)
    flags: dict[str, int] = field(default_factory=dict)
    reports: dict[str, int] = field(default_factory=dict)
    kept: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for register in self.registers.registers:
            for each in register.fields:
                key = f"{register.name}.{each.name}"
                match each.access:
                    case Access.RW:
                        self.settings[key] = each.reset or 0
                    case Access.W1C:
                        self.flags[key] = 0
                    case Access.RO:
                        self.reports[key] = 0

    def write(
        self, offset: int, data: int, strobe: int, *, lock: bool = False
    ) -> tuple[int, set[str]]:
        """The response, and the pulses that follow; the state moves on."""
        register = self.registers.at(offset)
        if register is None:
            return DECERR, set()
        if {each.access for each in register.fields} <= {Access.CONSTANT, Access.RO}:
            return SLVERR, set()
        bits = sum(0xFF << 8 * lane for lane in range(4) if strobe >> lane & 1)
        meant = {Access.RW: bits, Access.PULSE: bits & data}
        if lock and any(
            each.is_locked and each.mask & meant[each.access] for each in register.fields
        ):
            return SLVERR, set()
        pulses = set()
        for each in register.fields:
            key = f"{register.name}.{each.name}"
            new, mask = (data & each.mask) >> each.low, (bits & each.mask) >> each.low
            match each.access:
                case Access.RW:
                    self.settings[key] = (self.settings[key] & ~mask) | (new & mask)
                case Access.W1C:
                    self.flags[key] &= ~(new & mask)
                case Access.PULSE if new & mask:
                    pulses.add(key)
        return OKAY, pulses

    def contents(self, register: Register) -> int:
        """What a register holds now."""
        word = 0
        for each in register.fields:
            key = f"{register.name}.{each.name}"
            known = {**self.settings, **self.flags, **self.reports}
            constant = each.reset if each.access is Access.CONSTANT else 0
            word |= known.get(key, constant or 0) << each.low
        return word

    def read(self, offset: int) -> tuple[int, int]:
        """Response and data."""
        register = self.registers.at(offset)
        if register is None:
            return DECERR, 0
        data = self.contents(register)
        if Access.RO in register.accesses:
            if register.half is Half.LOW:
                other = self.registers.at(offset + 4)
                assert other is not None
                self.kept = (offset + 4, self.contents(other))
            elif register.half is Half.HIGH and self.kept and self.kept[0] == offset:
                data = self.kept[1]
        return OKAY, data
