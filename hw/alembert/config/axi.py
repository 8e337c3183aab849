"""Parameters of the AXI4 manager, and how it cuts commands into bursts."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .checks import require_between, require_int

__all__ = ["AxiConfig", "AxiFault"]


class AxiFault(enum.IntEnum):
    """What went wrong first on the way to or from the memory."""

    NONE = 0
    """Nothing did."""
    SLVERR = 1
    """A burst was answered with SLVERR: the memory was reached, and failed."""
    DECERR = 2
    """A burst was answered with DECERR: there is nothing at its address."""
    MISALIGNED = 3
    """A command's address is no multiple of its words' bytes; it was refused."""
    EMPTY = 4
    """A command asks for no words; it was refused."""
    OUT_OF_RANGE = 5
    """A command reaches beyond the end of the address space; it was refused."""
    PROTOCOL = 6
    """An answer came that nothing had asked for, or a burst was not as long as requested."""


@dataclass(frozen=True, kw_only=True)
class AxiConfig:
    """An AXI4 manager: widths, bursts, and the latency that its buffers hide.

    Parameters
    ----------
    address_width : int
        Bits of a byte address, 16…64.
    data_width : int
        Bits of a beat, 32, 64 or 128.
    id_width : int
        Bits of an ID, 1…16; a read client has an ID to itself.
    max_burst : int
        Beats of a burst at most, 1…256.
    outstanding : int
        Bursts of a client under way at most, 1…64.
    latency : int
        Cycles, 0…1024, from the edge that takes a read address to the one that gives its first
        beat, through which a reader's buffer sustains a beat a cycle.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range.
    """

    address_width: int = 40
    data_width: int = 64
    id_width: int = 3
    max_burst: int = 16
    outstanding: int = 8
    latency: int = 40

    WORDS_WIDTH = 24
    """Bits of a command's count of words."""
    PAGE = 4096
    """Bytes; no burst crosses a multiple of it."""
    PIPELINE = 8
    """Cycles for which room stays reserved beyond latency and burst: the registers on the way."""

    def __post_init__(self) -> None:
        require_between("AXI address width", self.address_width, 16, 64)
        require_int("AXI data width", self.data_width)
        if self.data_width not in (32, 64, 128):
            raise ValueError(f"AXI data width must be 32, 64 or 128, not {self.data_width}")
        require_between("AXI ID width", self.id_width, 1, 16)
        require_between("AXI longest burst", self.max_burst, 1, 256)
        require_between("AXI outstanding bursts", self.outstanding, 1, 64)
        require_between("AXI latency", self.latency, 0, 1024)

    @property
    def beat_bytes(self) -> int:
        """Bytes of a beat."""
        return self.data_width // 8

    @property
    def page_beats(self) -> int:
        """Beats between two multiples of 4 KiB."""
        return self.PAGE // self.beat_bytes

    @property
    def read_depth(self) -> int:
        """Beats of room in a reader: what latency, a burst and the pipeline take a beat a cycle."""
        return self.latency + self.max_burst + self.PIPELINE

    def beats_per_word(self, word_width: int) -> int:
        """Beats of a word of ``word_width`` bits.

        Raises
        ------
        TypeError
            The width is not an int.
        ValueError
            A word is not one, two or four beats.
        """
        require_int("AXI word width", word_width)
        beats, rest = divmod(word_width, self.data_width)
        if rest or beats not in (1, 2, 4):
            raise ValueError(
                f"AXI word width must be 1, 2 or 4 times the data width {self.data_width}, "
                f"not {word_width}"
            )
        return beats

    def write_depth(self, word_width: int) -> int:
        """Words of room in a writer: one burst leaves while the next one gathers."""
        return -(-2 * self.max_burst // self.beats_per_word(word_width)) + 2

    def refusal(self, address: int, words: int, word_width: int) -> AxiFault:
        """Why a command is refused; NONE if it is not."""
        word_bytes = self.beats_per_word(word_width) * self.beat_bytes
        if address % word_bytes:
            return AxiFault.MISALIGNED
        if words == 0:
            return AxiFault.EMPTY
        if address + words * word_bytes > 1 << self.address_width:
            return AxiFault.OUT_OF_RANGE
        return AxiFault.NONE

    def bursts(self, address: int, words: int, word_width: int) -> list[tuple[int, int]]:
        """The bursts of a command that is not refused, in order: byte address and beats of each."""
        left = words * self.beats_per_word(word_width)
        found: list[tuple[int, int]] = []
        while left:
            to_page = (self.PAGE - address % self.PAGE) // self.beat_bytes
            beats = min(left, self.max_burst, to_page)
            found.append((address, beats))
            address += beats * self.beat_bytes
            left -= beats
        return found
