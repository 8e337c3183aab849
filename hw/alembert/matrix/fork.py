"""One stream for several who take it each in their own time."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal, Value, ValueLike

__all__ = ["fork"]


def fork(
    m: Module, valid: Value, takers: Sequence[tuple[ValueLike, Value, Value]], *, name: str
) -> Value:
    """Offer a beat to each taker until it has taken it; whether the last of them does now.

    No taker's ``valid`` depends on another's ``ready``, so that they may wait for one another.

    Parameters
    ----------
    m : Module
    valid : Value
        There is a beat.
    takers : sequence of (wanted, valid, ready)
        Whether the beat is for this one; its ``valid``, which is driven, and its ``ready``.
    name : str
        Prefix of the signals.

    Returns
    -------
    Value
        The beat's ``ready``: nobody is left.
    """
    taken = Signal(len(takers), name=f"{name}_taken")
    finished = Signal(len(takers), name=f"{name}_finished")
    for index, (wanted, taker_valid, taker_ready) in enumerate(takers):
        m.d.comb += [
            taker_valid.eq(valid & wanted & ~taken[index]),
            finished[index].eq(taken[index] | ~Cat(wanted).any() | taker_ready),
        ]
    with m.If(valid & finished.all()):
        m.d.sync += taken.eq(0)
    with m.Elif(valid):
        m.d.sync += taken.eq(finished)
    return finished.all()
