"""The early-exit comparator: a vector of logits in, the decision to stop out."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config.early_exit import EntropyConfig, EntropyFault
from .accumulator import EntropyAccumulator
from .comparator import EntropyComparator
from .layouts import EarlyExitResult, Logit
from .logit_buffer import LogitBuffer

__all__ = ["EarlyExit"]


class EarlyExit(wiring.Component):
    """Compares the entropy of a vector of logits with a threshold, without dividing.

    With x = logit · 2^shift, m = max x, d = x − m ≤ 0, S = Σ e^d and W = Σ d·e^d the entropy of
    softmax(x) is H = ln S − W/S. The result says ``exit`` where S·(ln S − T) < W, that is H < T,
    strictly. The entropy is within 0.0003 nats of the logits' own, for every vector the
    configuration admits.

    Parameters
    ----------
    config : EntropyConfig
        Most classes of a vector, width and fraction bits of a logit.

    Members
    -------
    i : In(stream of Logit(config))
        One logit a beat, ``last`` on the vector's last one.
    threshold : In(config.ENTROPY_WIDTH)
        T in nats, unsigned with ``ENTROPY_FRACTION`` fraction bits. It is sampled on the edge that
        takes a vector's last logit. 0 never exits; all ones always exits.
    shift : In(config.SHIFT_WIDTH)
        For logits that reach further than their bits do. Steady while vectors are under way.
    o : Out(stream of EarlyExitResult(config))
        One beat a vector, in order. ``argmax`` is the first of equal maxima. ``entropy`` is rounded
        down, so that ``entropy < threshold`` says the same as ``exit``.

    Errors, in the result's ``fault``: a vector of one logit is TOO_FEW_CLASSES; a vector longer
    than ``max_classes`` is drained up to its last logit and is TOO_MANY_CLASSES, with
    ``num_classes`` = ``max_classes`` + 1. Every other field is then 0, so a fault never exits. The
    next vector is not affected.

    Latency: :meth:`latency`. Throughput: one logit a cycle into one of two banks; a vector loads
    while the one before is evaluated, so that vectors of n classes follow each other every
    ``latency(n)`` cycles where the result is taken at once. Reset drops everything under way.

    Source: the entropy criterion of EdgeBERT (Tambe et al., MICRO 2021); the form without a
    division is this project's.
    """

    i: stream.Interface
    threshold: Signal
    shift: Signal
    o: stream.Interface

    fault_latency = LogitBuffer.fault_latency
    """Cycles from the edge that takes a faulted vector's last logit to the first that can take its
    result."""

    def __init__(self, config: EntropyConfig):
        super().__init__(
            {
                "i": In(stream.Signature(Logit(config))),
                "threshold": In(config.ENTROPY_WIDTH),
                "shift": In(config.SHIFT_WIDTH),
                "o": Out(stream.Signature(EarlyExitResult(config))),
            }
        )
        self.config = config

    def latency(self, num_classes: int) -> int:
        """Cycles from the edge that takes the last of ``num_classes`` logits to the first that can
        take the result, while no other vector is under way."""
        first_to_last = num_classes - 1
        return (
            LogitBuffer.latency
            + first_to_last
            + EntropyAccumulator.latency
            + EntropyComparator.latency_of(self.config)
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.buffer = buffer = LogitBuffer(self.config)
        m.submodules.accumulator = accumulator = EntropyAccumulator(self.config)
        m.submodules.comparator = comparator = EntropyComparator(self.config)

        connect(m, flipped(self.i), buffer.i)
        connect(m, buffer.distances, accumulator.i)
        head = buffer.vector.payload
        m.d.comb += [
            buffer.threshold.eq(self.threshold),
            buffer.shift.eq(self.shift),
            comparator.i.payload.sum.eq(accumulator.o.payload.sum),
            comparator.i.payload.weighted.eq(accumulator.o.payload.weighted),
            comparator.i.payload.threshold.eq(head.threshold),
            comparator.i.valid.eq(accumulator.o.valid),
            accumulator.o.ready.eq(comparator.i.ready),
        ]

        # The head waits in the buffer for its decision; a faulted one has none to wait for.
        faulted = head.fault != EntropyFault.NONE
        decision = comparator.o.payload
        m.d.comb += [
            self.o.valid.eq(buffer.vector.valid & (faulted | comparator.o.valid)),
            buffer.vector.ready.eq(self.o.valid & self.o.ready),
            comparator.o.ready.eq(self.o.valid & self.o.ready & ~faulted),
            self.o.payload.exit.eq(decision.exit & ~faulted),
            self.o.payload.entropy.eq(Mux(faulted, 0, decision.entropy)),
            self.o.payload.argmax.eq(head.argmax),
            self.o.payload.max_logit.eq(head.max_logit),
            self.o.payload.num_classes.eq(head.num_classes),
            self.o.payload.fault.eq(head.fault),
        ]
        return m
