"""Addresses of nested loops, one a cycle."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.memory import WalkerConfig

__all__ = ["Walker"]


class Walker(wiring.Component):
    """Puts out address + Σ k_i · increment_i for every k of nested loops, the last k fastest.

    Each loop remembers the address it is at. What follows an address is the place of the innermost
    loop that has not ended, plus that loop's increment: one adder, and nothing to multiply.

    Parameters
    ----------
    config : WalkerConfig
        Number of loops and widths.

    Members
    -------
    i : In, stream of {address, loops: ArrayLayout({count, increment}, levels)}
        A command; the outermost loop is loop 0. Counts are at least 1: whoever issues commands
        refuses a count of 0, which would run 2^``count_width`` times here.
    o : Out, stream of {address, last: levels bits}
        The addresses, modulo 2^``address_width``. Bit k of ``last`` says that loop k, and with it
        every loop inside, ends with this address; bit 0 ends the command.

    Latency: ``latency`` cycle from the edge that takes a command to the one that can take its first
    address. Throughput: an address a cycle, across commands too. Reset: ends the command.
    """

    i: stream.Interface
    o: stream.Interface

    latency = 1

    def __init__(self, config: WalkerConfig):
        self._config = config
        loop = data.StructLayout(
            {"count": config.count_width, "increment": signed(config.increment_width)}
        )
        command = data.StructLayout(
            {"address": config.address_width, "loops": data.ArrayLayout(loop, config.levels)}
        )
        step = data.StructLayout({"address": config.address_width, "last": config.levels})
        super().__init__({"i": In(stream.Signature(command)), "o": Out(stream.Signature(step))})

    def elaborate(self, platform) -> Module:
        m = Module()
        levels = range(self._config.levels)
        loops = Signal.like(self.i.payload.loops)
        left = [Signal(self._config.count_width, name=f"left_{k}") for k in levels]
        place = [Signal(self._config.address_width, name=f"place_{k}") for k in levels]
        ends, last = Signal(len(levels)), Signal(len(levels))
        advance = Signal()
        m.d.comb += [
            ends.eq(Cat(count == 1 for count in left)),
            last.eq(Cat(ends[k:].all() for k in levels)),
            # the innermost loop is where the address is
            self.o.payload.address.eq(place[-1]),
            self.o.payload.last.eq(last),
            advance.eq(self.o.valid & self.o.ready),
            self.i.ready.eq(~self.o.valid | (self.o.ready & last[0])),
        ]

        # the innermost loop that has not ended goes on; all that are inside it begin at its place
        from_place, increment = Signal.like(place[0]), Signal.like(loops[0].increment)
        following = Signal.like(place[0])
        for k in levels:
            with m.If(~ends[k]):
                m.d.comb += [from_place.eq(place[k]), increment.eq(loops[k].increment)]
        m.d.comb += following.eq(from_place + increment)
        with m.If(advance):
            m.d.sync += self.o.valid.eq(~last[0])
            for k in levels:
                with m.If(ends[k + 1 :].all()):
                    m.d.sync += [
                        place[k].eq(following),
                        left[k].eq(Mux(ends[k], loops[k].count, left[k] - 1)),
                    ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [loops.eq(self.i.payload.loops), self.o.valid.eq(1)]
            for k in levels:
                m.d.sync += [
                    left[k].eq(self.i.payload.loops[k].count),
                    place[k].eq(self.i.payload.address),
                ]
        return m
