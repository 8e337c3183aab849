"""Parameters of what stores and rearranges tensors."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .checks import require_between

__all__ = ["ScratchpadConfig", "ScratchpadFault", "TransposerConfig", "WalkerConfig"]

CODE_WIDTH = 8
"""Bits of a code in the scratchpad, and what one bit of a write mask stands for."""


@dataclass(frozen=True, kw_only=True)
class TransposerConfig:
    """Blocks of V × V codes that are turned over.

    Parameters
    ----------
    lanes : int
        V, codes a beat, a power of two, 2…64.
    width : int
        Bits of a code, 1…32.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range, or V is no power of two.
    """

    lanes: int = 16
    width: int = 8

    def __post_init__(self) -> None:
        require_between("transposer lanes", self.lanes, 2, 64)
        require_between("transposer width", self.width, 1, 32)
        if self.lanes & (self.lanes - 1):
            raise ValueError(f"transposer lanes must be a power of two, not {self.lanes}")


class ScratchpadFault(enum.IntEnum):
    """What went wrong at a port of the scratchpad."""

    NONE = 0
    """Nothing did."""
    READ_OUTSIDE = 1
    """A read past the last word; it gave zeros."""
    WRITE_OUTSIDE = 2
    """A write past the last word; it was dropped."""


@dataclass(frozen=True, kw_only=True)
class ScratchpadConfig:
    """The banked memory on the chip, in words of codes.

    Parameters
    ----------
    word_width : int
        Bits of a word, a multiple of 8, 8…512.
    words : int
        Words of all banks together; a multiple of the banks, at least two a bank.
    banks : int
        Memories that work side by side, a power of two, 2…32.
    address_width : int
        Bits of an address at every port, 2…32; enough for the last word. Addresses from ``words``
        on can be asked for, and are faults.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range, or does not fit another.
    """

    word_width: int = 128
    words: int = 16384
    banks: int = 8
    address_width: int = 20

    def __post_init__(self) -> None:
        require_between("scratchpad word width", self.word_width, CODE_WIDTH, 512)
        require_between("scratchpad banks", self.banks, 2, 32)
        require_between("scratchpad address width", self.address_width, 2, 32)
        require_between("scratchpad words", self.words, 2 * self.banks, 1 << self.address_width)
        if self.word_width % CODE_WIDTH:
            raise ValueError(
                f"scratchpad word width must be a multiple of {CODE_WIDTH}, not {self.word_width}"
            )
        if self.banks & (self.banks - 1):
            raise ValueError(f"scratchpad banks must be a power of two, not {self.banks}")
        if self.words % self.banks:
            raise ValueError(
                f"scratchpad words must be a multiple of its {self.banks} banks, not {self.words}"
            )

    @property
    def codes(self) -> int:
        """W, codes of 8 bits in a word, and bits of a write mask."""
        return self.word_width // CODE_WIDTH

    @property
    def rows(self) -> int:
        """Words in one bank."""
        return self.words // self.banks

    @property
    def bank_width(self) -> int:
        """log2 of the number of banks."""
        return self.banks.bit_length() - 1

    @property
    def index_width(self) -> int:
        """Bits of the last word's address."""
        return (self.words - 1).bit_length()

    def bank_of(self, address: int) -> int:
        """The bank a word lies in: its address's groups of log2(banks) bits, XORed.

        Words ``banks`` · k to ``banks`` · k + ``banks`` − 1 lie in different banks for every k,
        and so do words that a stride of a power of two sets apart. The groups are those of
        ``index_width`` bits: of an address outside, the bits above are ignored.
        """
        left, bank = address & ((1 << self.index_width) - 1), 0
        while left:
            bank ^= left & (self.banks - 1)
            left >>= self.bank_width
        return bank

    def row_of(self, address: int) -> int:
        """The place of a word in its bank."""
        return address >> self.bank_width


@dataclass(frozen=True, kw_only=True)
class WalkerConfig:
    """Nested loops over addresses.

    Parameters
    ----------
    levels : int
        Loops inside each other, 1…8.
    address_width : int
        Bits of an address, 2…32; addresses wrap.
    count_width : int
        Bits of a loop's count, 1…32.
    increment_width : int
        Bits of a loop's signed increment, 2…``address_width``.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range.
    """

    levels: int = 2
    address_width: int = 20
    count_width: int = 16
    increment_width: int = 20

    def __post_init__(self) -> None:
        require_between("walker levels", self.levels, 1, 8)
        require_between("walker address width", self.address_width, 2, 32)
        require_between("walker count width", self.count_width, 1, 32)
        require_between("walker increment width", self.increment_width, 2, self.address_width)
