# amaranth: UnusedElaboratable=no
"""Softmax over the rows of a stream: two passes over each row, both of them buffered."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic.digits import FactorDigits
from ..arithmetic.scaler import DigitMultiplier
from ..config.sfu import RowFault
from ..config.softmax import SoftmaxConfig
from ..hierarchy import emit_once
from .power import Power
from .row_buffer import RowBuffer
from .softmax_reductions import RowMaximum, RowReciprocal, ScaleLayout

__all__ = ["Softmax"]


class _Product(wiring.Component):
    """One probability: round_half_up(power · factor / 2^(FACTOR_FRACTION + octave)).

    Latency: the product's, and a cycle to shift and round.
    """

    power: Signal
    factor: data.View
    octave: Signal
    enable: Signal
    o: Signal

    def __init__(self, config: SoftmaxConfig):
        self._config = config
        self._multiplier = DigitMultiplier(
            width=config.PROBABILITY_WIDTH + 1, factor_width=config.FACTOR_WIDTH
        )
        self.latency = self._multiplier.latency + 1
        super().__init__(
            {
                "power": In(config.PROBABILITY_WIDTH),
                "factor": In(FactorDigits(config.FACTOR_WIDTH)),
                "octave": In(range(config.max_octave + 1)),
                "enable": In(1),
                "o": Out(config.PROBABILITY_WIDTH),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config
        m.submodules.multiplier = multiplier = self._multiplier
        octave = self.octave
        for stage in range(multiplier.latency):
            later = Signal.like(octave, name=f"octave_{stage}", reset_less=True)
            with m.If(self.enable):
                m.d.sync += later.eq(octave)
            octave = later
        # the bit below the last one kept decides; a product is at most 1
        guarded = Signal(c.PROBABILITY_WIDTH + 1)
        m.d.comb += [
            multiplier.value.eq(Cat(self.power, Const(0, 1)).as_signed()),
            multiplier.factor.eq(self.factor),
            multiplier.enable.eq(self.enable),
            guarded.eq(multiplier.o[c.FACTOR_FRACTION - 1 :] >> octave),
        ]
        with m.If(self.enable):
            m.d.sync += self.o.eq((guarded + 1) >> 1)
        return m


class Softmax(wiring.Component):
    """p = 2^x / Σ 2^x over the positions of a row that are kept, x = score · 2^shift.

    Scores are in units of log2: whoever wants e^x scales them by log2 e before. A first buffer
    holds a row until its largest score m is known; on the way to the second a score becomes
    e = 2^−((m − score) · 2^shift); that one holds the row until 1/S is known, S = Σ e. Each pass
    overlaps with the other of the row before. The bit-exact contract is
    :func:`alembert_golden.softmax.softmax`: |p − exact| ≤ 2^−11, p ≤ 1, exactly 0 where not kept.

    Parameters
    ----------
    config : SoftmaxConfig
        Lanes V, depth of the buffers, and the scores' format.

    Members
    -------
    i : In, stream of {values: V × signed(width), keep: V bits, last}
        Scores. Where ``keep`` is 0 there is no position: padding of the last beat, or masked.
    shift : In, unsigned(SHIFT_WIDTH)
        For scores that reach further than their bits do. Steady while rows are under way.
    o : Out, stream of {values: V × unsigned(16), last}
        As many beats of probabilities, 15 fraction bits. A row with nothing kept is all 0.
    clear : In
        Forgets the fault; one that occurs in the same cycle is kept.
    fault : Out, RowFault
        OVERLONG_ROW: a row had more than ``depth`` beats. Nothing of it comes out, its remaining
        beats are taken and dropped, and the next row is processed as usual.

    Latency: ``latency(beats)`` cycles from the edge that takes a row's last beat to the one that
    can take its first probabilities. Throughput: one beat a cycle; rows of two beats and more,
    of at most half of ``depth``, follow one another without a gap. Reset: drops every row and
    clears the fault. Source: base replacement as in Softermax, Stevens et al., arXiv 2103.09301.
    """

    i: stream.Interface
    shift: Signal
    o: stream.Interface
    clear: Signal
    fault: Signal

    def __init__(self, config: SoftmaxConfig):
        self.config = config
        V = config.lanes
        self._powers = [Power(config) for _ in range(V)]
        self._products = [_Product(config) for _ in range(V)]
        self._probabilities = data.ArrayLayout(config.PROBABILITY_WIDTH, V)
        self._scores = data.StructLayout(
            {"values": data.ArrayLayout(signed(config.width), V), "keep": V, "last": 1}
        )
        beat = data.StructLayout({"values": self._probabilities, "last": 1})
        super().__init__(
            {
                "i": In(stream.Signature(self._scores)),
                "shift": In(config.SHIFT_WIDTH),
                "o": Out(stream.Signature(beat)),
                "clear": In(1),
                "fault": Out(RowFault),
            }
        )

    def latency(self, beats: int) -> int:
        """Cycles from taking the last of ``beats`` beats to giving the first, when not stalled."""
        reductions = RowMaximum(self.config).latency + RowReciprocal(self.config).latency
        lanes = self._powers[0].latency + self._products[0].latency
        return reductions + 2 * RowBuffer.latency + lanes + beats - 1

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self.config
        beat = data.StructLayout({"values": self._probabilities, "last": 1})
        m.submodules.scores = scores = RowBuffer(self._scores, signed(c.width), c.row_buffer)
        m.submodules.powers = powers = RowBuffer(beat, ScaleLayout(c), c.row_buffer)
        m.submodules.maximum = maximum = RowMaximum(c)
        m.submodules.reciprocal = reciprocal = RowReciprocal(c)
        wiring.connect(m, wiring.flipped(self.i), scores.i)
        wiring.connect(m, maximum.o, scores.reduction)
        wiring.connect(m, reciprocal.o, powers.reduction)
        # a row that the first buffer let through fits the second, which is as deep
        m.d.comb += [
            scores.clear.eq(self.clear),
            self.fault.eq(scores.fault),
            maximum.values.eq(self.i.payload.values),
            maximum.keep.eq(self.i.payload.keep),
            maximum.store.eq(scores.store),
            maximum.first.eq(scores.first),
            maximum.last.eq(self.i.payload.last),
            reciprocal.store.eq(powers.store),
            reciprocal.first.eq(powers.first),
            reciprocal.last.eq(powers.i.payload.last),
        ]
        self._raise(m, scores.o, powers.i, reciprocal.powers)
        self._scale(m, powers.o)
        return m

    def _raise(self, m: Module, i: stream.Interface, o: stream.Interface, exact: data.View) -> None:
        """Scores to powers: rounded at ``o``, with all their bits at ``exact`` beside it."""
        c = self.config
        drop = c.power_fraction - c.PROBABILITY_FRACTION
        advance = self._pipeline(m, i, o, self._powers[0].latency, "power")
        for k, lane in enumerate(self._powers):
            m.submodules[f"power_{k}"] = emit_once(lane, key=c)
            m.d.comb += [
                lane.value.eq(i.payload.beat.values[k]),
                lane.maximum.eq(i.payload.reduction),
                lane.keep.eq(i.payload.beat.keep[k]),
                lane.shift.eq(self.shift),
                lane.enable.eq(advance),
                exact[k].eq(lane.o),
                o.payload.values[k].eq((lane.o[drop - 1 :] + 1) >> 1),
            ]

    def _scale(self, m: Module, i: stream.Interface) -> None:
        """Powers to probabilities."""
        advance = self._pipeline(m, i, self.o, self._products[0].latency, "product")
        for k, lane in enumerate(self._products):
            m.submodules[f"product_{k}"] = emit_once(lane, key=self.config)
            m.d.comb += [
                lane.power.eq(i.payload.beat.values[k]),
                lane.factor.eq(i.payload.reduction.factor),
                lane.octave.eq(i.payload.reduction.octave),
                lane.enable.eq(advance),
                self.o.payload.values[k].eq(lane.o),
            ]

    def _pipeline(
        self, m: Module, i: stream.Interface, o: stream.Interface, latency: int, name: str
    ) -> Signal:
        """The flags beside the lanes; returns the lanes' enable."""
        advance = Signal(name=f"{name}_advance")
        valid = Signal(latency, name=f"{name}_valid")
        last = Signal(latency, name=f"{name}_last", reset_less=True)
        m.d.comb += [
            advance.eq(~o.valid | o.ready),
            i.ready.eq(advance),
            o.valid.eq(valid[-1]),
            o.payload.last.eq(last[-1]),
        ]
        with m.If(advance):
            m.d.sync += [valid.eq(Cat(i.valid, valid)), last.eq(Cat(i.payload.beat.last, last))]
        return advance
