"""Named faults: every way a datapath refuses its input."""

from __future__ import annotations

import enum

__all__ = ["MatmulFault"]


class MatmulFault(enum.Enum):
    """Why a matrix unit refused a command."""

    NONE = 0
    """It did not."""
    ZERO_DIMENSION = 1
    """M, K or N is zero."""
    TOO_DEEP = 2
    """K exceeds the largest depth, which the accumulator is made for."""
