"""The command processor: loops, exits, and what becomes of each sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from alembert.config.command import MachineFault
from alembert.config.isa import Opcode
from alembert.config.registers import SATURATING

from .machine_fault import InstructionError
from .machine_run import Batch, Executor
from .program import Program

__all__ = ["Control", "Outcome", "Thread"]


@dataclass
class Thread:
    """Sentences at one place of the program."""

    batch: Batch
    number: int = 0
    pass_number: int = 1
    exited: bool = False
    instructions: int = 0


class Outcome:
    """Collects what becomes of each sentence."""

    def __init__(self, num: int):
        self.passes, self.number, self.instructions = np.zeros((3, num), dtype=np.int64)
        self.predicted, self.entropy = np.zeros((2, num), dtype=np.int64)
        self.exited = np.zeros(num, dtype=bool)
        self.saturated = np.zeros((num, len(SATURATING)), dtype=np.int64)
        self.fault = [MachineFault.NONE] * num
        self.reason = [""] * num

    def end(self, thread: Thread, fault: InstructionError | None = None) -> None:
        """The sentences of a thread stop where it is."""
        batch = thread.batch
        at = batch.sentences
        self.passes[at], self.exited[at] = thread.pass_number, thread.exited
        self.instructions[at] = thread.instructions
        self.predicted[at], self.entropy[at] = batch.predicted, batch.entropy
        self.saturated[at] = batch.saturated
        if fault is not None:
            self.number[at] = thread.number
            for sentence in at:
                self.fault[sentence], self.reason[sentence] = fault.fault, fault.reason


class Control:
    """The command processor: loops, exits, faults."""

    def __init__(self, program: Program, executor: Executor, outcome: Outcome, max_passes: int):
        self._program, self._executor = program, executor
        self._outcome, self._max_passes = outcome, max_passes

    def run(self, thread: Thread, max_instructions: int) -> None:
        """Run a thread, and those that part from it, to their ends."""
        threads = [thread]
        while threads:
            thread = threads[-1]
            try:
                if thread.instructions >= max_instructions:
                    raise InstructionError(
                        MachineFault.TIMEOUT,
                        f"a run must end before {max_instructions} instructions",
                    )
                self._step(thread, threads)
            except InstructionError as fault:
                self._stop(thread, threads, fault)

    def _step(self, thread: Thread, threads: list[Thread]) -> None:
        instruction = self._program.fetch(thread.number)
        match instruction.opcode:
            case Opcode.HALT:
                thread.instructions += 1
                self._outcome.end(threads.pop())
                return
            case Opcode.BARRIER:
                pass
            case Opcode.LOOP:
                if thread.pass_number < min(instruction["count"], self._max_passes):
                    thread.pass_number += 1
                    thread.instructions += 1
                    thread.number = instruction["target"]
                    return
            case Opcode.EXIT:
                self._exit(thread, threads, instruction["target"])
                return
            case _:
                self._executor.execute(instruction, thread.batch, thread.number, thread.pass_number)
        thread.instructions += 1
        thread.number += 1

    def _exit(self, thread: Thread, threads: list[Thread], target: int) -> None:
        thread.instructions += 1
        staying, leaving = thread.batch.split(thread.batch.exit_all)
        threads.pop()
        if len(staying):
            threads.append(
                Thread(
                    staying,
                    thread.number + 1,
                    thread.pass_number,
                    thread.exited,
                    thread.instructions,
                )
            )
        if len(leaving):
            threads.append(Thread(leaving, target, thread.pass_number, True, thread.instructions))

    def _stop(self, thread: Thread, threads: list[Thread], fault: InstructionError) -> None:
        """Stop the sentences at fault; the others execute the instruction once more."""
        threads.pop()
        if fault.sentences is not None:
            staying, leaving = thread.batch.split(fault.sentences)
            if len(staying):
                threads.append(replace(thread, batch=staying))
            thread = replace(thread, batch=leaving)
        self._outcome.end(thread, fault)
