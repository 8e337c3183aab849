# amaranth: UnusedElaboratable=no
"""A function of one value, on V values a beat: lanes side by side, moving on together."""

from __future__ import annotations

from typing import Any, ClassVar

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..hierarchy import emit_once

__all__ = ["Pointwise"]


class Pointwise(wiring.Component):
    """o = f(i), value by value; what f is, its lane says.

    Parameters
    ----------
    config
        With ``lanes`` V and ``width`` w; the lane's, too.

    Members
    -------
    i : In(stream of {values: ArrayLayout(signed(w), V), last})
        Fixed point; ``last`` passes through.
    o : Out(stream of {values: ArrayLayout(signed(w), V), last})
        As many beats, in the same format.

    Whatever else a lane's signature has is a port of all lanes together, to be held steady.

    Latency: ``latency`` cycles, the lane's, from the edge that takes a beat to the one that can
    take its results. Throughput: one beat a cycle. Reset: drops the beats under way.
    """

    i: stream.Interface
    o: stream.Interface

    lane: ClassVar[Any]
    """A component of a config: ``i`` and ``o`` of one value, and ``enable``; ``latency`` cycles in
    which it is enabled lie between them."""
    latency: ClassVar[int]
    """The lane's, in cycles."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.latency = cls.lane.latency

    def __init__(self, config: Any):
        self._config = config
        beat = data.StructLayout(
            {"values": data.ArrayLayout(signed(config.width), config.lanes), "last": 1}
        )
        self._lanes = [self.lane(config) for _ in range(config.lanes)]
        members = self._lanes[0].signature.members
        self._settings = [name for name in members if name not in ("i", "enable", "o")]
        super().__init__(
            {
                "i": In(stream.Signature(beat)),
                **{name: members[name] for name in self._settings},
                "o": Out(stream.Signature(beat)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        advance = Signal()
        valid, last = Signal(self.latency), Signal(self.latency)
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(advance),
            self.o.valid.eq(valid[-1]),
            self.o.payload.last.eq(last[-1]),
        ]
        with m.If(advance):
            m.d.sync += [
                valid.eq(Cat(self.i.valid, valid)),
                last.eq(Cat(self.i.payload.last, last)),
            ]
        for k, lane in enumerate(self._lanes):
            m.submodules[f"lane_{k}"] = emit_once(lane, key=self._config)
            m.d.comb += [
                lane.i.eq(self.i.payload.values[k]),
                *(getattr(lane, name).eq(getattr(self, name)) for name in self._settings),
                lane.enable.eq(advance),
                self.o.payload.values[k].eq(lane.o),
            ]
        return m
