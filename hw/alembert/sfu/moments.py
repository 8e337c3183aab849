# amaranth: UnusedElaboratable=no
"""Sum and sum of squares of a row, exact."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic.adder_tree import AdderTree
from ..config.layernorm import LayerNormConfig
from ..hierarchy import emit_once
from .squarer import Squarer

__all__ = ["Moments", "moments_shape"]


def moments_shape(config: LayerNormConfig) -> data.StructLayout:
    """A row's ``sum`` A, and ``square_sum`` B."""
    return data.StructLayout(
        {"sum": signed(config.sum_width), "square_sum": config.square_sum_width}
    )


class Moments(wiring.Component):
    """A = Σ x and B = Σ x² of rows that come V values a beat.

    Parameters
    ----------
    config : LayerNormConfig
        V, width and the longest row.

    Members
    -------
    values : In, ArrayLayout(signed(config.width), V)
        A beat; values beyond the row's end are 0.
    store : In
        The beat counts in this cycle.
    first, last : In
        It is its row's first, or last. What was summed since an earlier first is forgotten.
    o : Out(stream of {sum, square_sum}, always ready)
        Once a row.

    Latency: ``latency`` cycles from the edge that takes a last beat to the one that can take the
    sums. Throughput: a beat a cycle, with no gap between rows. Reset drops the rows under way.
    """

    values: data.View
    store: Signal
    first: Signal
    last: Signal
    o: stream.Interface

    def __init__(self, config: LayerNormConfig):
        self._config = config
        self._squarers = [Squarer(config.width) for _ in range(config.lanes)]
        self._sum_tree, self._square_tree = (
            AdderTree(width=width, operands=config.lanes, levels_per_stage=2)
            for width in (config.width, config.square_width + 1)
        )
        self._delay = Squarer.latency + self._square_tree.latency
        self.latency = self._delay + 1
        super().__init__(
            {
                "values": In(data.ArrayLayout(signed(config.width), config.lanes)),
                "store": In(1),
                "first": In(1),
                "last": In(1),
                "o": Out(stream.Signature(moments_shape(config), always_ready=True)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.sum_tree = sums = self._sum_tree
        m.submodules.square_tree = squares = self._square_tree
        for k, squarer in enumerate(self._squarers):
            m.submodules[f"squarer_{k}"] = emit_once(squarer, key=squarer.key)
            value = Value.cast(self.values[k])
            m.d.comb += [
                squarer.i.eq(value),
                # offset binary: the sign is flipped, and a square has none
                squares.operands[k].eq(Cat(squarer.o, Const(1, 1))),
                sums.operands[k].eq(Cat(value[:-1], ~value[-1])),
            ]

        # the sums of x wait for those of the squares
        beat_sum = sums.o
        for stage in range(Squarer.latency):
            late = Signal.like(sums.o, name=f"sum_{stage}", reset_less=True)
            m.d.sync += late.eq(beat_sum)
            beat_sum = late
        store, first, last = (Signal(self._delay, name=n) for n in ("stores", "firsts", "lasts"))
        m.d.sync += [
            store.eq(Cat(self.store, store)),
            first.eq(Cat(self.first, first)),
            last.eq(Cat(self.last, last)),
            self.o.valid.eq(store[-1] & last[-1]),
        ]
        total = self.o.payload
        with m.If(store[-1]):
            m.d.sync += [
                total.sum.eq(Mux(first[-1], 0, total.sum) + beat_sum),
                total.square_sum.eq(Mux(first[-1], 0, total.square_sum) + squares.o),
            ]
        return m
