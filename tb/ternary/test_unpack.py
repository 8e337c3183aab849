"""Byte decoders: all 256 bytes of both packings against golden."""

from __future__ import annotations

from alembert.ternary.unpack import TritDecoder, TwoBitDecoder
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from support.simulate import simulate


class Decoders(wiring.Component):
    """Both decoders on one byte."""

    i: Signal
    two_bit: Signal
    two_bit_error: Signal
    five_trits: Signal
    five_trits_error: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "i": In(8),
                "two_bit": Out(8),
                "two_bit_error": Out(1),
                "five_trits": Out(10),
                "five_trits_error": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.two_bit = two_bit = TwoBitDecoder()
        m.submodules.five_trits = five_trits = TritDecoder()
        m.d.comb += [
            two_bit.i.eq(self.i),
            five_trits.i.eq(self.i),
            self.two_bit.eq(two_bit.o),
            self.two_bit_error.eq(two_bit.o_error),
            self.five_trits.eq(five_trits.o),
            self.five_trits_error.eq(five_trits.o_error),
        ]
        return m


def test_rtl_equals_golden(simulator: str) -> None:
    simulate(Decoders(), simulator=simulator, module="ternary.bench_unpack", top="ternary_decoders")
