"""The instruction set for readers: a Markdown page from the table that the gateware follows."""

from __future__ import annotations

import enum

from ..config.isa import FORMATS, INSTRUCTION_BYTES, ISA_VERSION, OPERANDS, InstructionFormat

__all__ = ["markdown"]

_INTRODUCTION = f"""\
# Instruction set

<!-- Written by `alembert instructions`; change the description, not this. -->

Version {ISA_VERSION}. A program is instructions of {INSTRUCTION_BYTES} bytes, little-endian, one
after the other in external memory, from the word that the register `PROGRAM` names. The first byte
is the opcode. An operand has the same bits in every instruction that has it; bits that no operand
of an instruction uses are 0, or the instruction is illegal.

- An *address* counts words of the scratchpad, a *stride* is the words from one row to the next. Row
  r of a tensor begins at `address + r · stride`. The words `address … address + rows · stride − 1`
  of each operand are what decides which instructions may run side by side.
- A dimension of 0 stands for the register `LENGTH`, one of 65535 for `TARGETS`.
- An offset in external memory counts words from the base register that `memory_base` or
  `index_base` names.
- Instructions begin in order. Each waits until none under way writes what it touches or reads what
  it writes; units then work side by side. `halt`, `barrier` and `exit` wait as they say; `loop`
  does not wait.

`alembert assemble` and `alembert disassemble` turn text into instructions and back.
"""


def markdown() -> str:
    """The instruction set as a page: every instruction with its operands, then all operands."""
    lines = [_INTRODUCTION]
    for fmt in FORMATS.values():
        lines += [*_section(fmt), ""]
    lines += ["## Operands", "", "| operand | bits | values | |", "| --- | --- | --- | --- |"]
    for place in OPERANDS.values():
        bits = _bits(place.low, place.width)
        lines.append(
            f"| `{place.name}` | {bits} | {place.min}…{place.max} | {_sentence(place.doc)} |"
        )
    lines.append("")
    for choices in _choices():
        lines += [f"### {choices.__name__}", "", (choices.__doc__ or "").strip(), ""]
        lines += ["| value | name |", "| --- | --- |"]
        lines += [f"| {choice.value} | `{choice.name}` |" for choice in choices]
        lines.append("")
    return "\n".join(lines)


def _section(fmt: InstructionFormat) -> list[str]:
    lines = [f"## {fmt.mnemonic}", "", f"`{fmt.opcode:#04x}`, {fmt.unit.name}. {fmt.summary}"]
    if fmt.operands:
        places = sorted((OPERANDS[name] for name in fmt.operands), key=lambda place: place.low)
        cells = [f"`{place.name}` {_bits(place.low, place.width)}" for place in places]
        lines += ["", "Operands: " + ", ".join(cells) + "."]
    return lines


def _bits(low: int, width: int) -> str:
    return str(low) if width == 1 else f"{low + width - 1}…{low}"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _choices() -> list[type[enum.IntEnum]]:
    return list(
        dict.fromkeys(place.choices for place in OPERANDS.values() if place.choices is not None)
    )
