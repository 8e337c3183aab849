"""A matrix engine: passes of rows, and the weights that load beside them."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from alembert.config.isa import MemoryBase, Opcode, ResultKind
from alembert.config.machine import MachineConfig
from alembert.config.vmac import VmacArrayConfig
from alembert_golden.decoder import Resolved
from alembert_golden.weights_layout import linear_words

from .banks import Waits
from .bus import Reader
from .kernel import Event, Kernel, Process
from .timing import MATRIX_PLAN, OPERANDS, READ_PORT_DEPTH, TRANSPOSER, array_timing
from .units import Record, UnitQueue

__all__ = ["MatrixUnit"]


@dataclass
class _Span:
    """An instruction's vectors so far."""

    first: int
    words: float
    last: int = -1


@dataclass(frozen=True)
class _Plan:
    record: Record
    offered: int


class MatrixUnit:
    """The engine of one array.

    The planner looks at an instruction once all parts have taken the one before; what each part
    waits for is kept from pass to pass.

    Parameters
    ----------
    kernel : Kernel
    machine : MachineConfig
    array : VmacArrayConfig
    queue : UnitQueue
    reader : Reader or None
        Of weights.
    bases : mapping of MemoryBase to int
        Byte addresses.
    rivals : sequence of MatrixUnit
        Whose reads of the scratchpad come first.
    """

    def __init__(
        self,
        kernel: Kernel,
        machine: MachineConfig,
        array: VmacArrayConfig,
        queue: UnitQueue,
        reader: Reader | None,
        bases: dict[MemoryBase, int],
        rivals: Sequence[MatrixUnit] = (),
    ) -> None:
        self._kernel, self._machine, self._array = kernel, machine, array
        self._queue, self._reader, self._bases = queue, reader, bases
        self._timing = array_timing(array)
        self._plans: deque[_Plan] = deque()
        self._planned, self._written = Event(kernel), Event(kernel)
        # what the pass before left
        self._begun = -1
        self._last_vector = -1
        self._gap = 0
        self._fed = -1
        self._channels_free = 0
        self._vectors_free = -1
        self._spans: deque[_Span] = deque()
        self._rivals, self._waits = rivals, Waits(machine.scratchpad.banks)
        self._own_waits = Waits(machine.scratchpad.banks)
        # results: when the last of an instruction is written, and as what
        self._last_write = -1
        self._finished: dict[int, tuple[int, bool]] = {}
        self._filled = -1
        self._blocks: deque[int] = deque([-1, -1], maxlen=2)
        self._is_asking, self._asking_ended = False, Event(kernel)
        kernel.resume(self._plan())
        kernel.resume(self._compute())

    def reads(self, cycle: int) -> float:
        """Words that are read in a cycle, as far as is known in it; of a second operand, as many as
        in all cycles of a pass together."""
        while len(self._spans) > 1 and self._spans[0].last < cycle:
            self._spans.popleft()
        return sum(
            each.words
            for each in self._spans
            if each.first <= cycle + OPERANDS and cycle <= each.last
        )

    def _wait(self, rows: int) -> int:
        """Cycles by which a pass's vectors are late, for words of other units' in their banks."""
        return self._waits.of(rows, sum(rival.reads(self._kernel.now) for rival in self._rivals))

    def _plan(self) -> Process:
        kernel, V = self._kernel, self._array.vmac.lanes
        taken_by_all, count = -1, 0
        while True:
            record = yield from self._queue.peek(taken_by_all + 1)
            record.taken = kernel.now
            self._queue.pop()
            is_linear = record.instruction.opcode is Opcode.LINEAR
            offered = kernel.now + MATRIX_PLAN
            if is_linear:
                offered += -(-record.instruction["depth"] // V)
            yield offered
            self._plans.append(_Plan(record, offered))
            self._planned.fire()
            taken_by_all = offered
            if is_linear:
                while self._is_asking:
                    yield self._asking_ended
                taken_by_all = max(taken_by_all, kernel.now)
                self._ask(record)
            if count:
                while count - 1 not in self._finished:
                    yield self._written
                written, was_columns = self._finished.pop(count - 1)
                is_columns = record.instruction["kind"] == ResultKind.COLUMNS
                # rows follow rows in the cycle of the last write; else its end is seen first
                free = written + (2 if is_columns or was_columns else 0)
                taken_by_all = max(taken_by_all, free)
            count += 1

    def _ask(self, record: Record) -> None:
        """A command for the weights of each block of rows."""
        assert self._reader is not None
        given, R = record.instruction, self._array.vmac.rows
        words = linear_words(given["depth"], given["columns"], self._array, self._machine)
        address = self._bases[MemoryBase(given["memory_base"])]
        address += given["memory_offset"] * self._machine.word_bytes
        blocks = -(-given["rows"] // R)
        self._is_asking = True

        def ask(cycle: int, left: int) -> None:
            assert self._reader is not None
            self._reader.command(cycle, address, words, lambda taken: accepted(taken, left))

        def accepted(taken: int, left: int) -> None:
            if left > 1:
                ask(taken + 1, left - 1)
            else:
                self._is_asking = False
                self._asking_ended.fire()

        ask(self._kernel.now + 1, blocks)

    def _compute(self) -> Process:
        count = 0
        while True:
            while not self._plans:
                yield self._planned
            plan = self._plans.popleft()
            record, given = plan.record, plan.record.instruction
            array, start = self._array, plan.offered
            R, C, V = array.vmac.rows, array.vmacs, array.vmac.lanes
            passes = -(-given["depth"] // V)
            is_columns = given["kind"] == ResultKind.COLUMNS
            vectors = max(start, self._vectors_free) + OPERANDS
            feeding = start + (1 if given.opcode is Opcode.LINEAR else OPERANDS)
            for block in range(0, given["rows"], R):
                rows = min(R, given["rows"] - block)
                for tile in range(0, given["columns"], C):
                    columns = min(C, given["columns"] - tile)
                    for step in range(passes):
                        is_last = step == passes - 1
                        full = yield from self._load(given.opcode, columns, is_last, feeding)
                        begun = max(self._last_vector + 1 + self._gap, full, vectors)
                        if self._rivals and begun > self._kernel.now:
                            yield begun
                        self._pass(rows, begun, is_last)
                        if record.started < 0:
                            record.started = self._begun
                            self._spans.append(_Span(self._begun, self._words_of(given)))
                        record.work += rows
                        self._spans[-1].last = self._last_vector
                    if is_columns:
                        self._write_columns(rows)
                    else:
                        last = self._last_vector + self._timing.result
                        self._last_write = max(self._last_write + rows, last)
            record.fed = self._last_vector
            self._vectors_free = self._last_vector + 1 - READ_PORT_DEPTH
            self._queue.end(record, self._last_write + 1)
            self._finished[count] = (self._last_write, is_columns)
            self._written.fire()
            count += 1

    def _load(
        self, opcode: Opcode, columns: int, is_last: bool, feeding: int
    ) -> Generator[int | Event, None, int]:
        """Weights, and with a tile's last pass parameters; when the pass may begin for them."""
        start = max(self._begun + 1, self._fed + 1, feeding)
        if opcode is Opcode.LINEAR:
            reader, machine = self._reader, self._machine
            assert reader is not None
            size = machine.weight_beat_words(self._array) * reader.ratio
            _, self._fed = yield from reader.take(columns, size, start)
            if is_last:
                size = machine.channel_words * reader.ratio
                start = max(self._fed + 1, self._channels_free)
                _, self._fed = yield from reader.take(columns, size, start)
        else:
            self._fed = start + columns - 1
            if self._begun >= 0 and start <= self._last_vector:
                # vectors that enter meanwhile come first; the port reads ahead, so that only the
                # second of two waits in a row is seen
                words = self._array.vmac.lanes / self._machine.word_codes
                banks = self._machine.scratchpad.banks
                self._fed += self._own_waits.of(columns, words * words / banks)
            if is_last:
                self._fed = max(self._fed + 1, self._channels_free) + columns - 1
        return self._fed + 1

    def _words_of(self, given: Resolved) -> float:
        """Words of the scratchpad that are read in a cycle."""
        words = self._array.vmac.lanes / self._machine.word_codes
        if given.opcode is Opcode.LINEAR:
            return words
        rows = min(given["rows"], self._array.vmac.rows)
        return words * (1 + min(given["columns"], self._array.vmacs) / rows)

    def _pass(self, rows: int, begun: int, is_last: bool) -> None:
        timing = self._timing
        self._begun = begun
        self._last_vector = begun + rows - 1 + self._wait(rows)
        self._gap = max(0, timing.min_distance - rows)
        if is_last:
            self._channels_free = self._begun + timing.parameters + 1

    def _write_columns(self, rows: int) -> None:
        """Blocks of W rows through the transposer: one leaves while the next one fills."""
        W = self._machine.word_codes
        result = self._begun + self._timing.result
        for first in range(0, rows, W):
            enters = max(self._filled + 1, result + first, self._blocks[0])
            self._filled = enters + min(W, rows - first) - 1
            leaves = max(self._filled + TRANSPOSER, self._blocks[1] + 1)
            self._blocks.append(leaves + W - 1)
        self._last_write = self._blocks[-1]
