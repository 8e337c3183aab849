"""Decoders of packed ternary weights: one byte to four or five codes."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from ..config import TernaryFormat
from ..config.ternary import Packing
from ..formats import Ternary

__all__ = ["TritDecoder", "TwoBitDecoder", "decoder_of"]


def _decoder_signature(num_codes: int) -> dict[str, Member]:
    codes = data.ArrayLayout(Ternary(TernaryFormat()), num_codes)
    return {"i": In(8), "o": Out(codes), "o_error": Out(1)}


class TwoBitDecoder(wiring.Component):
    """One byte to four ternary codes, which lie in it side by side, the first lowest.

    Members
    -------
    i : In(8)
        The byte.
    o : Out(ArrayLayout(Ternary, 4))
        The codes; all 0 on an error.
    o_error : Out(1)
        One of the four is the illegal code 10.

    Latency
    -------
    Combinational.
    """

    i: Signal
    o: data.View
    o_error: Signal

    def __init__(self) -> None:
        super().__init__(_decoder_signature(4))

    def elaborate(self, platform) -> Module:
        m = Module()
        illegal = [self.i[2 * k + 1] & ~self.i[2 * k] for k in range(4)]
        m.d.comb += [
            self.o_error.eq(Cat(illegal).any()),
            self.o.as_value().eq(Mux(self.o_error, 0, self.i)),
        ]
        return m


class TritDecoder(wiring.Component):
    """One byte to five ternary codes in base 3: byte = Σ (w_i + 1)·3^i.

    The digits come out from the highest down: each is found by comparing what is left with 3^i
    and 2·3^i, and taken off. The last but one leaves a remainder of 0…2, the lowest digit.

    Members
    -------
    i : In(8)
        The byte, legal up to 242.
    o : Out(ArrayLayout(Ternary, 5))
        The codes; all 0 on an error.
    o_error : Out(1)
        The byte is above 242.

    Latency
    -------
    Combinational.
    """

    i: Signal
    o: data.View
    o_error: Signal

    def __init__(self) -> None:
        super().__init__(_decoder_signature(5))

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.comb += self.o_error.eq(self.i >= Packing.FIVE_TRITS.num_legal_bytes)

        def emit(place: int, is_one, is_two) -> None:
            """The digits 0, 1, 2 are the weights −1, 0, +1."""
            m.d.comb += [
                self.o[place].nonzero.eq(~is_one & ~self.o_error),
                self.o[place].negative.eq(~is_one & ~is_two & ~self.o_error),
            ]

        rest = self.i
        for place in range(4, 0, -1):
            unit = 3**place
            at_least_one = Signal(name=f"at_least_one_{place}")
            is_two = Signal(name=f"is_two_{place}")
            left = Signal(range(unit), name=f"left_{place}")
            m.d.comb += [
                at_least_one.eq(rest >= unit),
                is_two.eq(rest >= 2 * unit),
                left.eq(rest - Mux(is_two, 2 * unit, Mux(at_least_one, unit, 0))),
            ]
            emit(place, at_least_one & ~is_two, is_two)
            rest = left
        emit(0, rest[0], rest[1])
        return m


def decoder_of(packing: Packing) -> TwoBitDecoder | TritDecoder:
    """A new decoder for bytes of ``packing``."""
    match packing:
        case Packing.TWO_BIT:
            return TwoBitDecoder()
        case Packing.FIVE_TRITS:
            return TritDecoder()
