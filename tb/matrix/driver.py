"""Runs programs on a matrix engine and compares all of the scratchpad afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cocotb
import numpy as np
from alembert.config.isa import Instruction, Opcode
from alembert.config.matrix import MatrixFault
from alembert_golden.matrix_unit import pass_cycles
from cocotb.queue import Queue
from cocotb.triggers import ClockCycles, RisingEdge
from matrix.programs import Model, instruction_word, num_writes
from support.streams import Monitor, Sink, Source

__all__ = ["EngineDriver", "Watch", "reset"]


async def reset(dut) -> None:
    """Two cycles of reset."""
    dut.rst.value = 1
    await ClockCycles(dut.clk, 2)
    dut.rst.value = 0
    await RisingEdge(dut.clk)


@dataclass
class Watch:
    """What was seen, cycle by cycle, until the last instruction was done."""

    cycles: int = 0
    done: list[tuple[int, int]] = field(default_factory=list)
    """Cycle, and words written by then, of each instruction's end."""
    taken: list[int] = field(default_factory=list)
    """Cycles in which an instruction was taken."""
    issuing: list[int] = field(default_factory=list)
    """Cycles in which a vector entered the array."""
    stalled: int = 0
    saturated: int = 0
    """Wide results that were cut to their range."""


class EngineDriver:
    """Sources, sinks and monitors of one engine.

    Parameters
    ----------
    dut : the device
    model : Model
    idle : str
        Pattern of instructions and weights.
    stall : str
        Pattern of weight commands, and of how often rivals leave the scratchpad alone.
    rivals : bool
        Whether others use the scratchpad's banks.
    """

    def __init__(
        self, dut, model: Model, *, idle="never", stall="never", rivals=False, monitors=True
    ):
        self.dut, self.model = dut, model
        self._has_words = model.under_test.has_weight_stream
        self._instructions = Source(dut, "instruction", idle=idle)
        names = ["instruction"]
        if self._has_words:
            self._weights = Source(dut, "weights", idle=idle)
            self._commands = Sink(dut, "weight_command", stall=stall)
            names += ["weights", "weight_command"]
        self._rivals = (
            [Source(dut, n, idle=stall) for n in ("rival_i", "rival_write")] if rivals else []
        )
        self._width = model.under_test.machine.scratchpad.word_width
        self._address_width = model.under_test.machine.scratchpad.address_width
        dut.rival_o_ready.value = 1
        if monitors:
            for name in names:
                Monitor(dut, name)

    def replace_weights(self, source: Source) -> None:
        """Weights come from another source."""
        self._weights = source

    async def load(self) -> None:
        """The model's words into the scratchpad."""
        mask = (1 << self.model.under_test.machine.word_codes) - 1
        above = mask << self._width
        await Source(self.dut, "load").send(
            address | (word | above) << self._address_width
            for address, word in enumerate(self.model.words())
        )

    async def compare(self) -> None:
        """Every word of the scratchpad is the model's."""
        words = self.model.words()
        task = cocotb.start_soon(Source(self.dut, "peek_i").send(range(len(words))))
        got = await Sink(self.dut, "peek_o").receive(len(words))
        await task
        wrong = [k for k, word in enumerate(words) if got[k] != word]
        assert not wrong, f"{len(wrong)} words differ, first {wrong[0]}: " + ", ".join(
            f"{got[k]:#x}, not {words[k]:#x}" for k in wrong[:4]
        )

    async def run(self, program: Sequence[Instruction], *, timeout_cycles: int = 10_000) -> Watch:
        """Execute instructions back to back; checks commands, counters and the times of done."""
        tasks = self._start(program)
        watch = await self._watch(len(program), timeout_cycles)
        for task in tasks:
            await task
        for task in self._disturbing:
            task.cancel()
        for source in self._rivals:
            source._valid.value = 0
        under_test = self.model.under_test
        after = np.cumsum([num_writes(each, under_test) for each in program]).tolist()
        before = self._written_before
        for k, (_, written) in enumerate(watch.done):
            low, high = after[k], after[k + 1] if k + 1 < len(after) else after[k] + 1
            assert low <= written - before < high, f"done {k} after {written - before} writes"
        vectors = sum(
            pass_cycles(each["rows"], each["depth"], each["columns"], under_test.array)
            for each in program
        )
        assert len(watch.issuing) == vectors
        assert watch.saturated == sum(self.model.saturated[id(each)] for each in program)
        assert self.dut.fault.value == MatrixFault.NONE
        assert self.dut.memory_fault.value == 0
        await RisingEdge(self.dut.clk)
        assert self.dut.busy.value == 0
        return watch

    def _start(self, program: Sequence[Instruction]) -> list:
        self._written_before = int(self.dut.written.value)
        send = self._instructions.send
        tasks = [cocotb.start_soon(send(instruction_word(each) for each in program))]
        if self._has_words:
            commands = [
                command
                for each in program
                if each.opcode is Opcode.LINEAR
                for command in self.model.weight_commands(each)
            ]
            queue: Queue = Queue()
            tasks.append(cocotb.start_soon(self._take_commands(commands, queue)))
            tasks.append(cocotb.start_soon(self._send_weights(len(commands), queue)))
        self._disturbing = [
            cocotb.start_soon(source.send(self._noise())) for source in self._rivals
        ]
        return tasks

    def _noise(self) -> Iterator[int]:
        """Reads of any word; the same as a write has no bit of the mask set."""
        words = self.model.under_test.machine.scratchpad.words
        while True:
            yield int(self.model.rng.integers(words))

    async def _take_commands(self, commands: list[tuple[int, int, int]], queue: Queue) -> None:
        for base, offset, words in commands:
            got = (await self._commands.receive(1))[0]
            want = base | offset << 2 | words << 34
            assert got == want, f"weight command {got:#x}, not {want:#x}"
            await queue.put((base, offset, words))

    async def _send_weights(self, count: int, queue: Queue) -> None:
        for _ in range(count):
            base, offset, words = await queue.get()
            await self._weights.send(
                self.model.memory_word(base, offset + k) | (k == words - 1) << self._width
                for k in range(words)
            )

    async def _watch(self, count: int, timeout_cycles: int) -> Watch:
        dut, watch = self.dut, Watch()
        edge = RisingEdge(dut.clk)
        while len(watch.done) < count:
            await edge
            issuing, stalled, busy = (bool(s.value) for s in (dut.issuing, dut.stalled, dut.busy))
            assert not (issuing and stalled)
            assert busy or not (issuing or stalled)
            if dut.instruction_valid.value and dut.instruction_ready.value:
                watch.taken.append(watch.cycles)
            if issuing:
                watch.issuing.append(watch.cycles)
            watch.stalled += stalled
            watch.saturated += int(dut.saturated.value)
            if dut.done.value:
                watch.done.append((watch.cycles, int(dut.written.value)))
            watch.cycles += 1
            assert watch.cycles < timeout_cycles, (
                f"{len(watch.done)} of {count} instructions done after {timeout_cycles} cycles"
            )
        return watch

    def abandon(self) -> None:
        """Stop sending."""
        for task in (*self._tasks, *self._disturbing):
            task.cancel()

    def begin(self, program: Sequence[Instruction]) -> None:
        """Send instructions and weights, and do not look."""
        self._tasks = self._start(program)
