# amaranth: UnusedElaboratable=no
"""Accumulators of ternary dot products to fixed point: times weight scale, times token scale."""

from __future__ import annotations

from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic.digits import FactorDigits, recode_factor
from ..arithmetic.scaler import Scaler
from ..config.ternary import RescaleConfig, RescaleFault
from ..hierarchy import emit_once

__all__ = ["Rescale"]


class _TokenScale(wiring.Component):
    """(c, r) with c / 2^r ≈ multiplier · max / 2^shift, in three stages; one for all lanes.

    T = multiplier · max, e = max(0, bitlength(T) − n), c = round_half_up(T / 2^e), r = shift − e;
    c leaves in radix-4 digits.
    """

    i_max: Signal
    i_multiplier: Signal
    i_shift: Signal
    i_advance: Signal
    o_scale: data.View
    o_right: Signal
    o_overflow: Signal

    latency = 3

    def __init__(self, config: RescaleConfig):
        self.config = config
        super().__init__(
            {
                "i_max": In(config.max_width),
                "i_multiplier": In(config.MULTIPLIER_WIDTH),
                "i_shift": In(config.SHIFT_WIDTH),
                "i_advance": In(1),
                "o_scale": Out(FactorDigits(config.scale_width + 1)),
                "o_right": Out(config.SHIFT_WIDTH),
                "o_overflow": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        product = Signal(config.MULTIPLIER_WIDTH + config.max_width)
        shift = Signal(config.SHIFT_WIDTH)
        max_excess = len(product) - config.scale_width
        excess = Signal(range(max_excess + 1))
        for bit in range(config.scale_width, len(product)):
            with m.If(product[bit]):
                m.d.comb += excess.eq(bit + 1 - config.scale_width)
        # one bit below the last one kept, for the rounding
        kept = (Cat(Const(0, 1), product) >> excess)[: config.scale_width + 1]
        scale = Signal(config.scale_width + 1)
        right = Signal(config.SHIFT_WIDTH)
        is_beyond = Signal()
        with m.If(self.i_advance):
            m.d.sync += [
                product.eq(self.i_multiplier * self.i_max),
                shift.eq(self.i_shift),
                scale.eq(kept[1:] + kept[0]),
                right.eq(shift - excess),
                is_beyond.eq(excess > shift),
                self.o_scale.eq(recode_factor(m, scale, "digits")),
                self.o_right.eq(right),
                self.o_overflow.eq(is_beyond),
            ]
        return m


class Rescale(wiring.Component):
    """y = saturate(round_half_even(acc · c / 2^r)), c / 2^r ≈ multiplier · max / 2^shift.

    ``multiplier`` / 2^``shift`` holds what is constant for a tensor: weight scale · activation
    lsb / (127 · output lsb). Times the token's absmax it is the token scale, rounded to n
    significant bits: |y − acc · multiplier · max / 2^shift| ≤ 1/2 + 2^−n · |y|, before saturation.
    The bit-exact contract is :func:`alembert_golden.rescale.rescale`. The one wide product is
    shared by all lanes; a lane multiplies A by n + 1 bits. Nothing is kept from beat to beat.

    Parameters
    ----------
    config : RescaleConfig
        Lanes V and widths.

    Members
    -------
    i : In(stream of {values: ArrayLayout(signed(A), V), max, last})
        Accumulators of one token, its absmax, and a flag that passes through.
    i_multiplier : In(32)
        Unsigned; taken with each beat, as ``i_shift`` is.
    i_shift : In(6)
        Right shift, 0…63.
    o : Out(stream of {values: ArrayLayout(signed(out_width), V), last})
        The results.
    i_clear : In(1)
        Forgets the fault; one that occurs in the same cycle is kept.
    o_fault : Out(RescaleFault)
        SCALE_RANGE: the token scale reached 2^n. The beat's results are the limits of the
        accumulators' signs (0 for 0); later beats are not affected.

    Latency
    -------
    ``latency`` cycles from the edge that takes a beat to the one that can take its results.

    Throughput
    ----------
    One beat a cycle.

    Reset
    -----
    Drops the beats under way and clears the fault.
    """

    i: stream.Interface
    i_multiplier: Signal
    i_shift: Signal
    o: stream.Interface
    i_clear: Signal
    o_fault: Signal

    def __init__(self, config: RescaleConfig):
        self.config = config
        self._lanes = [
            Scaler(
                width=config.accumulator_width,
                factor_width=config.scale_width + 1,
                shift_width=config.SHIFT_WIDTH,
                out_width=config.out_width,
            )
            for _ in range(config.lanes)
        ]
        self.latency = _TokenScale.latency + self._lanes[0].latency
        beat = data.StructLayout(
            {
                "values": data.ArrayLayout(signed(config.accumulator_width), config.lanes),
                "max": config.max_width,
                "last": 1,
            }
        )
        result = data.StructLayout(
            {"values": data.ArrayLayout(signed(config.out_width), config.lanes), "last": 1}
        )
        super().__init__(
            {
                "i": In(stream.Signature(beat)),
                "i_multiplier": In(config.MULTIPLIER_WIDTH),
                "i_shift": In(config.SHIFT_WIDTH),
                "o": Out(stream.Signature(result)),
                "i_clear": In(1),
                "o_fault": Out(RescaleFault),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        m.submodules.token_scale = scale = _TokenScale(config)
        advance = Signal()
        valid, last = Signal(self.latency), Signal(self.latency)
        values = [self.i.payload.values]
        for k in range(_TokenScale.latency):
            values.append(Signal.like(values[0], name=f"values_{k}"))
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(advance),
            self.o.valid.eq(valid[-1]),
            self.o.payload.last.eq(last[-1]),
            scale.i_max.eq(self.i.payload.max),
            scale.i_multiplier.eq(self.i_multiplier),
            scale.i_shift.eq(self.i_shift),
            scale.i_advance.eq(advance),
        ]
        with m.If(advance):
            m.d.sync += [
                valid.eq(Cat(self.i.valid, valid)),
                last.eq(Cat(self.i.payload.last, last)),
            ]
            m.d.sync += [later.eq(earlier) for earlier, later in pairwise(values)]
        for k, lane in enumerate(self._lanes):
            m.submodules[f"lane_{k}"] = emit_once(lane, key=lane.key)
            m.d.comb += [
                lane.value.eq(values[-1][k]),
                lane.factor.eq(scale.o_scale),
                lane.shift.eq(scale.o_right),
                lane.saturate.eq(scale.o_overflow),
                lane.enable.eq(advance),
                self.o.payload.values[k].eq(lane.o),
            ]
        with m.If(self.i_clear):
            m.d.sync += self.o_fault.eq(RescaleFault.NONE)
        with m.If(valid[_TokenScale.latency - 1] & scale.o_overflow & advance):
            m.d.sync += self.o_fault.eq(RescaleFault.SCALE_RANGE)
        return m
