"""What the parts of the special function engine and the entropy engine hand one another."""

from __future__ import annotations

from amaranth.hdl import signed
from amaranth.lib import data
from amaranth.utils import exact_log2

from ..command.layouts import instruction_layout
from ..config.isa import Unit
from ..config.machine import MachineConfig
from ..config.memory import WalkerConfig

__all__ = [
    "VALUE_WIDTH",
    "EntropyPlan",
    "OperandBeat",
    "SpecialPlan",
    "ValueBeat",
    "entropy_instruction",
    "log2_lanes",
    "row_walker",
    "special_instruction",
]

VALUE_WIDTH = 17
"""Bits of a special function's value, signed: wide numbers, and probabilities up to 2^15."""


def special_instruction() -> data.StructLayout:
    """A special function's instruction as the command processor hands it over."""
    return instruction_layout(Unit.SPECIAL)


def entropy_instruction() -> data.StructLayout:
    """ENTROPY as the command processor hands it over."""
    return instruction_layout(Unit.ENTROPY)


def log2_lanes(machine: MachineConfig) -> int:
    """log2 of L, wide numbers in a word.

    Raises
    ------
    ValueError
        L is no power of two.
    """
    lanes = machine.word_wides
    if lanes & (lanes - 1):
        raise ValueError(f"wide numbers in a word must be a power of two, not {lanes}")
    return exact_log2(lanes)


def row_walker(machine: MachineConfig) -> WalkerConfig:
    """Rows of words: loop 0 over the rows, loop 1 over the words of a row."""
    width = machine.scratchpad.address_width
    return WalkerConfig(levels=2, address_width=width, count_width=16, increment_width=width)


class SpecialPlan(data.StructLayout):
    """An instruction that can be executed; ``beats`` of L values are a row.

    ``has_a``, ``has_b`` and ``has_p`` say which operands are read: wide numbers; codes, or the
    largest magnitudes of rows; parameters.
    """

    def __init__(self, machine: MachineConfig) -> None:
        super().__init__(
            {
                "instruction": special_instruction(),
                "beats": range(machine.special.beats + 1),
                "has_a": 1,
                "has_b": 1,
                "has_p": 1,
            }
        )


class EntropyPlan(data.StructLayout):
    """An instruction that can be executed; a row of logits is ``words``."""

    def __init__(self) -> None:
        super().__init__({"instruction": entropy_instruction(), "words": 16})


class OperandBeat(data.StructLayout):
    """L wide numbers, L codes in 8 bits each, which of them are kept, their row's ``max``, and
    whether the row ends.

    Beyond the row's end, and where there is no such operand, numbers and codes are 0, and ``max``
    is 1.
    """

    def __init__(self, machine: MachineConfig) -> None:
        lanes = machine.word_wides
        super().__init__(
            {
                "values": data.ArrayLayout(signed(16), lanes),
                "codes": data.ArrayLayout(8, lanes),
                "keep": lanes,
                "max": 16,
                "last": 1,
            }
        )


class ValueBeat(data.StructLayout):
    """L values of a special function; beyond the row's end they are 0."""

    def __init__(self, machine: MachineConfig) -> None:
        super().__init__(
            {"values": data.ArrayLayout(signed(VALUE_WIDTH), machine.word_wides), "last": 1}
        )
