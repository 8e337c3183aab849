"""The add/subtract lane: a ternary weight times an integer, with no multiplier."""

from __future__ import annotations

from amaranth.hdl import Cat, Value

__all__ = ["add_subtract"]


def add_subtract(activation: Value, nonzero: Value, negative: Value) -> Value:
    """One adder-tree operand in offset binary: +x, 0, or −x − 1, one gate level a bit.

    A negative weight inverts the bits, which is one short of negating; the sum of the missing
    ones depends on the weights alone and is added once for the whole vector (the correction).
    A zero weight holds the operand at the constant that stands for 0, whatever the activation
    does: nothing behind it toggles.

    Parameters
    ----------
    activation : Value
        x, two's complement.
    nonzero, negative : Value
        The weight, one bit each.

    Returns
    -------
    Value
        As wide as ``activation``, top bit flipped (see
        :class:`~alembert.arithmetic.adder_tree.AdderTree`).
    """
    width = len(activation)
    term = (activation.as_unsigned() ^ negative.replicate(width)) & nonzero.replicate(width)
    return Cat(term[:-1], ~term[-1])
