"""The row numbers of a gather, out of the words that memory gives."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..axi.layouts import word_layout

__all__ = ["NUMBER_WIDTH", "RowNumbers"]

NUMBER_WIDTH = 32
"""Bits of a row number in memory."""


class RowNumbers(wiring.Component):
    """Words of little-endian numbers, one number a beat; what a last word has beyond is dropped.

    Parameters
    ----------
    word_width : int
        Bits of a word, a multiple of 32.

    Members
    -------
    i : In, stream of {data, last, error}
        A list, as a :class:`alembert.axi.BurstReader` has it. A word is taken with the last of its
        numbers.
    finish : In
        With a number's transfer: it is the list's last one, which is taken to its end.
    o : Out, stream of {number}

    Latency: none. Throughput: a number a cycle. Reset: begins with a word's first number.
    """

    i: stream.Interface
    finish: Signal
    o: stream.Interface

    def __init__(self, word_width: int):
        self._count = word_width // NUMBER_WIDTH
        number = data.StructLayout({"number": NUMBER_WIDTH})
        super().__init__(
            {
                "i": In(stream.Signature(word_layout(word_width))),
                "finish": In(1),
                "o": Out(stream.Signature(number)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        place = Signal(range(self._count))
        numbers = [self.i.payload.data.word_select(k, NUMBER_WIDTH) for k in range(self._count)]
        is_end = (place == self._count - 1) | self.finish
        take = Signal()
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.o.payload.number.eq(Array(numbers)[place]),
            take.eq(self.o.valid & self.o.ready),
            self.i.ready.eq(take & is_end),
        ]
        with m.If(take):
            m.d.sync += place.eq(Mux(is_end, 0, place + 1))
        return m
