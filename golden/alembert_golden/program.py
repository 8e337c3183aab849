"""The program in an image."""

from __future__ import annotations

import numpy as np
from alembert.config.command import MachineFault
from alembert.config.isa import INSTRUCTION_WIDTH
from alembert.config.machine import MachineConfig
from numpy.typing import NDArray

from .decoder import Resolved, resolve
from .machine_fault import InstructionError

__all__ = ["Program"]

MAX_INSTRUCTION = 0xFFFF
"""The largest number of an instruction."""


class Program:
    """Instructions of an image, decoded when they are first executed.

    Parameters
    ----------
    image : array of uint8, [bytes]
    first : int
        Word of the image with the first one.
    machine : MachineConfig
    length, targets : int
        What dimensions 0 and 65535 stand for.
    """

    def __init__(
        self,
        image: NDArray[np.uint8],
        first: int,
        machine: MachineConfig,
        *,
        length: int,
        targets: int,
    ):
        self._image, self._first, self._machine = image, first, machine
        self._length, self._targets = length, targets
        self._decoded: dict[int, Resolved] = {}

    def fetch(self, number: int) -> Resolved:
        """An instruction, resolved.

        Raises
        ------
        InstructionError
            FETCH, or as :func:`alembert_golden.decoder.resolve`.
        """
        if number in self._decoded:
            return self._decoded[number]
        if number > MAX_INSTRUCTION:
            raise InstructionError(
                MachineFault.FETCH,
                f"an instruction's number must be at most {MAX_INSTRUCTION}, not {number}",
            )
        size = self._machine.instruction_words * self._machine.word_bytes
        start = self._first * self._machine.word_bytes + number * size
        if start + size > len(self._image):
            raise InstructionError(
                MachineFault.FETCH,
                f"instruction {number} must lie within the {len(self._image)} bytes of IMAGE",
            )
        word = int.from_bytes(self._image[start : start + size].tobytes(), "little")
        word &= (1 << INSTRUCTION_WIDTH) - 1
        instruction = resolve(word, self._machine, length=self._length, targets=self._targets)
        self._decoded[number] = instruction
        return instruction
