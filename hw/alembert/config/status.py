"""What the machine says of itself in numbers: state and formats."""

from __future__ import annotations

import enum

__all__ = ["DocumentedEnum", "FormatKind", "State"]


class DocumentedEnum(enum.IntEnum):
    """Numbers with a name and a sentence each: ``NAME = number, "What it says."``"""

    def __new__(cls, value: int, doc: str = ""):
        member = int.__new__(cls, value)
        member._value_ = value
        member.__doc__ = doc
        return member


class State(DocumentedEnum):
    """What the machine is doing."""

    IDLE = 0, "It has not run since reset, and is ready to."
    RUNNING = 1, "It runs."
    DONE = 2, "The last run ended; results are valid. It is ready for the next."
    ERROR = 3, "The last run was stopped by a fault, which ERROR names; it needs a soft reset."
    DRAINING = 4, "Bursts under way are finished before it is reset, or stops."


class FormatKind(DocumentedEnum):
    """What a code is."""

    ADAPTIVFLOAT = 1, "A float with an exponent bias a tensor."
    INTEGER = 2, "Two's complement."
    TERNARY = 3, "−1, 0 or 1 in two bits."
