"""Programs as text: an instruction a line, ``mnemonic operand=value …``, labels, comments.

    start:                         # a label names the next instruction
        gather rows=LENGTH columns=8 o_address=0x100 o_stride=8 index_base=INPUT index_limit=591
        loop   target=start count=12
        halt

A value is a decimal or 0x… number, a name of the operand's choices (``kind=WIDE``), ``LENGTH`` or
``TARGETS`` for a dimension, or a label for a target.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from alembert.config.isa import (
    FORMATS,
    INSTRUCTION_BYTES,
    LENGTH,
    OPERANDS,
    TARGETS,
    Instruction,
    Opcode,
    decode,
)

__all__ = ["ProgramError", "assemble", "disassemble", "from_bytes", "to_bytes"]

_DIMENSIONS = ("rows", "columns", "depth")
_DIMENSION_NAMES = {"LENGTH": LENGTH, "TARGETS": TARGETS}
_LABEL = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|\d+)")


class ProgramError(ValueError):
    """A program that cannot be assembled or decoded; the message names the line or instruction."""


def assemble(text: str) -> list[Instruction]:
    """The instructions of a program.

    Raises
    ------
    ProgramError
        A line is not an instruction, an operand or value is wrong, a label is unknown or given
        twice.
    """
    labels: dict[str, int] = {}
    lines: list[tuple[int, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#")[0].split()
        while words and words[0].endswith(":"):
            label = words.pop(0)[:-1]
            if not _LABEL.fullmatch(label):
                raise ProgramError(f"line {number}: a label must be a name, not {label!r}")
            if label in labels:
                raise ProgramError(f"line {number}: label {label!r} is given twice")
            labels[label] = len(lines)
        if words:
            lines.append((number, words))
    program = []
    for number, (mnemonic, *operands) in lines:
        try:
            program.append(_instruction(mnemonic, operands, labels))
        except ValueError as error:
            raise ProgramError(f"line {number}: {error}") from None
    return program


def disassemble(program: Iterable[Instruction]) -> str:
    """The text of a program, which assembles to the same; operands that are 0 are left out."""
    lines = []
    for instruction in program:
        words = [f"{name}={_spell(name, value)}" for name, value in instruction.operands.items()]
        kept = [word for word in words if not word.endswith("=0")]
        lines.append(" ".join([instruction.format.mnemonic, *kept]))
    return "".join(f"{line}\n" for line in lines)


def to_bytes(program: Sequence[Instruction]) -> bytes:
    """A program as it lies in memory: 32 bytes an instruction, little-endian."""
    return b"".join(each.encode().to_bytes(INSTRUCTION_BYTES, "little") for each in program)


def from_bytes(image: bytes) -> list[Instruction]:
    """The instructions of a program in memory.

    Raises
    ------
    ProgramError
        Its length is not a whole number of instructions, or one of them is illegal.
    """
    if len(image) % INSTRUCTION_BYTES:
        raise ProgramError(
            f"a program must be whole instructions of {INSTRUCTION_BYTES} bytes, "
            f"not {len(image)} bytes"
        )
    program = []
    for start in range(0, len(image), INSTRUCTION_BYTES):
        word = int.from_bytes(image[start : start + INSTRUCTION_BYTES], "little")
        try:
            program.append(decode(word))
        except ValueError as error:
            raise ProgramError(f"instruction {start // INSTRUCTION_BYTES}: {error}") from None
    return program


def _instruction(mnemonic: str, operands: Sequence[str], labels: Mapping[str, int]) -> Instruction:
    if mnemonic.upper() not in Opcode.__members__:
        names = ", ".join(fmt.mnemonic for fmt in FORMATS.values())
        raise ValueError(f"an instruction must be one of {names}, not {mnemonic!r}")
    values: dict[str, int] = {}
    for word in operands:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"an operand must be name=value, not {word!r}")
        if name in values:
            raise ValueError(f"operand {name!r} is given twice")
        values[name] = _value(name, value, labels)
    return Instruction(Opcode[mnemonic.upper()], values)


def _value(name: str, text: str, labels: Mapping[str, int]) -> int:
    if _NUMBER.fullmatch(text):
        return int(text, 16 if "x" in text.lower() else 10)
    choices = OPERANDS[name].choices if name in OPERANDS else None
    if choices is not None and text in choices.__members__:
        return int(choices[text])
    if name in _DIMENSIONS and text in _DIMENSION_NAMES:
        return _DIMENSION_NAMES[text]
    if name == "target" and text in labels:
        return labels[text]
    raise ValueError(f"{name} must be a number or a name it knows, not {text!r}")


def _spell(name: str, value: int) -> str:
    choices = OPERANDS[name].choices
    if choices is not None and value:
        return choices(value).name
    if name in _DIMENSIONS:
        for spelling, meaning in _DIMENSION_NAMES.items():
            if value == meaning:
                return spelling
    return str(value)
