"""What the command processor's parts hand one another, and what units are told."""

from __future__ import annotations

from amaranth.hdl import signed
from amaranth.lib import data

from ..config.command import PASS_WIDTH, PC_WIDTH
from ..config.isa import FORMATS, INSTRUCTION_WIDTH, OPERANDS, Unit
from ..config.machine import MachineConfig
from ..config.memory import ScratchpadConfig

__all__ = [
    "DIMENSIONS",
    "DIMENSION_WIDTH",
    "RANGES",
    "READS",
    "fetched_layout",
    "instruction_layout",
    "queued_layout",
    "range_layout",
    "ranges_layout",
    "unit_operands",
    "units_of",
]

DIMENSIONS = ("rows", "columns", "depth")
"""Operands that may stand for a register."""
DIMENSION_WIDTH = 16
"""Bits of each."""
READS = ("a", "b", "p")
"""Operands that are read."""
RANGES = ("o", *READS)
"""Operands that take words of the scratchpad; the first is written."""


def units_of(machine: MachineConfig) -> tuple[Unit, ...]:
    """The units of a machine, in the order of their numbers."""
    missing = (Unit.CONTROL,) if machine.attention is not None else (Unit.CONTROL, Unit.ATTENTION)
    return tuple(unit for unit in Unit if unit not in missing)


def unit_operands(unit: Unit) -> tuple[str, ...]:
    """Names of all operands that a unit's instructions have, in the order of the table.

    Both matrix units have the same, so that one engine serves as either.
    """
    kind = Unit.MATRIX if unit is Unit.ATTENTION else unit
    found = {name for each in FORMATS.values() if each.unit is kind for name in each.operands}
    return tuple(name for name in OPERANDS if name in found)


def instruction_layout(unit: Unit) -> data.StructLayout:
    """An instruction as its unit gets it: {opcode, [pass_number, ]operands…}.

    Dimensions are as substituted from the registers, at least 1. The operands are those of
    :func:`unit_operands`; one that the instruction at hand does not have has no meaning. The DMA
    gets the number of the pass, from 1, too.
    """
    members: dict = {"opcode": 8}
    if unit is Unit.DMA:
        members["pass_number"] = PASS_WIDTH
    for name in unit_operands(unit):
        place = OPERANDS[name]
        members[name] = signed(place.width) if place.is_signed else place.width
    return data.StructLayout(members)


def queued_layout() -> data.StructLayout:
    """{word: an instruction with its dimensions substituted, pass_number}."""
    return data.StructLayout({"word": INSTRUCTION_WIDTH, "pass_number": PASS_WIDTH})


def fetched_layout() -> data.StructLayout:
    """{word: an instruction, pc: its number, error: it could not be read}."""
    return data.StructLayout({"word": INSTRUCTION_WIDTH, "pc": PC_WIDTH, "error": 1})


def range_layout(config: ScratchpadConfig) -> data.StructLayout:
    """Words ``first`` … ``end`` − 1 of the scratchpad; both are 0 if there are none."""
    return data.StructLayout({"first": config.index_width, "end": config.index_width + 1})


def ranges_layout(config: ScratchpadConfig) -> data.StructLayout:
    """The words that an instruction touches: {o, a, b, p}, each a :func:`range_layout`."""
    return data.StructLayout({name: range_layout(config) for name in RANGES})
