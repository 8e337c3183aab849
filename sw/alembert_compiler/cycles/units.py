"""Instructions on their way to a unit and in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from alembert.config.isa import Unit
from alembert_golden.decoder import Resolved

from .kernel import Event, Kernel

__all__ = ["Record", "UnitQueue"]


@dataclass(kw_only=True)
class Record:
    """An instruction that was executed, and when.

    Parameters
    ----------
    number : int
        From the program's first.
    pass_number : int
    unit : Unit
    instruction : Resolved
    dispatched : int
        Cycle in which nothing was in its way any more; an instruction of control ends then.
    started : int
        Cycle in which its first operands entered the unit's datapath; of the DMA, in which it was
        begun.
    ended : int
        Cycle of the unit's ``done``.
    work : int
        Cycles in which the datapath took an operand.
    """

    number: int
    pass_number: int
    unit: Unit
    instruction: Resolved
    dispatched: int = -1
    started: int = -1
    ended: int = -1
    work: int = 0
    taken: int = field(default=-1, repr=False)
    fed: int = field(default=-1, repr=False)


class UnitQueue:
    """A FIFO of ``depth`` instructions, the last place of which is a register at its end.

    Parameters
    ----------
    kernel : Kernel
    depth : int
    retired : callable
        Told when an instruction is not under way any more.
    """

    def __init__(self, kernel: Kernel, depth: int, retired: Callable[[Record], None]) -> None:
        self._kernel, self._depth = kernel, depth
        self._retired = retired
        self._waiting: deque[Record] = deque()
        self._shown: Record | None = None
        self._is_shifting = False
        self.shown_at = -1
        """Since when there is one to take, if there is one."""
        self.changed, self._given = Event(kernel), Event(kernel)

    @property
    def is_ready(self) -> bool:
        """Whether another one fits, in this cycle."""
        if self._depth == 1:
            return self._shown is None
        return len(self._waiting) < self._depth - 1

    def put(self, record: Record) -> None:
        """Dispatched in this cycle."""
        self._kernel.at(self._kernel.now + 1, lambda: self._arrive(record))

    def _arrive(self, record: Record) -> None:
        self._waiting.append(record)
        if self._shown is None and not self._is_shifting:
            if self._depth == 1:  # a single register
                self._show()
            else:
                self._shift()

    def _shift(self) -> None:
        self._is_shifting = True
        self._kernel.at(self._kernel.now + 1, self._show)

    def _show(self) -> None:
        self._is_shifting = False
        self._shown = self._waiting.popleft() if self._waiting else None
        self.shown_at = self._kernel.now
        self._given.fire()
        self.changed.fire()

    def peek(self, earliest: int) -> Generator[int | Event, None, Record]:
        """Wait for an instruction, and for a cycle."""
        if earliest > self._kernel.now:
            yield earliest
        while self._shown is None or self._is_shifting:
            yield self._given
        return self._shown

    def pop(self) -> None:
        """Take it, in this cycle."""
        self._shift()

    def end(self, record: Record, done: int) -> None:
        """An instruction's ``done`` is high in a cycle."""
        record.ended = done
        self._kernel.at(done + 1, lambda: self._retired(record))
