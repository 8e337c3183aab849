"""The machine's memories for a batch of sentences: scratchpad, and regions of external memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from alembert.config.command import MachineFault
from alembert.config.isa import MemoryBase
from alembert.config.machine import MachineConfig
from numpy.typing import NDArray

from .machine_fault import InstructionError

__all__ = ["ExternalMemory", "Rows", "empty_scratchpad", "rows_of"]

WIDE = np.dtype("<i2")
"""A wide number in memory."""


@dataclass(frozen=True)
class Rows:
    """Where a tensor lies in the scratchpad: row r is words ``address`` + r · ``stride`` + k.

    Parameters
    ----------
    address : int
        First word.
    stride : int
        Words from one row to the next.
    count : int
        Rows.
    words : int
        Words of a row, k = 0…``words`` − 1.
    """

    address: int
    stride: int
    count: int
    words: int

    @property
    def end(self) -> int:
        """One more than the last word of what the tensor occupies: count · stride words.

        A single row whose stride is shorter occupies all of its words nevertheless.
        """
        reach = (self.count - 1) * self.stride + self.words
        return self.address + max(self.count * self.stride, reach)


def empty_scratchpad(machine: MachineConfig, batch: int) -> NDArray[np.uint8]:
    """A scratchpad for each sentence, [batch, words, W] codes, all 0."""
    return np.zeros((batch, machine.scratchpad.words, machine.word_codes), dtype=np.uint8)


def rows_of(scratchpad: NDArray[np.uint8], rows: Rows, *, wide: bool = False) -> NDArray:
    """A tensor's rows, as a view to read or write: codes, or wide numbers.

    Parameters
    ----------
    scratchpad : array of uint8, [batch, words, W]
        Contiguous but for its first axis.
    rows : Rows
        Within the scratchpad; rows may overlap only if they are read.
    wide : bool
        Elements are int16, W/2 a word, else uint8, W a word.

    Returns
    -------
    array [batch, count, elements of a row's words]
    """
    words = scratchpad.view(WIDE) if wide else scratchpad
    width, place, reach = words.shape[2], rows.address, rows.count * rows.stride
    if rows.words <= rows.stride and place + reach <= words.shape[1]:
        # the same view, an order of magnitude sooner
        whole = words[:, place : place + reach].reshape(len(words), rows.count, rows.stride * width)
        return whole[..., : rows.words * width]
    batch_stride, word_stride, item = words.strides
    return np.lib.stride_tricks.as_strided(
        words[:, place:],
        (len(words), rows.count, rows.words * width),
        (batch_stride, rows.stride * word_stride, item),
    )


@dataclass(frozen=True)
class ExternalMemory:
    """External memory of a batch of sentences: one IMAGE for all, else a region for each.

    Parameters
    ----------
    image : array of uint8, [bytes]
        Read only.
    regions : mapping of MemoryBase to array of uint8, [batch, bytes]
        INPUT, OUTPUT and SCRATCH.
    word_bytes : int
        Bytes of a word; addresses count words.
    """

    image: NDArray[np.uint8]
    regions: Mapping[MemoryBase, NDArray[np.uint8]]
    word_bytes: int

    def part(self, sentences: slice) -> ExternalMemory:
        """The memory of some of the sentences, as a view."""
        regions = {base: region[sentences] for base, region in self.regions.items()}
        return ExternalMemory(self.image, MappingProxyType(regions), self.word_bytes)

    def region(self, base: int) -> NDArray[np.uint8]:
        """A region: [1, bytes] for IMAGE, else [batch, bytes]."""
        if base == MemoryBase.IMAGE:
            return self.image[np.newaxis]
        return self.regions[MemoryBase(base)]

    def read(self, base: int, offset: int, words: int, fault: MachineFault) -> NDArray[np.uint8]:
        """Consecutive words as a view, [1 or batch, bytes].

        Raises
        ------
        InstructionError
            ``fault``: they are not all inside the region.
        """
        region = self.region(base)
        start, end = offset * self.word_bytes, (offset + words) * self.word_bytes
        if end > region.shape[1]:
            raise InstructionError(
                fault,
                f"words {offset}…{offset + words - 1} of {MemoryBase(base).name} must lie within "
                f"its {region.shape[1]} bytes",
            )
        return region[:, start:end]

    def write(self, base: int, offset: int, data: NDArray[np.uint8]) -> None:
        """Write whole words, [batch, bytes], of every sentence.

        Raises
        ------
        InstructionError
            DMA_WRITE: they are not all inside the region.
        """
        words = data.shape[1] // self.word_bytes
        self.read(base, offset, words, MachineFault.DMA_WRITE)[:] = data
