"""How many bits are set."""

from __future__ import annotations

from amaranth.hdl import Const, Value

__all__ = ["count_ones"]


def count_ones(bits: Value) -> Value:
    """How many of some bits are 1, by a balanced tree of adders; 0 of none."""
    if len(bits) == 0:
        return Const(0, 1)
    if len(bits) == 1:
        return bits[0]
    half = len(bits) // 2
    return count_ones(bits[:half]) + count_ones(bits[half:])
