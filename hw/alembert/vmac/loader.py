"""Fills the shadow registers of a chain, one element a cycle, a tile ahead of their use."""

from __future__ import annotations

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import VmacArrayConfig
from .layouts import Tile

__all__ = ["ShadowLoader"]


class ShadowLoader(wiring.Component):
    """Hands the beats of a tile to elements 0, 1, … ``columns`` − 1 of a chain.

    Parameters
    ----------
    config : VmacArrayConfig
        C.
    payload : ShapeLike
        A beat.

    Members
    -------
    tile : In, stream of Tile
    i : In, stream of payload
        One beat a column of the tile; waits while the shadow is full.
    load : Out, C bits
        Which element takes ``o`` now, one-hot or zero.
    o : Out, payload
    full : Out
        The shadow holds all of the tile.
    release : In
        The first element has taken its shadow over; the others follow, one a cycle.

    Latency: a beat is in the shadow 2 cycles after its transfer. Throughput: a beat a cycle. The
    element that takes its shadow over c cycles after the first is written c cycles after it too,
    at the earliest: a load never overtakes.
    """

    tile: stream.Interface
    i: stream.Interface
    load: Signal
    o: data.View
    full: Signal
    release: Signal

    def __init__(self, config: VmacArrayConfig, payload: ShapeLike):
        self._config = config
        super().__init__(
            {
                "tile": In(stream.Signature(Tile(config))),
                "i": In(stream.Signature(payload)),
                "load": Out(config.vmacs),
                "o": Out(payload),
                "full": Out(1),
                "release": In(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        index = Signal(range(self._config.vmacs + 1))
        transfer = Signal()
        m.d.comb += [
            self.i.ready.eq(self.tile.valid & ~self.full),
            transfer.eq(self.i.valid & self.i.ready),
            self.tile.ready.eq(self.release),
        ]
        m.d.sync += [self.o.eq(self.i.payload), self.load.eq(0)]
        with m.If(transfer):
            m.d.sync += [
                index.eq(index + 1),
                self.load.eq(1 << index),
                self.full.eq(index == self.tile.payload.columns - 1),
            ]
        with m.If(self.release):
            m.d.sync += [index.eq(0), self.full.eq(0)]
        return m
