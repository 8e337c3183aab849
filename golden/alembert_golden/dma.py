"""LOAD, STORE and GATHER: rows of words between external memory and the scratchpad."""

from __future__ import annotations

import numpy as np
from alembert.config.command import MachineFault
from alembert.config.isa import MemoryBase
from alembert.config.machine import MachineConfig
from numpy.typing import NDArray

from .decoder import Resolved
from .machine_fault import InstructionError
from .memory_image import ExternalMemory, rows_of

__all__ = ["gather", "load", "store"]

_INDEX = np.dtype("<u4")


def load(
    instruction: Resolved,
    scratchpad: NDArray[np.uint8],
    memory: ExternalMemory,
    machine: MachineConfig,
    *,
    pass_number: int,
) -> None:
    """Word k of row r is word ``memory_offset`` + (pass − 1) · ``pitch`` + r · columns + k.

    Parameters
    ----------
    instruction : Instruction
        LOAD, resolved.
    scratchpad : array of uint8, [batch, words, W]
        Changed in place.
    memory : ExternalMemory
        Of the same batch.
    machine : MachineConfig
        What executes it.
    pass_number : int
        1 for the first pass.

    Raises
    ------
    InstructionError
        DMA_READ: the words are not all inside their region.
    """
    offset, words = _extent(instruction, pass_number)
    data = memory.read(instruction["memory_base"], offset, words, MachineFault.DMA_READ)
    rows = rows_of(scratchpad, instruction.places["o"])
    rows[:] = data.reshape(len(data), *rows.shape[1:])


def store(
    instruction: Resolved,
    scratchpad: NDArray[np.uint8],
    memory: ExternalMemory,
    machine: MachineConfig,
    *,
    pass_number: int,
) -> None:
    """The reverse of :func:`load`, from tensor a.

    Raises
    ------
    InstructionError
        DMA_WRITE: the words are not all inside their region.
    """
    offset, _ = _extent(instruction, pass_number)
    rows = rows_of(scratchpad, instruction.places["a"])
    memory.write(instruction["memory_base"], offset, rows.reshape(len(rows), -1))


def gather(
    instruction: Resolved,
    scratchpad: NDArray[np.uint8],
    memory: ExternalMemory,
    machine: MachineConfig,
) -> None:
    """Row i is the ``columns`` words from word ``memory_offset`` + number i · ``columns``.

    Row numbers are 32 bits, little-endian, without a gap from word ``index_offset`` of
    ``index_base``. The first row, in order, whose number is at fault or whose words are outside
    decides which fault it is.

    Raises
    ------
    InstructionError
        DMA_READ: the row numbers, or a row, are not inside their region. INDEX: a number reaches
        ``index_limit``. Of sentences that differ in
        these faults only those with one reason are named.
    """
    rows, columns = instruction["rows"], instruction["columns"]
    index_words = -(-rows * _INDEX.itemsize // memory.word_bytes)
    numbers = memory.read(
        instruction["index_base"], instruction["index_offset"], index_words, MachineFault.DMA_READ
    )[:, : rows * _INDEX.itemsize]
    numbers = np.ascontiguousarray(numbers).view(_INDEX).astype(np.int64)
    region = memory.region(instruction["memory_base"])
    row_bytes = columns * memory.word_bytes
    start = instruction["memory_offset"] * memory.word_bytes
    available = max(0, (region.shape[1] - start) // row_bytes)
    numbers = np.broadcast_to(numbers, (len(scratchpad), rows))
    _check_numbers(numbers, instruction, available)
    table = np.lib.stride_tricks.as_strided(
        region[:, start:],
        (len(region), available, row_bytes),
        (region.strides[0], row_bytes, 1),
    )
    sentence = np.arange(len(scratchpad))[:, np.newaxis] if len(region) > 1 else 0
    rows_of(scratchpad, instruction.places["o"])[:] = table[sentence, numbers]


def _check_numbers(numbers: NDArray[np.int64], instruction: Resolved, available: int) -> None:
    limit = instruction["index_limit"]
    bad = numbers >= min(limit, available)
    if not bad.any():
        return
    sentences = np.asarray(bad.any(axis=1))
    first = np.take_along_axis(numbers, bad.argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]
    beyond = np.asarray(sentences & (first >= limit))
    blamed = first[beyond if beyond.any() else sentences][0]
    # those with another number have their turn, and a reason of their own
    sentences = np.asarray(sentences & (first == blamed))
    if beyond.any():
        raise InstructionError(
            MachineFault.INDEX,
            f"gather: row numbers must be below {limit}, not {blamed}",
            sentences,
        )
    base = MemoryBase(instruction["memory_base"])
    raise InstructionError(
        MachineFault.DMA_READ,
        f"gather: row {blamed} of the table must lie within {base.name}",
        sentences,
    )


def _extent(instruction: Resolved, pass_number: int) -> tuple[int, int]:
    """First word in memory, and how many."""
    offset = instruction["memory_offset"] + (pass_number - 1) * instruction["pitch"]
    return offset, instruction["rows"] * instruction["columns"]
