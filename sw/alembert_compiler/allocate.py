"""Addresses in the scratchpad, by lifetime: tensors that are never alive together share words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Lifetime", "allocate", "words_needed"]


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """A tensor that needs a place.

    Parameters
    ----------
    name : str
        Another for each tensor.
    words : int
        Its size, at least 1.
    first, last : int
        The first and the last instruction that touch it, both included.
    alignment : int
        Its address is a multiple of this.
    """

    name: str
    words: int
    first: int
    last: int
    alignment: int = 1

    def meets(self, other: Lifetime, linger: int) -> bool:
        """Whether both are alive at a time, or within ``linger`` instructions of each other."""
        return self.first <= other.last + linger and other.first <= self.last + linger


def allocate(tensors: Sequence[Lifetime], *, linger: int = 0) -> list[int]:
    """The first word of every tensor.

    One after the other, each takes the lowest gap between those placed that it meets. Of three
    orders (the largest first, the longest-lived first, the earliest first) the one that needs
    the fewest words counts.

    Parameters
    ----------
    tensors : sequence of Lifetime
    linger : int
        Instructions for which a tensor keeps its words after its last use: what is written there
        next need not wait for whoever still reads it.

    Returns
    -------
    list of int
    """
    orders = [
        sorted(tensors, key=lambda t: (-t.words, t.first)),
        sorted(tensors, key=lambda t: (t.first - t.last, -t.words)),
        sorted(tensors, key=lambda t: (t.first, -t.words)),
    ]
    attempts = [_place_in_order(order, linger) for order in orders]
    best = min(attempts, key=lambda where: max((where[t] + t.words for t in tensors), default=0))
    return [best[tensor] for tensor in tensors]


def _place_in_order(order: Sequence[Lifetime], linger: int) -> dict[Lifetime, int]:
    where: dict[Lifetime, int] = {}
    for tensor in order:
        taken = sorted(
            (start, start + other.words)
            for other, start in where.items()
            if tensor.meets(other, linger)
        )
        address = 0
        for start, end in taken:
            if address + tensor.words <= start:
                break
            if end > address:
                address = -(-end // tensor.alignment) * tensor.alignment
        where[tensor] = address
    return where


def words_needed(tensors: Sequence[Lifetime], addresses: Sequence[int]) -> int:
    """One more than the last word that is taken."""
    return max((a + t.words for a, t in zip(addresses, tensors)), default=0)
