"""S = Σ e^−a and V = Σ a·e^−a of one vector of distances, exact in fixed point."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.early_exit import EntropyConfig
from .exponential import Exponential
from .layouts import Distance, Sums

__all__ = ["EntropyAccumulator"]


class EntropyAccumulator(wiring.Component):
    """The two sums an entropy is made of, from a vector's distances to its maximum.

    S = Σ e^−a, V = Σ a·e^−a. e^−a is rounded once, in :class:`Exponential`; the product and both
    sums are exact. a·e^−a is at most 1/e, hence ``config.weighted_width`` holds any V.

    Parameters
    ----------
    config : EntropyConfig
        Widths, and the most classes a vector has.

    Members
    -------
    i : In(stream of Distance(config))
        Distances of one vector, the last with ``last``. Ready stays low from a vector's last
        distance until its sums are taken.
    o : Out(stream of Sums(config))
        S with ``EXP_FRACTION`` and V with ``logit_fraction`` + ``EXP_FRACTION`` fraction bits.

    Attributes
    ----------
    latency : int
        Cycles from the edge that takes the last distance to the first that can take the sums.

    Throughput: one distance a cycle. Reset drops the vector under way. A vector longer than
    ``max_classes`` wraps the sums; the source must not send one.
    """

    i: stream.Interface
    o: stream.Interface

    latency = Exponential.latency + 2

    def __init__(self, config: EntropyConfig):
        super().__init__(
            {
                "i": In(stream.Signature(Distance(config))),
                "o": Out(stream.Signature(Sums(config, with_threshold=False))),
            }
        )
        self._config = config

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config
        m.submodules.exponential = exponential = Exponential(c)

        closed = Signal()  # between a vector's last distance and its sums' departure
        taken = Signal()
        m.d.comb += [
            self.i.ready.eq(~closed),
            taken.eq(self.i.valid & self.i.ready),
            exponential.i.payload.eq(self.i.payload.value),
            exponential.i.valid.eq(taken),
        ]

        # the distance waits for its exponential; past ``distance_width`` bits that is 0 anyway
        distance, last = self.i.payload.value[: c.distance_width], self.i.payload.last
        for stage in range(Exponential.latency):
            next_distance = Signal(c.distance_width, name=f"distance_{stage}")
            next_last = Signal(name=f"last_{stage}")
            m.d.sync += [next_distance.eq(distance), next_last.eq(last)]
            distance, last = next_distance, next_last

        term = Signal(c.exp_width)
        product = Signal(c.product_width)
        term_valid, term_last = Signal(), Signal()
        m.d.sync += [
            term.eq(exponential.o.payload),
            product.eq(distance * exponential.o.payload),
            term_valid.eq(exponential.o.valid),
            term_last.eq(last),
        ]

        first = Signal(init=1)
        total, weighted = Signal(c.sum_width), Signal(c.weighted_width)
        with m.If(term_valid):
            m.d.sync += [
                first.eq(term_last),
                total.eq(Mux(first, 0, total) + term),
                weighted.eq(Mux(first, 0, weighted) + product),
                self.o.valid.eq(term_last),
            ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [self.o.valid.eq(0), closed.eq(0)]
        with m.If(taken & self.i.payload.last):
            m.d.sync += closed.eq(1)
        m.d.comb += [self.o.payload.sum.eq(total), self.o.payload.weighted.eq(weighted)]
        return m
