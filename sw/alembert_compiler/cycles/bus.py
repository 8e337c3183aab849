"""The bus to external memory, and who reads through it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass

from alembert.config.axi import AxiConfig

from .kernel import Event, Kernel, Process
from .timing import ARBITER, READER

__all__ = ["SPLIT", "Bus", "Reader"]

SPLIT = 2
"""Cycles from a command's transfer to its first burst's, at the earliest."""
_TO_HEAD = READER - SPLIT - 1 + ARBITER
"""Cycles from a beat's transfer on the bus to the one in which a reader can hand it on."""


class Bus:
    """One memory, which answers bursts in order, a beat a cycle.

    Parameters
    ----------
    latency : int
        Cycles from the edge that takes an address to the one that gives the first beat.
    """

    def __init__(self, latency: int) -> None:
        self._latency = latency
        self._granted = -1
        self._free = 0
        self.beats = 0

    def read(self, begin: int, beats: int) -> tuple[int, int]:
        """A burst that a reader begins: cycles of its grant, and of its first beat."""
        self._granted = max(begin + 1, self._granted + 1)
        first = max(self._granted + ARBITER + self._latency, self._free)
        self._free = first + beats
        self.beats += beats
        return self._granted, first


@dataclass
class _Command:
    offered: int
    bursts: list[int]
    accepted: Callable[[int], None] | None


class Reader:
    """Bursts of one client, with room reserved for their beats.

    Beats are numbered from 0 on. Whoever takes them has to say when, by :meth:`take`: that is
    what makes room for bursts to come.

    Parameters
    ----------
    kernel : Kernel
    bus : Bus
    axi : AxiConfig
    word_width : int
    """

    def __init__(self, kernel: Kernel, bus: Bus, axi: AxiConfig, word_width: int) -> None:
        self._kernel, self._bus, self._axi = kernel, bus, axi
        self._word_width = word_width
        self.ratio = axi.beats_per_word(word_width)
        """Beats of a word."""
        self._commands: deque[_Command] = deque()
        self._arrived: deque[tuple[int, int, int]] = deque()
        self._left: deque[tuple[int, int, int, int]] = deque()
        self._known_left = 0
        self._next = 0
        self._last = -1
        self._given, self._moved, self._arrival = Event(kernel), Event(kernel), Event(kernel)
        kernel.resume(self._run())

    def command(
        self, cycle: int, address: int, words: int, accepted: Callable[[int], None] | None = None
    ) -> None:
        """Offer a command from a cycle on; ``accepted`` is told when it is taken."""
        bursts = [beats for _, beats in self._axi.bursts(address, words, self._word_width)]
        self._commands.append(_Command(cycle, bursts, accepted))
        self._given.fire()

    def _run(self) -> Process:
        free = begun = granted = first_beat = 0
        ends: deque[int] = deque()
        while True:
            while not self._commands:
                yield self._given
            command = self._commands.popleft()
            accept = max(command.offered, free)
            if accept > self._kernel.now:
                yield accept
            if command.accepted is not None:
                command.accepted(accept)
            step = accept + 1
            for beats in command.bursts:
                step = max(step, begun)
                begin = max(step + 1, begun + 1, granted)
                if len(ends) == self._axi.outstanding:
                    begin = max(begin, ends.popleft() + ARBITER + 1)
                needed = first_beat + beats - self._axi.read_depth
                while needed > self._known_left:
                    yield self._moved
                if needed > 0:
                    begin = max(begin, self._left_at(needed - 1) + 1)
                if begin > self._kernel.now:
                    yield begin
                begun = begin
                granted, start = self._bus.read(begin, beats)
                ends.append(start + beats - 1)
                self._arrived.append((first_beat, beats, start + _TO_HEAD))
                first_beat += beats
                self._arrival.fire()
                free, step = step, step + 1

    def _left_at(self, beat: int) -> int:
        """When a beat left; asked for in order."""
        while True:
            first, size, units, cycle = self._left[0]
            if beat >= first + size * units:
                self._left.popleft()
                continue
            return cycle + (beat - first) // size * size

    def offer(self, size: int) -> Generator[int | Event, None, tuple[int, int]]:
        """The cycle from which a unit of ``size`` beats can be taken; how many are in its burst."""
        last_beat = self._next + size - 1
        while True:
            while not self._arrived:
                yield self._arrival
            first, beats, start = self._arrived[0]
            if last_beat < first + beats:
                break
            self._arrived.popleft()
        cycle = max(self._last + size, start + last_beat - first)
        return cycle, (first + beats - 1 - last_beat) // size + 1

    def take(
        self, units: int, size: int, earliest: int
    ) -> Generator[int | Event, None, tuple[int, int]]:
        """Take ``units`` of ``size`` beats each, one after the other; cycles of the first and the
        last transfer.

        All beats of a unit but the last leave ahead of whoever takes the unit, so that it waits for
        the last beat alone. A unit needs as many cycles as it has beats.
        """
        first_transfer = -1
        while units:
            offered, count = yield from self.offer(size)
            count = min(units, count)
            cycle = max(offered, earliest)
            if first_transfer < 0:
                first_transfer = cycle
            self._left.append((self._next, size, count, cycle))
            self._last = cycle + size * (count - 1)
            self._next += size * count
            self._known_left = self._next
            units -= count
            self._moved.fire()
        return first_transfer, self._last
