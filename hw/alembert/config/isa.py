"""The instruction set: one table that gateware, golden model, assembler and documentation follow.

An instruction is 256 bits. Every operand has one place, whichever instruction uses it, so that
decoding is wiring; operands that never meet in one instruction share a place.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = [
    "FORMATS",
    "INSTRUCTION_BYTES",
    "INSTRUCTION_WIDTH",
    "ISA_VERSION",
    "LENGTH",
    "OPERANDS",
    "TARGETS",
    "WRITABLE",
    "Instruction",
    "InstructionFormat",
    "MemoryBase",
    "Opcode",
    "Operand",
    "ResultKind",
    "Unit",
    "decode",
    "operand",
]

ISA_VERSION = 2
"""Changes whenever a program would mean something else."""
INSTRUCTION_WIDTH = 256
"""Bits of an instruction."""
INSTRUCTION_BYTES = INSTRUCTION_WIDTH // 8
"""Bytes of an instruction in memory, little-endian."""
LENGTH = 0
"""A dimension of 0 stands for the LENGTH register: the number of tokens of this run."""
TARGETS = 0xFFFF
"""This one for the TARGETS register: the number of tokens that an off-ramp looks at."""


class Unit(enum.IntEnum):
    """Who executes an instruction."""

    CONTROL = 0
    """The command processor itself."""
    DMA = 1
    """Moves rows between external memory and the scratchpad."""
    MATRIX = 2
    """The matrix unit of the linear layers."""
    ATTENTION = 3
    """The matrix unit of products of two activations; where there is none, MATRIX does both."""
    SPECIAL = 4
    """Softmax, layer normalisation, GELU, tanh, rescaling."""
    ENTROPY = 5
    """The early-exit test."""


class MemoryBase(enum.IntEnum):
    """Which base register an address in external memory counts from."""

    IMAGE = 0
    """Program, weights, embeddings; the machine never writes there."""
    INPUT = 1
    """What the host writes before a run."""
    OUTPUT = 2
    """What the host reads after it."""
    SCRATCH = 3
    """Room for tensors that do not fit on chip."""


WRITABLE = (MemoryBase.OUTPUT, MemoryBase.SCRATCH)
"""What the machine writes; a STORE anywhere else is refused."""


class ResultKind(enum.IntEnum):
    """How results lie in the scratchpad."""

    CODES = 0
    """Rows of codes of 8 bits, encoded for the next product."""
    WIDE = 1
    """Rows of signed fixed-point numbers of 16 bits, for a special function."""
    COLUMNS = 2
    """Codes, transposed: row c holds what all rows have in column c. Matrix units only."""
    TOKEN = 3
    """Rows of INT8 codes, each scaled by its own largest magnitude, 127 · x / max|x|, and behind
    them a word whose lower 16 bits are max|x|. Special functions only."""


class Opcode(enum.IntEnum):
    """The first byte of an instruction. Zeroed memory is no program: 0 is illegal."""

    HALT = 0x01
    BARRIER = 0x02
    LOOP = 0x03
    EXIT = 0x04
    LOAD = 0x10
    STORE = 0x11
    GATHER = 0x12
    LINEAR = 0x20
    MATMUL = 0x21
    SOFTMAX = 0x30
    GELU = 0x31
    LAYERNORM = 0x32
    TANH = 0x33
    RESCALE = 0x34
    ENTROPY = 0x40


@dataclass(frozen=True)
class Operand:
    """Where an operand lies in an instruction, and what it says.

    Parameters
    ----------
    name : str
    low : int
        Its lowest bit.
    width : int
        Bits.
    doc : str
        One phrase.
    is_signed : bool
        Two's complement.
    choices : type of enum.IntEnum, optional
        Names of its values.
    """

    name: str
    low: int
    width: int
    doc: str
    is_signed: bool = False
    choices: type[enum.IntEnum] | None = None

    @property
    def min(self) -> int:
        """The smallest value."""
        return -(1 << (self.width - 1)) if self.is_signed else 0

    @property
    def max(self) -> int:
        """The largest value."""
        if self.choices is not None:
            return max(self.choices)
        return (1 << (self.width - self.is_signed)) - 1

    def extract(self, word: int) -> int:
        """The operand's value in an instruction."""
        value = (word >> self.low) & ((1 << self.width) - 1)
        return value - (1 << self.width) if self.is_signed and value > self.max else value

    def insert(self, value: int) -> int:
        """The bits of an instruction in which the operand has a value.

        Raises
        ------
        ValueError
            It is out of range.
        """
        if not self.min <= value <= self.max:
            raise ValueError(f"{self.name} must be between {self.min} and {self.max}, not {value}")
        return (value & ((1 << self.width) - 1)) << self.low


_OPERANDS = (
    Operand("rows", 8, 16, "rows; 0: LENGTH, 65535: TARGETS"),
    Operand(
        "columns",
        24,
        16,
        "values of a result row, or words of a row moved; 0, 65535: likewise",
    ),
    Operand("o_address", 40, 20, "first word of the result"),
    Operand("o_stride", 60, 12, "words from one row of the result to the next"),
    Operand("a_address", 72, 20, "first word of the first operand"),
    Operand("a_stride", 92, 12, "words from one of its rows to the next"),
    Operand("b_address", 104, 20, "first word of the second operand"),
    Operand("b_stride", 124, 12, "words from one of its rows to the next"),
    Operand("depth", 136, 16, "terms of a dot product; 0, 65535: likewise"),
    Operand("kind", 152, 2, "how the result lies in the scratchpad", choices=ResultKind),
    Operand("unit", 154, 1, "0: the matrix unit of linear layers, 1: that of attention"),
    Operand("has_a", 157, 1, "there is a first operand; else it is 0"),
    Operand("has_b", 158, 1, "there is a second operand; else it is 0"),
    Operand("has_lifts", 159, 1, "there is a lift for each column; else they are 0"),
    Operand("has_bias", 159, 1, "there is a bias for each column; else they are 0"),
    # control
    Operand("target", 8, 16, "number of an instruction, from the program's first"),
    Operand("count", 24, 16, "number of passes"),
    # external memory
    Operand("memory_offset", 160, 32, "first word in external memory, from its base"),
    Operand("memory_base", 192, 2, "base register of memory_offset", choices=MemoryBase),
    Operand("index_base", 194, 2, "base register of index_offset", choices=MemoryBase),
    Operand("index_offset", 208, 32, "word with the first of the row numbers, from its base"),
    Operand("index_limit", 104, 32, "rows of the table: no row number reaches it"),
    Operand(
        *("pitch", 208, 32),
        "words that memory_offset grows by with every pass: 0, or at least rows · columns",
    ),
    # numbers
    Operand("multiplier", 160, 32, "requantisation: an unsigned factor"),
    Operand("epsilon", 160, 32, "added to n²·variance, in units of the values' last bit squared"),
    Operand("span", 160, 16, "keys at a distance of at least this are masked; 0: none is"),
    Operand("shift", 192, 6, "right shift after the multiplier"),
    Operand("a_shift", 192, 3, "what is read of a stands for 2^a_shift times as much"),
    Operand("exponent", 198, 10, "of the encoder, or the right shift of a wide result", True),
    Operand("b_multiplier", 208, 16, "what a code of the second operand is multiplied by"),
    Operand("p_address", 224, 20, "first word of the parameters of the columns"),
)

OPERANDS: Mapping[str, Operand] = MappingProxyType({each.name: each for each in _OPERANDS})
"""All operands by name."""


def operand(name: str) -> Operand:
    """The operand called ``name``.

    Raises
    ------
    ValueError
        There is none of that name.
    """
    if name not in OPERANDS:
        raise ValueError(f"operand must be one of {', '.join(OPERANDS)}, not {name!r}")
    return OPERANDS[name]


@dataclass(frozen=True)
class InstructionFormat:
    """An instruction's operands.

    Parameters
    ----------
    opcode : Opcode
    unit : Unit
        Who executes it; ATTENTION takes the matrix instructions with ``unit`` = 1.
    operands : tuple of str
        Their names; all other bits are 0.
    summary : str
        What it does, in a sentence or two.
    """

    opcode: Opcode
    unit: Unit
    operands: tuple[str, ...]
    summary: str

    @property
    def mnemonic(self) -> str:
        """Its name in an assembly listing."""
        return self.opcode.name.lower()

    @property
    def used_bits(self) -> int:
        """A mask of the bits that may be other than 0."""
        mask = 0xFF
        for name in self.operands:
            mask |= ((1 << OPERANDS[name].width) - 1) << OPERANDS[name].low
        return mask


_O = ("o_address", "o_stride")
_A = ("a_address", "a_stride")
_B = ("b_address", "b_stride")
_MEMORY = ("memory_base", "memory_offset")

_FORMATS = (
    InstructionFormat(Opcode.HALT, Unit.CONTROL, (), "Waits for every unit, then ends the run."),
    InstructionFormat(Opcode.BARRIER, Unit.CONTROL, (), "Waits for every unit."),
    InstructionFormat(
        Opcode.LOOP,
        Unit.CONTROL,
        ("target", "count"),
        "Begins the next pass at the target, unless this was pass number `count`, or the number "
        "in the MAX_PASSES register if that is smaller.",
    ),
    InstructionFormat(
        Opcode.EXIT,
        Unit.CONTROL,
        ("target",),
        "Waits for the entropy unit; continues at the target if its last test said so for every "
        "row.",
    ),
    InstructionFormat(
        Opcode.LOAD,
        Unit.DMA,
        ("rows", "columns", *_O, *_MEMORY, "pitch"),
        "Rows of `columns` words, one after the other in memory, to the scratchpad.",
    ),
    InstructionFormat(
        Opcode.STORE,
        Unit.DMA,
        ("rows", "columns", *_A, *_MEMORY, "pitch"),
        "Rows of `columns` words from the scratchpad to OUTPUT or SCRATCH, one after the other.",
    ),
    InstructionFormat(
        Opcode.GATHER,
        Unit.DMA,
        ("rows", "columns", *_O, *_MEMORY, "index_base", "index_offset", "index_limit"),
        "Rows of a table in memory, chosen by numbers of 32 bits that are in memory too.",
    ),
    InstructionFormat(
        Opcode.LINEAR,
        Unit.MATRIX,
        ("rows", "columns", "depth", *_O, "kind", "unit", *_A, *_MEMORY),
        "Codes × weights, which stream from memory with the parameters of their channels.",
    ),
    InstructionFormat(
        Opcode.MATMUL,
        Unit.MATRIX,
        (
            *("rows", "columns", "depth", *_O, "kind", "unit", *_A, *_B),
            *("multiplier", "shift", "exponent"),
        ),
        "Codes × codes: the second operand has a row for each column of the result.",
    ),
    InstructionFormat(
        Opcode.SOFTMAX,
        Unit.SPECIAL,
        ("rows", "columns", *_O, "kind", *_A, "a_shift", "span", "exponent"),
        "Rows of wide scores times 2^a_shift, in units of log2, to probabilities.",
    ),
    InstructionFormat(
        Opcode.GELU,
        Unit.SPECIAL,
        ("rows", "columns", *_O, "kind", *_A, "a_shift", "has_lifts", "p_address", "exponent"),
        "Wide numbers times 2^a_shift to their GELU over 2^a_shift; a column's codes are encoded "
        "with exponent + lift.",
    ),
    InstructionFormat(
        Opcode.LAYERNORM,
        Unit.SPECIAL,
        (
            *("rows", "columns", *_O, "kind", "has_a", *_A, "has_b", *_B),
            *("b_multiplier", "shift", "epsilon", "p_address", "exponent"),
        ),
        "Normalises rows of a + b · b_multiplier / 2^shift, a wide and b codes, times γ, plus β.",
    ),
    InstructionFormat(
        Opcode.TANH,
        Unit.SPECIAL,
        ("rows", "columns", *_O, "kind", *_A, "exponent"),
        "Wide numbers to their tanh.",
    ),
    InstructionFormat(
        Opcode.RESCALE,
        Unit.SPECIAL,
        (
            *("rows", "columns", *_O, "kind", *_A, "has_b", *_B),
            *("multiplier", "shift", "has_bias", "p_address", "exponent"),
        ),
        "Wide a · max · multiplier / 2^shift + bias; max is in the lower 16 bits of a row's word "
        "of b, or 1. Machines with codes of INT8 only.",
    ),
    InstructionFormat(
        Opcode.ENTROPY,
        Unit.ENTROPY,
        ("rows", "columns", *_O, *_A, "a_shift"),
        "Entropy and largest of each row of wide logits times 2^a_shift; one record a row.",
    ),
)

FORMATS: Mapping[Opcode, InstructionFormat] = MappingProxyType(
    {each.opcode: each for each in _FORMATS}
)
"""All instructions by opcode."""


@dataclass(frozen=True)
class Instruction:
    """An instruction: an opcode and a value for each operand of its format; 0 where none is given.

    Parameters
    ----------
    opcode : Opcode
    operands : mapping of str to int

    Raises
    ------
    ValueError
        The opcode has no such operand, or a value does not fit.
    """

    opcode: Opcode
    operands: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = FORMATS[self.opcode].operands
        for name in self.operands:
            if name not in known:
                raise ValueError(
                    f"{self.format.mnemonic} has no operand {name!r}, but "
                    f"{', '.join(known) or 'none at all'}"
                )
        values = {name: int(self.operands.get(name, 0)) for name in known}
        for name, value in values.items():
            try:
                OPERANDS[name].insert(value)
            except ValueError as error:
                raise ValueError(f"{self.format.mnemonic}: {error}") from None
        object.__setattr__(self, "operands", MappingProxyType(values))

    @property
    def format(self) -> InstructionFormat:
        """Its format."""
        return FORMATS[self.opcode]

    def __getitem__(self, name: str) -> int:
        """The value of an operand, KeyError if the instruction has none of that name."""
        return self.operands[name]

    def encode(self) -> int:
        """The instruction as a number of 256 bits."""
        word = int(self.opcode)
        for name, value in self.operands.items():
            word |= OPERANDS[name].insert(value)
        return word


def decode(word: int) -> Instruction:
    """The instruction that 256 bits stand for; the inverse of :meth:`Instruction.encode`.

    Raises
    ------
    ValueError
        The opcode is illegal, an operand is no choice, or a bit is set that no operand uses.
    """
    try:
        opcode = Opcode(word & 0xFF)
    except ValueError:
        raise ValueError(f"opcode must be that of an instruction, not {word & 0xFF:#04x}") from None
    fmt = FORMATS[opcode]
    if stray := word & ~fmt.used_bits:
        raise ValueError(
            f"{fmt.mnemonic} has no operand at bit {(stray & -stray).bit_length() - 1}"
        )
    return Instruction(opcode, {name: OPERANDS[name].extract(word) for name in fmt.operands})
