"""addend + multiplicand · multiplier, a bit of the multiplier a cycle."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SerialMultiplier"]


class SerialMultiplier(wiring.Component):
    """o = addend + multiplicand · multiplier modulo 2^width; small, for what is rarely asked.

    Parameters
    ----------
    width : int
        Bits of addend and sum.
    multiplicand_width, multiplier_width : int
        Bits of the unsigned factors.

    Members
    -------
    i : In, stream of {addend, multiplicand, multiplier}
    o : Out, stream of {sum}

    Latency: 1 cycle, and one for each bit of the multiplier up to its highest 1. Throughput: the
    next factors are taken in the cycle in which a sum leaves. Reset: drops what is under way.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, *, width: int, multiplicand_width: int, multiplier_width: int):
        factors = data.StructLayout(
            {"addend": width, "multiplicand": multiplicand_width, "multiplier": multiplier_width}
        )
        super().__init__(
            {
                "i": In(stream.Signature(factors)),
                "o": Out(stream.Signature(data.StructLayout({"sum": width}))),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        total = self.o.payload.sum
        shifted = Signal(len(total))
        left = Signal(len(self.i.payload.multiplier))
        busy = Signal()
        m.d.comb += [
            self.o.valid.eq(busy & (left == 0)),
            self.i.ready.eq(~busy | (self.o.valid & self.o.ready)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                busy.eq(1),
                total.eq(self.i.payload.addend),
                shifted.eq(self.i.payload.multiplicand),
                left.eq(self.i.payload.multiplier),
            ]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += busy.eq(0)
        with m.Elif(busy & (left != 0)):
            m.d.sync += [
                total.eq(total + Mux(left[0], shifted, 0)),
                shifted.eq(Cat(Const(0, 1), shifted)),
                left.eq(left >> 1),
            ]
        return m
