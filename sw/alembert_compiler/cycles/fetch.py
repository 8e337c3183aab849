"""Instructions from memory, ahead of the one that is executed."""

from __future__ import annotations

from collections.abc import Generator

from alembert.config.command import FetcherConfig
from alembert.config.machine import MachineConfig

from .bus import Bus, Reader
from .kernel import Event, Kernel

__all__ = ["Fetcher"]


class Fetcher:
    """When the instruction after the one at hand is there.

    Parameters
    ----------
    kernel : Kernel
    bus : Bus
    machine : MachineConfig
    first : int
        Word in memory of the program's first instruction.
    """

    def __init__(self, kernel: Kernel, bus: Bus, machine: MachineConfig, first: int) -> None:
        self._kernel, self._first = kernel, first
        self._config = FetcherConfig(word_width=machine.scratchpad.word_width)
        self._reader = Reader(kernel, bus, machine.axi, machine.scratchpad.word_width)
        self._place = first
        self._under_way = 0
        self._waits = False
        self._drop = 0
        kernel.at(0, self._ask)

    def next(self, cycle: int) -> Generator[int | Event, None, int]:
        """Put an instruction together from a cycle on; the cycle in which it is there."""
        for _ in range(self._drop):
            cycle = yield from self._receive(cycle)
        self._drop = 0
        for _ in range(self._config.instruction_words):
            cycle = yield from self._receive(cycle)
        return cycle

    def jump(self, cycle: int, target: int) -> None:
        """Go on with another instruction; what is under way is dropped."""
        self._drop = self._under_way
        self._place = self._first + target * self._config.instruction_words
        self._kernel.at(cycle + 1, self._ask)

    def _receive(self, cycle: int) -> Generator[int | Event, None, int]:
        _, taken = yield from self._reader.take(1, self._reader.ratio, cycle)
        if taken > self._kernel.now:
            yield taken
        self._under_way -= 1
        if self._waits:
            self._waits = False
            self._kernel.at(taken + 1, self._ask)
        return taken + 1

    def _ask(self) -> None:
        """The words up to the next multiple of a burst, as soon as few enough are under way."""
        config = self._config
        if self._waits:
            return
        if self._under_way > config.capacity - config.burst_words:
            self._waits = True
            return
        size = config.burst_words - self._place % config.burst_words
        address = self._place * config.word_bytes
        self._under_way += size
        self._place += size
        self._waits = True  # until the reader has taken the command
        self._reader.command(self._kernel.now + 1, address, size, self._asked)

    def _asked(self, cycle: int) -> None:
        self._waits = False
        self._kernel.at(cycle, self._ask)
