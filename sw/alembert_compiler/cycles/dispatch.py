"""The command processor: decodes, compares with what is under way, dispatches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alembert.config.isa import FORMATS, Opcode, Unit
from alembert.config.machine import MachineConfig
from alembert_golden.decoder import Resolved

from .fetch import Fetcher
from .kernel import Event, Kernel, Process
from .timing import DECODER
from .units import Record, UnitQueue

__all__ = ["Dispatcher"]

Ranges = Mapping[str, tuple[int, int]]
"""First word and end of each operand, by its letter."""


@dataclass(frozen=True)
class _Entry:
    record: Record
    ranges: Ranges


def ranges_of(instruction: Resolved) -> Ranges:
    """Rows × stride, as the hardware's decoder has it."""
    return {
        name: (rows.address, rows.address + max(rows.words, rows.count * rows.stride))
        for name, rows in instruction.places.items()
    }


def _overlap(x: tuple[int, int] | None, y: tuple[int, int] | None) -> bool:
    return x is not None and y is not None and x[0] < y[1] and y[0] < x[1]


def conflict(new: Ranges, old: Ranges, is_same_unit: bool) -> bool:
    """Whether an instruction must wait for one under way."""
    if any(_overlap(new.get(name), old.get("o")) for name in ("a", "b", "p")):
        return True
    return not is_same_unit and any(_overlap(new.get("o"), each) for each in old.values())


class Dispatcher:
    """Runs a program.

    Parameters
    ----------
    kernel : Kernel
    machine : MachineConfig
    fetcher : Fetcher
    units : sequence of Unit
        In the order of the scoreboard's places.
    fetch : callable
        The instruction of a number, with its dimensions replaced.
    passes : int
        MAX_PASSES; 0: none.
    exit_pass : int
        The pass at whose end EXIT is taken; 0: none.
    """

    def __init__(
        self,
        kernel: Kernel,
        machine: MachineConfig,
        fetcher: Fetcher,
        units: tuple[Unit, ...],
        fetch: Callable[[int], Resolved],
        *,
        passes: int,
        exit_pass: int,
    ) -> None:
        self._kernel, self._fetcher, self._fetch = kernel, fetcher, fetch
        self._units, self._depth = units, machine.queue_depth + 1
        self._passes, self._exit_pass = passes, exit_pass
        self._places: dict[int, _Entry] = {}
        self._heads, self._tails = dict.fromkeys(units, 0), dict.fromkeys(units, 0)
        self._changed = Event(kernel)
        self.queues = {unit: UnitQueue(kernel, machine.queue_depth, self._retire) for unit in units}
        self.records: list[Record] = []
        self.ended = -1
        kernel.resume(self._run())

    def _retire(self, record: Record) -> None:
        unit = record.unit
        del self._places[self._place(unit, self._heads[unit])]
        self._heads[unit] = (self._heads[unit] + 1) % self._depth
        self._changed.fire()

    def _place(self, unit: Unit, slot: int) -> int:
        return self._units.index(unit) * self._depth + slot

    def _is_busy(self, unit: Unit) -> bool:
        return any(entry.record.unit is unit for entry in self._places.values())

    def _run(self) -> Process:
        kernel, number, pass_number, ready = self._kernel, 0, 1, 0
        while True:
            shown = yield from self._fetcher.next(ready)
            instruction = self._fetch(number)
            unit = self._unit_of(instruction)
            record = Record(
                number=number, pass_number=pass_number, unit=unit, instruction=instruction
            )
            self.records.append(record)
            checked = shown + DECODER  # in the cycle before the first that may dispatch
            yield checked
            if unit is not Unit.CONTROL:
                yield from self._dispatch(record)
                number += 1
            else:
                yield checked + 1
                yield from self._wait_for_units(instruction.opcode)
                record.dispatched = record.started = record.ended = kernel.now
                if instruction.opcode is Opcode.HALT:
                    self.ended = kernel.now
                    return
                number = self._follow(instruction, number, pass_number)
                pass_number += instruction.opcode is Opcode.LOOP and number == instruction["target"]
            ready = kernel.now + 1

    def _unit_of(self, instruction: Resolved) -> Unit:
        unit = FORMATS[instruction.opcode].unit
        if unit is Unit.MATRIX and instruction["unit"]:
            return Unit.ATTENTION
        return unit

    def _wait_for_units(self, opcode: Opcode) -> Process:
        if opcode in (Opcode.HALT, Opcode.BARRIER):
            while self._places:
                yield self._changed
        elif opcode is Opcode.EXIT:
            while self._is_busy(Unit.ENTROPY):
                yield self._changed

    def _follow(self, instruction: Resolved, number: int, pass_number: int) -> int:
        """The number of the instruction after one of control."""
        if instruction.opcode is Opcode.LOOP:
            limit = min(instruction["count"], self._passes or instruction["count"])
            is_taken = pass_number < limit
        else:
            is_taken = instruction.opcode is Opcode.EXIT and pass_number == self._exit_pass
        if not is_taken:
            return number + 1
        self._fetcher.jump(self._kernel.now, instruction["target"])
        return instruction["target"]

    def _dispatch(self, record: Record) -> Process:
        """Look at each instruction under way once, two cycles each; then wait for room."""
        kernel, unit, queue = self._kernel, record.unit, self.queues[record.unit]
        ranges = ranges_of(record.instruction)
        pending = dict(sorted(self._places.items()))
        yield kernel.now + 1
        while True:
            left = [p for p, entry in pending.items() if self._places.get(p) is entry]
            if not left:
                break
            place = left[0]
            entry = pending[place]
            yield kernel.now + 1
            if conflict(ranges, entry.ranges, entry.record.unit is unit):
                while self._places.get(place) is entry:
                    yield self._changed
            del pending[place]
            yield kernel.now + 1
        while self._is_full(unit) or not queue.is_ready:
            yield self._changed if self._is_full(unit) else queue.changed
        record.dispatched = kernel.now
        slot = self._tails[unit]
        self._tails[unit] = (slot + 1) % self._depth
        entry = _Entry(record, ranges)
        # what is entered counts from the next cycle on; so does what is decoded next
        self._places[self._place(unit, slot)] = entry
        queue.put(record)

    def _is_full(self, unit: Unit) -> bool:
        first = self._place(unit, 0)
        return all(place in self._places for place in range(first, first + self._depth))
