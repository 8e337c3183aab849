"""The DMA: one instruction after the other."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from alembert.config.isa import MemoryBase, Opcode
from alembert.config.machine import MachineConfig

from .bus import SPLIT, Bus, Reader
from .kernel import Event, Kernel, Process
from .timing import ROW_READER
from .units import Record, UnitQueue

__all__ = ["DmaUnit"]

_NUMBER_BYTES = 4


class DmaUnit:
    """LOAD, STORE and GATHER.

    Parameters
    ----------
    kernel : Kernel
    machine : MachineConfig
    bus : Bus
    queue : UnitQueue
    bases : mapping of MemoryBase to int
        Byte addresses.
    answer : int
        Cycles from a written burst's last beat to its answer.
    """

    def __init__(
        self,
        kernel: Kernel,
        machine: MachineConfig,
        bus: Bus,
        queue: UnitQueue,
        bases: dict[MemoryBase, int],
        answer: int,
    ) -> None:
        self._kernel, self._machine, self._queue = kernel, machine, queue
        self._bases, self._answer = bases, answer
        axi, width = machine.axi, machine.scratchpad.word_width
        self._data = Reader(kernel, bus, axi, width)
        self._numbers = Reader(kernel, bus, replace(axi, outstanding=1, latency=0), width)
        self._last_word, self._drained = -1, Event(kernel)
        self.written = 0
        kernel.resume(self._run())

    def _run(self) -> Process:
        done = -1
        while True:
            record = yield from self._queue.peek(done + 1)
            begun = record.taken = record.started = self._kernel.now
            given = record.instruction
            if given.opcode is Opcode.GATHER:
                done = yield from self._gather(record, begun)
            else:
                # one product counts the words, another finds their place
                placed = begun + 3 + given["rows"].bit_length()
                command = placed + 1 + (record.pass_number - 1).bit_length()
                if given.opcode is Opcode.LOAD:
                    done = yield from self._load(record, command)
                else:
                    done = self._store(record, begun, command)
            record.work = given["rows"] * given["columns"]
            record.fed = done - 1
            self._queue.end(record, done)
            yield done
            self._queue.pop()

    def _address(self, record: Record, row: int = 0) -> int:
        given = record.instruction
        base = self._bases[MemoryBase(given["memory_base"])]
        offset = given["memory_offset"]
        if given.opcode is not Opcode.GATHER:
            offset += (record.pass_number - 1) * given["pitch"]
        return base + (offset + row * given["columns"]) * self._machine.word_bytes

    def _load(self, record: Record, command: int) -> Generator[int | Event, None, int]:
        words = record.instruction["rows"] * record.instruction["columns"]
        self._data.command(command, self._address(record), words)
        _, last = yield from self._data.take(words, self._data.ratio, 0)
        return last + 1

    def _gather(self, record: Record, begun: int) -> Generator[int | Event, None, int]:
        """Numbers first; then a command a row, while rows before it arrive."""
        given, reader = record.instruction, self._numbers
        rows, columns = given["rows"], given["columns"]
        each = self._machine.word_bytes // _NUMBER_BYTES
        base = self._bases[MemoryBase(given["index_base"])]
        address = base + given["index_offset"] * self._machine.word_bytes
        reader.command(begun + 1, address, -(-rows // each))
        self._last_word = -1
        self._kernel.resume(self._drain(rows * columns))
        place, accepted = begun + 2, list[int]()
        for row in range(rows):
            if row % each == 0:
                arrival, _ = yield from reader.offer(reader.ratio)
                place = max(place, arrival)
            if row % each == each - 1 or row == rows - 1:
                yield from reader.take(1, reader.ratio, place)
            command = place + 1 + columns.bit_length()
            self._data.command(command, self._address(record, row), columns, accepted.append)
            while len(accepted) <= row:
                yield max(command, self._kernel.now + 1)
            place = accepted[row] + 1
        while self._last_word < 0:
            yield self._drained
        return self._last_word + 1

    def _drain(self, words: int) -> Process:
        _, self._last_word = yield from self._data.take(words, self._data.ratio, 0)
        self._drained.fire()

    def _store(self, record: Record, begun: int, command: int) -> int:
        """A burst leaves when all its words have been read."""
        given, axi = record.instruction, self._machine.axi
        width = self._machine.scratchpad.word_width
        words, ratio = given["rows"] * given["columns"], axi.beats_per_word(width)
        depth = axi.write_depth(width)
        ready, sent = command + SPLIT, -1
        arrival, left = begun + ROW_READER - 1, list[int]()
        for _, beats in axi.bursts(self._address(record), words, width):
            for word in range(len(left), len(left) + beats // ratio):
                arrival = max(arrival, left[word - depth] if word >= depth else 0) + 1
            # the register before the bus takes a beat a cycle, from the one after the beginning on
            begin = max(arrival + 1, ready, sent)
            left += range(begin + ratio, begin + beats + 1, ratio)
            sent, ready = begin + beats, begin + 1
        self.written += words * ratio
        return sent + 1 + self._answer + 1
