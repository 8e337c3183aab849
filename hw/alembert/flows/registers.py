"""The register map for others: a C header, SystemRDL, a Markdown page."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from ..config.register_fields import REGISTER_WIDTH, Access, Field, Half, Register, require_unique
from ..config.register_map import RegisterMap

__all__ = ["EXPORTS", "c_header", "markdown", "systemrdl"]

_NOTE = "Written by `alembert registers --format {}`; change the description, not this."


def _words(name: str) -> str:
    """``ErrorCode`` as ``error_code``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _doc(choice: enum.IntEnum) -> str:
    """A value's sentence, if it has one of its own."""
    own = choice.__doc__ or ""
    return "" if own == type(choice).__doc__ else own


def _constants(registers: RegisterMap) -> Iterator[tuple[str, int]]:
    """The macros of a C header: name without the map's, and value."""
    for register in registers.registers:
        yield f"{register.name}_OFFSET", register.offset
        for field in register.fields:
            name = f"{register.name}_{field.name.upper()}"
            yield f"{name}_SHIFT", field.low
            yield f"{name}_MASK", field.mask
            if field.access in (Access.CONSTANT, Access.RW) and field.reset is not None:
                yield f"{name}_RESET", field.reset


def c_header(registers: RegisterMap) -> str:
    """Offsets, shifts, masks in place, reset values as macros, and values as enumerations; C99.

    Raises
    ------
    ValueError
        Two things would have one name.
    """
    prefix = registers.name.upper()
    macros = {f"{prefix}_{name}": value for name, value in _constants(registers)}
    names = [f"{prefix}_{name}" for name, _ in _constants(registers)]
    guard = f"{prefix}_REGISTERS_H"
    lines = [
        f"/* Registers of {registers.name}. {_NOTE.format('c')} */",
        f"#ifndef {guard}",
        f"#define {guard}",
    ]

    def define(name: str) -> str:
        return f"#define {name} {macros[name]:#x}u"

    for group in registers.groups:
        lines += ["", f"/* {group.title}: {group.doc} */"]
        for register in group.registers:
            name = f"{prefix}_{register.name}"
            lines += ["", f"/* {register.doc} */", define(f"{name}_OFFSET")]
            for field in register.fields:
                stem = f"{name}_{field.name.upper()}"
                if field.doc != register.doc:
                    lines.append(f"/* {field.doc} */")
                lines += [
                    define(f"{stem}_{what}")
                    for what in ("SHIFT", "MASK", "RESET")
                    if f"{stem}_{what}" in macros
                ]
    for choices in registers.choices:
        stem = f"{registers.name}_{_words(choices.__name__)}"
        members = [f"{stem.upper()}_{choice.name}" for choice in choices]
        names += members
        lines += ["", f"/* {choices.__doc__} */", f"enum {stem} {{"]
        for choice, member in zip(choices, members):
            comma = "," if choice is not list(choices)[-1] else ""
            comment = f" /* {_doc(choice)} */" if _doc(choice) else ""
            lines.append(f"    {member} = {choice.value:#x}{comma}{comment}")
        lines.append("};")
    require_unique("names in the C header", [*names, guard])
    return "\n".join([*lines, "", "#endif", ""])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_RDL_ACCESS = {
    Access.CONSTANT: "sw = r; hw = na;",
    Access.RO: "sw = r; hw = w;",
    Access.RW: "sw = rw; hw = r;",
    Access.W1C: "sw = rw; onwrite = woclr; hw = r; hwset;",
    Access.PULSE: "sw = w; hw = r; singlepulse;",
}


def systemrdl(registers: RegisterMap) -> str:
    """The map in SystemRDL 2.0.

    What is refused unless the machine is ready for a run has the property ``locked``. A constant
    that differs from one machine to the next is a field that hardware writes, without reset value.
    """
    lines = [
        f"// {_NOTE.format('rdl')}",
        "property locked { component = field; type = boolean; };",
        "",
    ]
    for choices in registers.choices:
        lines += [f"enum {choices.__name__} {{"]
        lines += [
            f"    {choice.name} = {choice.value} {{ desc = {_quoted(_doc(choice))}; }};"
            for choice in choices
        ]
        lines += ["};", ""]
    lines += [
        f"addrmap {registers.name} {{",
        f"    default regwidth = {REGISTER_WIDTH};",
        "    littleendian;",
        "    lsb0;",
    ]
    for group in registers.groups:
        lines += ["", f"    // {group.title}: {group.doc}"]
        for register in group.registers:
            lines += ["    reg {", f"        desc = {_quoted(register.doc)};"]
            lines += [f"        {_rdl_field(field)}" for field in register.fields]
            lines.append(f"    }} {register.name} @ {register.offset:#x};")
    return "\n".join([*lines, "};", ""])


def _rdl_field(field: Field) -> str:
    properties = [f"desc = {_quoted(field.doc)};", _RDL_ACCESS[field.access]]
    if field.reset is None:
        properties[1] = "sw = r; hw = w;"
    if field.choices is not None:
        properties.append(f"encode = {field.choices.__name__};")
    if field.is_locked:
        properties.append("locked = true;")
    place = f"[{field.low + field.width - 1}:{field.low}]"
    has_reset = field.access is not Access.RO and field.reset is not None
    reset = f" = {field.width}'h{field.reset:x}" if has_reset else ""
    return f"field {{ {' '.join(properties)} }} {field.name}{place}{reset};"


_RULES = """\
The machine is driven through registers of 32 bits behind an AXI4-Lite port with {address_width}
address bits.

- Write the run registers, ring the doorbell (`CONTROL.start`), wait for the interrupt or until
  `STATUS.state` is neither RUNNING nor DRAINING, read the results.
- *Locked* fields refuse writes unless `STATUS.state` is IDLE or DONE: the response is SLVERR,
  nothing changes, the run goes on, and `STATUS.refused` is set until 1 is written to it. A byte
  whose strobe is 0 is not meant; nor is a pulse that is written 0.
- After a fault the state is ERROR: read the ERROR registers, then write `CONTROL.soft_reset`, which
  leaves all settings as they are, and wait for IDLE.
- A write to a register of constants or RO fields alone is answered SLVERR. Where there is no
  register, reads and writes are answered DECERR, and a read gives 0.
- A write changes the bytes whose strobes are set. Bits that no field has read as 0 and are not
  written. The lowest two bits of an address are not looked at.
- *W1C* flags are set by hardware; writing 1 clears them, unless they are set in the same cycle. A
  *pulse* is an event when 1 is written, and reads as 0.
- Numbers of 64 bits are two registers. Reading `_LO` of an RO number keeps its upper half for the
  next read of `_HI`, so that both are of one moment: read `_LO` first, and no other number's `_LO`
  in between.
- A reset value – is what hardware reports; *machine* is a constant that differs from one machine
  to the next.
"""


def markdown(registers: RegisterMap) -> str:
    """The map as a page: rules, a table for each group of registers, the names of values."""
    lines = [
        "# Registers",
        "",
        f"<!-- {_NOTE.format('markdown')} -->",
        "",
        _RULES.format(address_width=registers.address_width),
    ]
    header = ["offset", "register", "bits", "field", "access", "reset", ""]
    for group in registers.groups:
        rows = [row for register in group.registers for row in _rows(register)]
        lines += [f"## {group.title}", "", group.doc, "", *_table(header, rows), ""]
    lines += ["## Values", ""]
    for choices in registers.choices:
        rows = [[f"{choice.value:#04x}", f"`{choice.name}`", _doc(choice)] for choice in choices]
        lines += [f"### {choices.__name__}", "", (choices.__doc__ or "").strip(), ""]
        lines += [*_table(["value", "name", ""], rows), ""]
    return "\n".join(lines)


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    cells = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in cells]


def _rows(register: Register) -> Iterator[list[str]]:
    """One row for a register of one field or a number of 64 bits; else one more for each field."""
    place = f"`{register.offset:#05x}`"
    first = register.fields[0]
    if register.half is Half.HIGH:
        return
    if register.half is Half.LOW:
        name = f"`{register.name}`, `_{Half.HIGH.value}`"
        doc = register.doc.removesuffix(f": {first.doc}.") + "."
        yield [place, name, "63…0", "", _access(first), _reset(first), doc]
        return
    if [field.name for field in register.fields] == ["value"]:
        bits, doc = _bits(first), register.doc
        yield [place, f"`{register.name}`", bits, "`value`", _access(first), _reset(first), doc]
        return
    yield [place, f"`{register.name}`", "", "", "", "", register.doc]
    for field in register.fields:
        doc = field.doc
        if field.choices is not None:
            name = field.choices.__name__
            doc += f" Values: [{name}](#{name.lower()})."
        yield ["", "", _bits(field), f"`{field.name}`", _access(field), _reset(field), doc]


def _bits(field: Field) -> str:
    return str(field.low) if field.width == 1 else f"{field.low + field.width - 1}…{field.low}"


def _access(field: Field) -> str:
    return f"{field.access.value}, locked" if field.is_locked else field.access.value


def _reset(field: Field) -> str:
    if field.reset is None:
        return "machine"
    return "–" if field.access in (Access.RO, Access.PULSE) else f"{field.reset:#x}"


EXPORTS: Mapping[str, Callable[[RegisterMap], str]] = MappingProxyType(
    {"c": c_header, "rdl": systemrdl, "markdown": markdown}
)
"""Formats of ``alembert registers``."""
