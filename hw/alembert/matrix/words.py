"""Beats of several words."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["WordAssembler"]


class WordAssembler(wiring.Component):
    """Puts words side by side, the first lowest; how many, is chosen beat by beat.

    All but the last word of a beat are kept; the beat leaves as its last one comes, so that there
    is no cycle lost.

    Parameters
    ----------
    width : int
        Bits of a word.
    counts : sequence of int
        Words of a beat, for each choice.

    Members
    -------
    i : In, stream of words
    choice : In
        Which of ``counts`` holds for the beat at hand. Steady from its first word to its last.
    o : Out, stream of max(counts) words
        Beats. Words beyond the count have no meaning.

    Latency: none. Throughput: a word a cycle. Reset: drops the words of a beat that is not whole.
    """

    i: stream.Interface
    choice: Signal
    o: stream.Interface

    def __init__(self, width: int, counts: tuple[int, ...]):
        self._width = width
        self._counts = counts
        super().__init__(
            {
                "i": In(stream.Signature(width)),
                "choice": In(range(len(counts))),
                "o": Out(stream.Signature(width * max(counts))),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        most = max(self._counts)
        position, last = Signal(range(most + 1)), Signal(range(most + 1))
        held = [Signal(self._width, name=f"held_{k}") for k in range(most - 1)]
        is_last, take = Signal(), Signal()
        m.d.comb += [
            last.eq(Array(Const(count - 1) for count in self._counts)[self.choice]),
            is_last.eq(position == last),
            self.o.valid.eq(self.i.valid & is_last),
            self.i.ready.eq(~is_last | self.o.ready),
            take.eq(self.i.valid & self.i.ready),
        ]
        with m.If(take):
            m.d.sync += position.eq(Mux(is_last, 0, position + 1))
            for k, word in enumerate(held):
                with m.If(position == k):
                    m.d.sync += word.eq(self.i.payload)
        words = [Mux(last == k, self.i.payload, word) for k, word in enumerate(held)]
        m.d.comb += self.o.payload.eq(Cat(*words, self.i.payload))
        return m
