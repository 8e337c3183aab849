"""Named faults of the special function engine and of the entropy engine."""

from __future__ import annotations

import enum

__all__ = ["EntropyEngineFault", "SpecialFault"]


class SpecialFault(enum.IntEnum):
    """Why a special function engine refused an instruction, or what went wrong in one."""

    NONE = 0
    """It did not, and nothing did."""
    OPCODE = 1
    """It is no special function, or RESCALE where codes are not INT8."""
    ZERO_DIMENSION = 2
    """Rows or columns are zero."""
    TOO_LONG = 3
    """A row has more values than the longest that the buffers hold."""
    KIND = 4
    """The result is to lie as COLUMNS, or as TOKEN where codes are not INT8."""
    OVERLONG_ROW = 5
    """A row overran a buffer: an error in the engine, for such rows are TOO_LONG."""
    LENGTH_MISMATCH = 6
    """Wide numbers and codes ended at different beats: an error in the engine."""


class EntropyEngineFault(enum.IntEnum):
    """Why an entropy engine refused an instruction. Faults of a row are in its record."""

    NONE = 0
    """It did not."""
    OPCODE = 1
    """It is not ENTROPY."""
    ZERO_DIMENSION = 2
    """Rows or columns are zero."""
