"""Sentences that run one program side by side, and part where they differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from alembert.config.isa import Instruction, Opcode, Unit
from alembert.config.machine import MachineConfig
from alembert.config.registers import SATURATING
from numpy.typing import NDArray

from .decoder import Resolved
from .dma import gather, load, store
from .entropy_engine import execute_entropy
from .matrix_engine import MatrixEngine
from .memory_image import ExternalMemory, Rows, rows_of
from .special_engine import SpecialEngine

__all__ = ["Batch", "Executor", "TraceEvent"]


@dataclass(frozen=True)
class TraceEvent:
    """An instruction that was executed, and what it left.

    Parameters
    ----------
    number : int
        The instruction's, from the program's first.
    pass_number : int
        The pass it was executed in.
    instruction : Instruction
        With its dimensions replaced.
    sentences : array of int64, [batch]
        Which of the run's sentences executed it.
    rows : array of uint8, [batch, rows, words, W], or None
        What the rows of its result hold in the scratchpad, if it has a result there; a copy.
    """

    number: int
    pass_number: int
    instruction: Instruction
    sentences: NDArray[np.int64]
    rows: NDArray[np.uint8] | None


@dataclass
class Batch:
    """What belongs to each sentence; the first axis of every array is the sentence's place.

    Parameters
    ----------
    sentences : array of int64
        Which one is where.
    scratchpad : array of uint8, [batch, words, W]
    memory : ExternalMemory
    exit_all : array of bool
        What the last early-exit test said; False before the first.
    predicted : array of int64
        Class by the first row of the last test; 0 before the first.
    entropy : array of int64
        Entropy of that row; 0 before the first.
    saturated : array of int64, [batch, len(SATURATING)]
        Wide results that were saturated, by unit.
    """

    sentences: NDArray[np.int64]
    scratchpad: NDArray[np.uint8]
    memory: ExternalMemory
    exit_all: NDArray[np.bool_] = field(init=False)
    predicted: NDArray[np.int64] = field(init=False)
    entropy: NDArray[np.int64] = field(init=False)
    saturated: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.exit_all = np.zeros(len(self.sentences), dtype=bool)
        self.predicted = np.zeros(len(self.sentences), dtype=np.int64)
        self.entropy = np.zeros(len(self.sentences), dtype=np.int64)
        self.saturated = np.zeros((len(self.sentences), len(SATURATING)), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.sentences)

    def part(self, places: slice) -> Batch:
        """Some of the sentences, as a view."""
        part = object.__new__(Batch)
        part.sentences, part.scratchpad = self.sentences[places], self.scratchpad[places]
        part.memory = self.memory.part(places)
        part.exit_all, part.predicted = self.exit_all[places], self.predicted[places]
        part.entropy, part.saturated = self.entropy[places], self.saturated[places]
        return part

    def split(self, leaving: NDArray[np.bool_]) -> tuple[Batch, Batch]:
        """Those that stay and those that leave: the latter change places with the last ones."""
        num = len(self) - int(leaving.sum())
        early, late = np.nonzero(leaving[:num])[0], num + np.nonzero(~leaving[num:])[0]
        here, there = np.concatenate([early, late]), np.concatenate([late, early])
        if len(here):
            arrays = (self.sentences, self.scratchpad, self.exit_all, self.predicted)
            counts = (self.entropy, self.saturated)
            for array in (*arrays, *counts, *self.memory.regions.values()):
                array[here] = array[there]
        return self.part(slice(0, num)), self.part(slice(num, None))


class Executor:
    """Executes instructions of every unit but the command processor.

    Parameters
    ----------
    machine : MachineConfig
    matrix : MatrixEngine
        Keeps the image's weights.
    threshold : int
        Of early-exit tests.
    trace : callable, optional
        Called with a TraceEvent after each instruction.
    """

    def __init__(
        self,
        machine: MachineConfig,
        matrix: MatrixEngine,
        *,
        threshold: int,
        trace: Callable[[TraceEvent], None] | None,
    ):
        self._machine, self._matrix, self._threshold = machine, matrix, threshold
        self._special = SpecialEngine(machine)
        self._trace = trace

    def execute(self, instruction: Resolved, batch: Batch, number: int, pass_number: int) -> None:
        """Execute a resolved instruction.

        Raises
        ------
        InstructionError
            It cannot be, for some sentences or all; nothing has been written.
        """
        machine, scratchpad, memory = self._machine, batch.scratchpad, batch.memory
        match instruction.opcode:
            case Opcode.LOAD:
                load(instruction, scratchpad, memory, machine, pass_number=pass_number)
            case Opcode.STORE:
                store(instruction, scratchpad, memory, machine, pass_number=pass_number)
            case Opcode.GATHER:
                gather(instruction, scratchpad, memory, machine)
            case Opcode.LINEAR:
                saturated = self._matrix.linear(instruction, scratchpad, memory)
                self._count(batch, Unit.MATRIX, saturated)
            case Opcode.MATMUL:
                saturated = self._matrix.matmul(instruction, scratchpad)
                unit = Unit.ATTENTION if instruction["unit"] else Unit.MATRIX
                self._count(batch, unit, saturated)
            case Opcode.ENTROPY:
                test = execute_entropy(instruction, scratchpad, machine, threshold=self._threshold)
                batch.exit_all[:], batch.predicted[:] = test.exit_all, test.first_class
                batch.entropy[:] = test.first_entropy
            case _:
                saturated = self._special.execute(instruction, scratchpad)
                self._count(batch, Unit.SPECIAL, saturated)
        self._report(instruction, batch, number, pass_number)

    @staticmethod
    def _count(batch: Batch, unit: Unit, saturated: NDArray[np.int64]) -> None:
        """What an instruction has saturated of each sentence, to its unit's counter."""
        batch.saturated[:, SATURATING.index(unit)] += saturated

    def _report(self, instruction: Resolved, batch: Batch, number: int, pass_number: int) -> None:
        if self._trace is None:
            return
        rows: Rows | None = instruction.places.get("o")
        written = None
        if rows is not None:
            shape = (len(batch), rows.count, rows.words, self._machine.word_codes)
            written = rows_of(batch.scratchpad, rows).reshape(shape).copy()
        sentences = batch.sentences.copy()
        self._trace(TraceEvent(number, pass_number, instruction.instruction, sentences, written))
