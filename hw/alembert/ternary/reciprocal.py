"""Reciprocal of a token's absmax, one quotient bit a cycle."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.ternary import ActivationQuantiserConfig

__all__ = ["Reciprocal"]


class Reciprocal(wiring.Component):
    """R = floor(127·2^s / M + 1/2) with M = max·2^z normalised: 2^(w−1) ≤ M < 2^w.

    Restoring division. With s = w − 1 + k the quotient has 7 + k bits, and the dividend
    127·2^s + floor(M/2) is a mere concatenation, since 127·2^s ends in more zeros than M has bits.
    A maximum of 0 gives z = 0 and R all ones, after the same time; its token's values are all 0,
    so no code depends on R.

    Parameters
    ----------
    config : ActivationQuantiserConfig
        ``width`` w, ``guard_width`` k and ``depth``.

    Members
    -------
    i : In(stream of {max, length})
        A token's absmax, and its beats, which pass through.
    o : Out(stream of {reciprocal, normalise, max, length})
        R, z, and what came in.

    Latency
    -------
    ``latency`` cycles from the edge that takes a maximum to the one that can take its reciprocal.

    Throughput
    ----------
    One token in ``latency`` cycles and the one that takes the next.

    Reset
    -----
    Drops the token.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: ActivationQuantiserConfig):
        self.config = config
        length = config.depth.bit_length()
        token = data.StructLayout({"max": config.width, "length": length})
        scale = data.StructLayout(
            {
                "reciprocal": config.reciprocal_width,
                "normalise": range(config.width),
                "max": config.width,
                "length": length,
            }
        )
        super().__init__(
            {"i": In(stream.Signature(token)), "o": Out(stream.Signature(scale))},
        )

    @property
    def latency(self) -> int:
        """Cycles from a maximum to its reciprocal."""
        return self.config.reciprocal_width + 2

    def elaborate(self, platform) -> Module:
        m = Module()
        width, num_bits = self.config.width, self.config.reciprocal_width
        o = self.o.payload
        divisor = Signal(width)
        rest = Signal(width + 1)
        quotient = Signal(num_bits)  # the dividend's low bits leave at the top, R enters below
        steps = Signal(range(num_bits + 1))

        leading_zeros = Signal(range(width))
        for bit in range(width):
            with m.If(o.max[bit]):
                m.d.comb += leading_zeros.eq(width - 1 - bit)
        normalised = (o.max << leading_zeros)[:width]
        dividend = Cat(
            normalised[1:], Const(0, self.config.guard_width), Const(self.config.LIMIT, 7)
        )
        shifted = Cat(quotient[-1], rest)[: width + 1]
        goes = shifted >= divisor
        m.d.comb += o.reciprocal.eq(quotient)

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [o.max.eq(self.i.payload.max), o.length.eq(self.i.payload.length)]
                with m.If(self.i.valid):
                    m.next = "NORMALISE"
            with m.State("NORMALISE"):
                m.d.sync += [
                    o.normalise.eq(leading_zeros),
                    divisor.eq(normalised),
                    Cat(quotient, rest).eq(dividend),
                    steps.eq(num_bits),
                ]
                m.next = "DIVIDE"
            with m.State("DIVIDE"):
                m.d.sync += [
                    quotient.eq(Cat(goes, quotient)),
                    rest.eq(shifted),
                    steps.eq(steps - 1),
                ]
                with m.If(goes):
                    m.d.sync += rest.eq(shifted - divisor)
                with m.If(steps == 1):
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.next = "IDLE"
        return m
