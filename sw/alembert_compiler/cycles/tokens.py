"""Rows of kind TOKEN: when beats may enter the quantiser, and when their words come out."""

from __future__ import annotations

from collections import deque

from .timing import TokenTiming

__all__ = ["Quantiser"]


class Quantiser:
    """A ring of beats; a row's largest is found, divided by, and its beats are read again.

    Parameters
    ----------
    timing : TokenTiming
    """

    def __init__(self, timing: TokenTiming) -> None:
        self._timing = timing
        self._read: deque[int] = deque([-1] * timing.depth, maxlen=timing.depth)
        self._beats = 0  # of the row that enters
        self._free = 0  # when its first beat may
        self._divided = 0  # when the divider has given its last result away
        self._ended = 0  # when the scale of the last row's successor can be taken
        self._stall = -1  # when nothing moves: the largest of the last row is to be written

    def room(self) -> int:
        """The first cycle in which the next beat may enter."""
        return max(self._free, self._read[self._beats] + 1)

    def enter(self, cycle: int, is_last: bool) -> int | None:
        """A beat enters; after a row's last, when the row's last word comes out."""
        self._beats += 1
        if not is_last:
            return None
        timing, beats = self._timing, self._beats
        found = max(cycle + timing.largest, self._divided + 1)
        scaled = max(found + timing.reciprocal, self._ended)
        for beat in range(beats):
            place = scaled + 1 + beat
            self._read.append(place + (scaled < self._stall <= place))
        # a stall after the last read holds up what is still on its way
        out = scaled + beats + timing.lane
        out += scaled < self._stall < out
        self._free, self._divided, self._ended = found + 1, scaled, self._read[-1]
        self._stall, self._beats = out, 0
        return out + 1
