"""Events in time: what happens next, and who waits for it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator

__all__ = ["Event", "Kernel", "Process"]


class Event:
    """Something that processes wait for; it may happen again and again."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._waiting: list[Process] = []

    def fire(self) -> None:
        """Whoever waits now goes on, in this cycle."""
        waiting, self._waiting = self._waiting, []
        for process in waiting:
            self._kernel.resume(process)

    def wait(self, process: Process) -> None:
        """Let a process wait."""
        self._waiting.append(process)


Process = Generator["int | Event", None, None]
"""Yields the cycle in which to go on, or what to wait for."""


class Kernel:
    """Actions and processes in the order of their cycles.

    Within a cycle actions come first: they are what registers take over at its beginning.
    """

    def __init__(self) -> None:
        self.now = 0
        self._heap: list[tuple[int, int, int, Callable[[], None] | Process]] = []
        self._count = 0

    def _push(self, cycle: int, phase: int, what: Callable[[], None] | Process) -> None:
        self._count += 1
        heapq.heappush(self._heap, (max(cycle, self.now), phase, self._count, what))

    def at(self, cycle: int, action: Callable[[], None]) -> None:
        """Call something at the beginning of a cycle."""
        self._push(cycle, 0, action)

    def resume(self, process: Process) -> None:
        """Go on with a process in this cycle, or begin it."""
        self._push(self.now, 1, process)

    def run(self) -> None:
        """Until nothing is left to happen."""
        while self._heap:
            self.now, _, _, what = heapq.heappop(self._heap)
            if callable(what):
                what()
                continue
            try:
                wanted = next(what)
            except StopIteration:
                continue
            if isinstance(wanted, int):
                self._push(wanted, 1, what)
            else:
                wanted.wait(what)
