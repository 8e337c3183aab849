"""The largest magnitude of each token of a stream."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.ternary import ActivationQuantiserConfig

__all__ = ["AbsMax", "token_beat"]


def token_beat(config: ActivationQuantiserConfig) -> data.StructLayout:
    """One beat of a token: V signed values, and whether it is the token's last."""
    return data.StructLayout(
        {"values": data.ArrayLayout(signed(config.width), config.lanes), "last": 1}
    )


class AbsMax(wiring.Component):
    """max|x| over the beats up to ``last``.

    Every lane keeps its own running maximum. After the last beat the lanes fold: the upper half
    is handed to the comparators of the lower half, until one is left. That takes ⌈log2 V⌉ cycles
    a token and no comparator but the V, none behind another.

    Parameters
    ----------
    config : ActivationQuantiserConfig
        ``width`` and ``lanes``.

    Members
    -------
    i : In(stream of {values: ArrayLayout(signed(w), V), last})
        The token's beats. Not ready while folding and while the result waits.
    o : Out(stream of unsigned(w))
        One result a token, up to 2^(w−1).
    i_discard : In(1)
        Forgets the beats so far; the beat of the same cycle too.

    Latency
    -------
    ``latency`` cycles from the edge that takes the last beat to the one that can take the result.

    Throughput
    ----------
    One beat a cycle; ``latency`` cycles more a token.

    Reset
    -----
    Forgets the token.
    """

    i: stream.Interface
    o: stream.Interface
    i_discard: Signal

    def __init__(self, config: ActivationQuantiserConfig):
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(token_beat(config))),
                "o": Out(stream.Signature(config.width)),
                "i_discard": In(1),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from the last beat to the result: one a fold."""
        return 1 + (self.config.lanes - 1).bit_length()

    def elaborate(self, platform) -> Module:
        m = Module()
        lanes, width = self.config.lanes, self.config.width
        folds = (lanes - 1).bit_length()
        largest = [Signal(width, name=f"largest_{k}") for k in range(lanes)]
        fold = Signal(range(folds + 1))  # folds still to do
        done = Signal()
        idle = Signal()
        m.d.comb += [
            idle.eq((fold == 0) & ~done),
            self.i.ready.eq(idle),
            self.o.valid.eq(done),
            self.o.payload.eq(largest[0]),
        ]

        take = self.i.valid & self.i.ready
        for lane in range(lanes):
            # with j folds to do, 2^j lanes are left, of which lane + 2^(j−1) meets this one
            partners = [
                largest[lane + step // 2] if lane < step // 2 and lane + step // 2 < lanes else 0
                for step in (1 << j for j in range(folds + 1))
            ]
            value = self.i.payload.values[lane]
            magnitude = Signal(width, name=f"magnitude_{lane}")
            rival = Signal(width, name=f"rival_{lane}")
            m.d.comb += [
                magnitude.eq(Mux(value < 0, -value, value)),
                rival.eq(Mux(idle, magnitude, Array(partners)[fold])),
            ]
            with m.If((take | (fold != 0)) & (rival > largest[lane])):
                m.d.sync += largest[lane].eq(rival)

        with m.If(fold != 0):
            m.d.sync += [fold.eq(fold - 1), done.eq(fold == 1)]
        with m.Elif(take & self.i.payload.last):
            m.d.sync += [fold.eq(folds), done.eq(folds == 0)]
        with m.If((self.o.valid & self.o.ready) | self.i_discard):
            m.d.sync += [done.eq(0), fold.eq(0)]
            m.d.sync += [lane_largest.eq(0) for lane_largest in largest]
        return m
