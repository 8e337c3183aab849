"""The command processor: why a run stops, what instructions touch on chip, fetching ahead."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from .checks import require_between, require_int
from .isa import INSTRUCTION_WIDTH, Opcode
from .status import DocumentedEnum

__all__ = [
    "FOOTPRINTS",
    "PASS_WIDTH",
    "PC_WIDTH",
    "WATCHDOG_WIDTH",
    "FetcherConfig",
    "Footprint",
    "MachineFault",
    "RowLayout",
]

PC_WIDTH = 17
"""Bits of a program counter: numbers of 65536 instructions, and of the one past them."""
PASS_WIDTH = 16
"""Bits of a pass's number."""
WATCHDOG_WIDTH = 32
"""Bits of the watchdog's limit."""


class MachineFault(DocumentedEnum):
    """Why a run was stopped."""

    NONE = 0, "It was not."
    ILLEGAL_OPCODE = 1, "The first byte of an instruction is no opcode."
    OPERAND = (
        2,
        "An operand is out of range, LENGTH or TARGETS is more than the program has room for, or a "
        "bit is set that no operand uses.",
    )
    ADDRESS = 3, "An operand reaches beyond the end of the scratchpad."
    FETCH = 4, "An instruction could not be read, or its number is above 65535."
    DMA_READ = 5, "Memory refused a read of the DMA, or a base register cannot be used."
    DMA_WRITE = 6, "Memory refused a write of the DMA."
    INDEX = 7, "A row number of a gather reached the number of rows of its table."
    WEIGHTS_READ = 8, "Memory refused a read of weights."
    UNIT = 9, "A unit refused an instruction for a reason of its own."
    TIMEOUT = 10, "As many cycles as the watchdog allows went by without any progress."


class RowLayout(enum.Enum):
    """How many words a row of n values takes."""

    WORDS = 0
    """n."""
    CODES = 1
    """n codes: ⌈n / W⌉."""
    WIDES = 2
    """n wide numbers: ⌈2n / W⌉."""
    RECORD = 3
    """The 64 bits of an early-exit test."""
    BY_KIND = 4
    """Of results: codes or wide numbers; for COLUMNS, rows and columns change places; for TOKEN,
    codes and a word."""
    WORD = 5
    """One, whatever n is."""


@dataclass(frozen=True)
class Footprint:
    """The words of the scratchpad that an operand of an instruction takes.

    It is ``rows`` rows of ``columns`` values, ``stride`` words apart, from ``address`` on. A stride
    is no less than the words of a row; that of a single row may be.

    Parameters
    ----------
    rows, columns : str
        Names of operands: which dimension counts the rows, and which the values of a row.
    layout : RowLayout
        Words of a row.
    flag : str, optional
        Name of an operand that must be 1; else there is no such operand.
    """

    rows: str
    columns: str
    layout: RowLayout
    flag: str | None = None


_MOVED = Footprint("rows", "columns", RowLayout.WORDS)
_RESULT = Footprint("rows", "columns", RowLayout.BY_KIND)
_TERMS = Footprint("rows", "depth", RowLayout.CODES)
_WIDES = Footprint("rows", "columns", RowLayout.WIDES)

FOOTPRINTS: Mapping[Opcode, Mapping[str, Footprint]] = MappingProxyType(
    {
        Opcode.LOAD: {"o": _MOVED},
        Opcode.STORE: {"a": _MOVED},
        Opcode.GATHER: {"o": _MOVED},
        Opcode.LINEAR: {"o": _RESULT, "a": _TERMS},
        Opcode.MATMUL: {
            "o": _RESULT,
            "a": _TERMS,
            "b": Footprint("columns", "depth", RowLayout.CODES),
        },
        Opcode.SOFTMAX: {"o": _RESULT, "a": _WIDES},
        Opcode.GELU: {"o": _RESULT, "a": _WIDES},
        Opcode.LAYERNORM: {
            "o": _RESULT,
            "a": Footprint("rows", "columns", RowLayout.WIDES, "has_a"),
            "b": Footprint("rows", "columns", RowLayout.CODES, "has_b"),
        },
        Opcode.TANH: {"o": _RESULT, "a": _WIDES},
        Opcode.RESCALE: {
            "o": _RESULT,
            "a": _WIDES,
            "b": Footprint("rows", "columns", RowLayout.WORD, "has_b"),
        },
        Opcode.ENTROPY: {"o": Footprint("rows", "columns", RowLayout.RECORD), "a": _WIDES},
    }
)
"""Opcode → operand (``o`` is written, others are read) → its words.

The parameters at ``p_address`` are not in it: they are as many words as there are columns, of which
LAYERNORM takes pairs: one more if their number is odd.
"""


@dataclass(frozen=True, kw_only=True)
class FetcherConfig:
    """Reading instructions ahead.

    Parameters
    ----------
    word_width : int
        Bits of a word that memory is read in: 32, 64, 128, 256 or 512.
    burst : int
        Instructions that are asked for together, a power of two, 1…16.
    bursts : int
        Bursts asked for ahead at most, 1…8.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range.
    """

    word_width: int
    burst: int = 4
    bursts: int = 2

    WORD_WIDTHS: ClassVar[tuple[int, ...]] = (32, 64, 128, 256, 512)

    def __post_init__(self) -> None:
        require_int("fetcher word width", self.word_width)
        if self.word_width not in self.WORD_WIDTHS:
            raise ValueError(
                f"fetcher word width must be one of {', '.join(map(str, self.WORD_WIDTHS))}, "
                f"not {self.word_width}"
            )
        require_between("fetcher burst", self.burst, 1, 16)
        if self.burst & (self.burst - 1):
            raise ValueError(f"fetcher burst must be a power of two, not {self.burst}")
        require_between("fetcher bursts", self.bursts, 1, 8)

    @property
    def word_bytes(self) -> int:
        """Bytes of a word."""
        return self.word_width // 8

    @property
    def instruction_words(self) -> int:
        """Words of an instruction, a power of two; bits above an instruction's are not read."""
        return -(-INSTRUCTION_WIDTH // self.word_width)

    @property
    def burst_words(self) -> int:
        """Words of a whole burst."""
        return self.burst * self.instruction_words

    @property
    def capacity(self) -> int:
        """Words asked for and not yet received, at most."""
        return self.bursts * self.burst_words
