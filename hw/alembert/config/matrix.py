"""Named faults of a matrix engine."""

from __future__ import annotations

import enum

__all__ = ["MatrixFault"]


class MatrixFault(enum.IntEnum):
    """Why a matrix engine refused an instruction, or what went wrong in one."""

    NONE = 0
    """It did not, and nothing did."""
    OPCODE = 1
    """It is neither LINEAR nor MATMUL."""
    ZERO_DIMENSION = 2
    """Rows, columns or depth are zero."""
    TOO_DEEP = 3
    """The depth exceeds the largest one, which the array's accumulators are made for."""
    NO_WEIGHT_STREAM = 4
    """LINEAR, but the engine has no weights from memory."""
    NO_PRODUCTS = 5
    """MATMUL, but the array's weights are of another format than its activations."""
    KIND = 6
    """The result is to lie as no kind says, or transposed by an engine that cannot: see
    ``MatrixEngine``."""
    TOO_MANY_WEIGHTS = 7
    """A block of rows needs more words of weights than one command can ask for."""
    WEIGHTS_OUT_OF_STEP = 8
    """The weight stream's ``last`` was not with the last word of a command, or only there."""
