"""Entropy against threshold from the two sums: a product decides, a quotient is read."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.early_exit import EntropyConfig
from .layouts import Decision, Sums
from .logarithm import Logarithm

__all__ = ["EntropyComparator"]


class EntropyComparator(wiring.Component):
    """Whether H = ln S + V/S lies below the threshold T, and H itself.

    exit = S·(T − ln S) > V, strictly, which is S·(ln S − T) < W for W = −V: exact in integers and
    without a division. A restoring divider runs beside the product for the readable
    entropy, ln S + floor(V/S); because of the floor ``entropy < T`` says the same as ``exit``.

    Parameters
    ----------
    config : EntropyConfig
        Widths and scales.

    Members
    -------
    i : In(stream of Sums(config, with_threshold=True))
        S, V and T of one vector; taken together with the decision's departure. V/S below 8, as
        the sums of any vector have it; otherwise the result means nothing, but it comes.
    o : Out(stream of Decision(config))
        ``exit`` and ``entropy``.

    Attributes
    ----------
    latency : int
        Cycles from the first edge that sees the sums to the first that can take the decision.

    Throughput: one decision every ``latency`` cycles. Reset drops what is under way.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: EntropyConfig):
        super().__init__(
            {
                "i": In(stream.Signature(Sums(config, with_threshold=True))),
                "o": Out(stream.Signature(Decision(config))),
            }
        )
        self._config = config
        self.latency = self.latency_of(config)

    @staticmethod
    def latency_of(config: EntropyConfig) -> int:
        """``latency`` of a comparator with this configuration."""
        return Logarithm.latency_of(config) + config.ENTROPY_WIDTH + 2

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config
        m.submodules.logarithm = logarithm = Logarithm(c)

        total, threshold = self.i.payload.sum, self.i.payload.threshold
        weighted = Signal(c.weighted_width + c.weighted_shift)  # V at S's scale times T's
        m.d.comb += weighted.eq(self.i.payload.weighted << c.weighted_shift)

        log = Signal(c.ENTROPY_WIDTH)
        steps = Signal(range(c.ENTROPY_WIDTH))

        # S·(T − ln S): the multiplier's bits leave below as the product's come in above
        high, low = Signal(c.sum_width + 1), Signal(c.ENTROPY_WIDTH)
        partial = Signal(c.sum_width + 1)
        m.d.comb += partial.eq((high >> 1) + Mux(low[0], total, 0))

        # V/S: the dividend's bits leave above as the quotient's come in below
        remainder, quotient = Signal(c.sum_width), Signal(c.ENTROPY_WIDTH)
        trial = Signal(c.sum_width + 1)
        fits = trial >= total
        m.d.comb += trial.eq(Cat(quotient[-1], remainder))

        def begin() -> None:
            """Load both units; T ≤ ln S multiplies by 0, which never exits."""
            result = logarithm.o.payload
            m.d.sync += [
                log.eq(result),
                steps.eq(c.ENTROPY_WIDTH - 1),
                Cat(low, high).eq(Mux(threshold > result, threshold - result, 0)),
                Cat(quotient, remainder).eq(weighted),
            ]

        def step() -> None:
            """One bit of the product, one bit of the quotient."""
            m.d.sync += [
                steps.eq(steps - 1),
                high.eq(partial),
                low.eq(Cat(low[1:], partial[0])),
                remainder.eq(Mux(fits, trial - total, trial)),
                quotient.eq(Cat(fits, quotient)),
            ]

        m.d.comb += logarithm.i.payload.eq(total)
        with m.FSM(name="state"):
            with m.State("IDLE"):
                m.d.comb += logarithm.i.valid.eq(self.i.valid)
                with m.If(self.i.valid & logarithm.i.ready):
                    m.next = "LOGARITHM"
            with m.State("LOGARITHM"):
                m.d.comb += logarithm.o.ready.eq(1)
                with m.If(logarithm.o.valid):
                    begin()
                    m.next = "STEP"
            with m.State("STEP"):
                step()
                with m.If(steps == 0):
                    m.next = "COMPARE"
            with m.State("COMPARE"):
                m.d.sync += [
                    self.o.payload.exit.eq(Cat(low, high >> 1) > weighted),
                    self.o.payload.entropy.eq(log + quotient),
                ]
                m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += [self.o.valid.eq(1), self.i.ready.eq(self.o.ready)]
                with m.If(self.o.ready):
                    m.next = "IDLE"
        return m
