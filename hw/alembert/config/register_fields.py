"""Registers and their fields, described once for gateware, drivers and pages."""

from __future__ import annotations

import enum
import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from .checks import require_between, require_int

__all__ = [
    "FIELD_NAME",
    "REGISTER_BYTES",
    "REGISTER_WIDTH",
    "Access",
    "Field",
    "Half",
    "Register",
    "register_pair",
    "require_unique",
    "single",
]

REGISTER_WIDTH = 32
"""Bits of a register."""
REGISTER_BYTES = REGISTER_WIDTH // 8
"""Bytes of a register: what offsets are multiples of."""

_REGISTER_NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
FIELD_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
"""What a lower-case identifier looks like."""

_SYSTEMRDL = """
abstract accesstype addressingtype addrmap alias all bit boolean bothedge compact component
componentwidth constraint default encode enum external false field fullalign hw inside internal
level longint mem na name negedge nonsticky number onreadtype onwritetype posedge property r rclr
ref reg regalign regfile rset ruser rw rw1 signal string struct sw this true type unsigned w w1
wclr woclr woset wot wr wset wuser wzc wzs wzt
"""
# A field's name is an identifier of SystemRDL 2.0 and, as a port, of Python: neither's words.
_RESERVED = frozenset([*keyword.kwlist, *_SYSTEMRDL.split(), "signature"])


class Access(enum.Enum):
    """What software may do with a field."""

    CONSTANT = "constant"
    """Read what is the same for ever."""
    RO = "RO"
    """Read what hardware reports; a write has no effect."""
    RW = "RW"
    """Read and write; hardware only reads."""
    W1C = "W1C"
    """Read a flag that hardware sets; writing 1 clears it, unless it is set in the same cycle."""
    PULSE = "pulse"
    """Writing 1 is an event of one cycle; reads as 0."""


class Half(enum.Enum):
    """Which half of a number of 64 bits a register holds."""

    LOW = "LO"
    HIGH = "HI"


@dataclass(frozen=True)
class Field:
    """Some bits of a register.

    Parameters
    ----------
    name : str
        Lower case.
    low : int
        Its lowest bit.
    width : int
        Bits.
    access : Access
    doc : str
        A sentence or two.
    reset : int, optional
        Value of a CONSTANT, or of an RW field after reset. A constant that differs from one
        machine to the next is None until :meth:`RegisterMap.filled` gives it.
    choices : type of enum.IntEnum, optional
        Names of its values.
    is_locked : bool
        Refused while the machine is in the way.

    Raises
    ------
    TypeError
        A parameter is of the wrong kind.
    ValueError
        The name is no identifier, or a number is out of its range.
    """

    name: str
    low: int
    width: int
    access: Access
    doc: str
    reset: int | None = 0
    choices: type[enum.IntEnum] | None = None
    is_locked: bool = False

    def __post_init__(self) -> None:
        if not FIELD_NAME.fullmatch(self.name) or self.name in _RESERVED:
            raise ValueError(
                f"name of a field must be a lower-case identifier that no language reserves, "
                f"not {self.name!r}"
            )
        what = f"field {self.name}"
        require_between(f"lowest bit of {what}", self.low, 0, REGISTER_WIDTH - 1)
        require_between(f"width of {what}", self.width, 1, REGISTER_WIDTH - self.low)
        if not isinstance(self.access, Access):
            raise TypeError(f"access of {what} must be an Access, not {self.access!r}")
        if self.reset is not None:
            require_between(f"reset of {what}", self.reset, 0, (1 << self.width) - 1)
        elif self.access is not Access.CONSTANT:
            raise ValueError(f"reset of {what} must be a number, unless it is a constant")
        if self.reset and self.access not in (Access.CONSTANT, Access.RW):
            raise ValueError(f"reset of {what} must be 0 for {self.access.value}, not {self.reset}")
        if self.access is Access.PULSE and self.width != 1:
            raise ValueError(f"width of {what} must be 1 for a pulse, not {self.width}")
        if self.is_locked and self.access not in (Access.RW, Access.PULSE):
            raise ValueError(f"{what} must be RW or a pulse to be locked, not {self.access.value}")
        if self.choices is not None:
            require_between(f"largest choice of {what}", max(self.choices), 0, self.max)

    @property
    def max(self) -> int:
        """Its largest value."""
        return (1 << self.width) - 1

    @property
    def mask(self) -> int:
        """Its bits in the register."""
        return self.max << self.low


# Fields of one access only, so that a register is one port; a flag may stand among reports.
_TOGETHER = [frozenset({access}) for access in Access] + [frozenset({Access.RO, Access.W1C})]


@dataclass(frozen=True)
class Register:
    """A register of 32 bits.

    Parameters
    ----------
    name : str
        Upper case.
    offset : int
        Its byte address in the map, a multiple of 4.
    doc : str
        A sentence or two.
    fields : tuple of Field
        Lowest first; what is between them reads as 0.
    half : Half, optional
        Which half of a 64-bit number it is; the name then ends in _LO or _HI.

    Raises
    ------
    TypeError
        The offset is not an int.
    ValueError
        The name is no identifier, the offset not aligned, or the fields overlap or do not go
        together.
    """

    name: str
    offset: int
    doc: str
    fields: tuple[Field, ...]
    half: Half | None = None

    def __post_init__(self) -> None:
        if not _REGISTER_NAME.fullmatch(self.name):
            raise ValueError(
                f"name of a register must be an upper-case identifier, not {self.name!r}"
            )
        require_int(f"offset of {self.name}", self.offset)
        if self.offset < 0 or self.offset % REGISTER_BYTES:
            raise ValueError(
                f"offset of {self.name} must be a multiple of {REGISTER_BYTES}, not {self.offset}"
            )
        if not self.fields:
            raise ValueError(f"{self.name} must have a field")
        names = [field.name for field in self.fields]
        require_unique(f"names of the fields of {self.name}", names)
        for below, above in pairwise(self.fields):
            if below.low + below.width > above.low:
                raise ValueError(
                    f"fields of {self.name} must not overlap and rise, "
                    f"not {below.name} and {above.name}"
                )
        if self.accesses not in _TOGETHER:
            found = ", ".join(sorted(access.value for access in self.accesses))
            raise ValueError(
                f"fields of {self.name} must be of one access, or RO and W1C, not {found}"
            )
        if self.half is not None and not self.name.endswith(f"_{self.half.value}"):
            raise ValueError(f"name of a {self.half.value} half must say so, not {self.name}")

    @property
    def accesses(self) -> frozenset[Access]:
        """What its fields are."""
        return frozenset(field.access for field in self.fields)

    @property
    def index(self) -> int:
        """Its offset in words."""
        return self.offset // REGISTER_BYTES

    @property
    def is_writable(self) -> bool:
        """Whether a write can have an effect; else it is refused."""
        return not self.accesses <= {Access.CONSTANT, Access.RO}

    @property
    def port(self) -> str:
        """The port's name: lower case, without the half."""
        return (self.name if self.half is None else self.name[: -len("_LO")]).lower()

    @property
    def reset(self) -> int:
        """What it reads as after reset, for as much as is known."""
        return sum((field.reset or 0) << field.low for field in self.fields)

    def field(self, name: str) -> Field:
        """The field called ``name``; KeyError if there is none."""
        return {field.name: field for field in self.fields}[name]


def single(
    name: str, offset: int, access: Access, doc: str, *, width: int = REGISTER_WIDTH, **field
) -> Register:
    """A register of one field, ``value``; further arguments are the field's."""
    return Register(name, offset, doc, (Field("value", 0, width, access, doc, **field),))


def register_pair(
    name: str, offset: int, access: Access, doc: str, *, is_locked: bool = False
) -> tuple[Register, Register]:
    """A number of 64 bits: ``name``_LO at ``offset`` and ``name``_HI after it.

    ``doc`` has no full stop.
    """

    def half(which: Half, at: int) -> Register:
        bits = "bits 31…0" if which is Half.LOW else "bits 63…32"
        field = Field("value", 0, REGISTER_WIDTH, access, bits, is_locked=is_locked)
        return Register(f"{name}_{which.value}", at, f"{doc}: {bits}.", (field,), which)

    return half(Half.LOW, offset), half(Half.HIGH, offset + REGISTER_BYTES)


def require_unique(what: str, values: Iterable[object]) -> None:
    """Raise ValueError if a value is there twice; the message names it."""
    seen = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} must be unique, not {value} twice")
        seen.add(value)
