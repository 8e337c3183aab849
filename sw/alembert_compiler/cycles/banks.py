"""Waits for banks of the scratchpad: all that is guessed, and not known."""

from __future__ import annotations

__all__ = ["Waits"]


class Waits:
    """How late a reader of a word a cycle is, if others, who come first, read some too.

    A word is as likely to lie in one bank as in any other, and waits for a cycle if others take
    that bank: they are at another one then.

    Parameters
    ----------
    banks : int
    """

    def __init__(self, banks: int) -> None:
        self._banks = banks
        self._rest = 0.0

    def of(self, words: int, others: float) -> int:
        """Cycles that some words wait together, while others read ``others`` words a cycle."""
        self._rest += words * min(1.0, others / self._banks)
        waits = int(self._rest)
        self._rest -= waits
        return waits
