"""Instructions that tests of the command processor are made of."""

from __future__ import annotations

from alembert.config.isa import Instruction, Opcode

__all__ = ["HALT", "LOAD", "entropy", "matmul", "op", "softmax"]


def op(opcode: Opcode, **values: int) -> int:
    """An instruction as a number."""
    return Instruction(opcode, values).encode()


HALT = op(Opcode.HALT)
LOAD = op(Opcode.LOAD, rows=2, columns=3, o_address=8, o_stride=4)


def entropy(o_address: int = 0) -> int:
    """A test of two rows."""
    return op(
        Opcode.ENTROPY, rows=2, columns=4, o_address=o_address, o_stride=2, a_address=40, a_stride=2
    )


def softmax(o_address: int, a_address: int, **more: int) -> int:
    """Two rows in 8 words, from 8 words; or as ``more`` says."""
    values = {"rows": 2, "columns": 4, "o_stride": 4, "a_stride": 4, **more}
    return op(Opcode.SOFTMAX, o_address=o_address, a_address=a_address, **values)


def matmul(o: int, a: int, b: int, **more: int) -> int:
    """Four columns of two rows, 4 deep: 8 words each, but the 16 words of b."""
    values = {"rows": 2, "columns": 4, "depth": 4, "o_stride": 4, "a_stride": 4, "b_stride": 4}
    return op(Opcode.MATMUL, o_address=o, a_address=a, b_address=b, **{**values, **more})
