"""What the special functions have in common: rows that stream through."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .checks import require_between

__all__ = ["RowBufferConfig", "RowFault"]


class RowFault(enum.IntEnum):
    """Why a row was dropped."""

    NONE = 0
    """None was."""
    OVERLONG_ROW = 1
    """A row had more beats than the buffer holds."""


@dataclass(frozen=True, kw_only=True)
class RowBufferConfig:
    """Rows that wait for a number that depends on all of them.

    Parameters
    ----------
    depth : int
        Beats in the buffer, 2…65536: the longest row. Rows of at most half of it overlap fully.
    rows : int
        Rows under way at a time, 1…64: loading, waiting for their number, or leaving.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range.
    """

    depth: int = 128
    rows: int = 4

    def __post_init__(self) -> None:
        require_between("row buffer depth", self.depth, 2, 1 << 16)
        require_between("row buffer rows", self.rows, 1, 64)
