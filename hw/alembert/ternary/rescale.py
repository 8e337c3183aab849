# amaranth: UnusedElaboratable=no
"""Accumulators of ternary dot products to fixed point: times weight scale, times token scale."""

from __future__ import annotations

from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import Overflow, Rounding
from ..config.ternary import RescaleConfig, RescaleFault
from ..formats import jamming_shift_right, overflow, rounding_shift_right
from ..hierarchy import emit_once

__all__ = ["Rescale"]


class _TokenScale(wiring.Component):
    """(c, r) with c / 2^r ≈ multiplier · max / 2^shift, in two stages; one for all lanes.

    T = multiplier · max, e = max(0, bitlength(T) − n), c = round_half_up(T / 2^e), r = shift − e.
    """

    i_max: Signal
    i_multiplier: Signal
    i_shift: Signal
    i_advance: Signal
    o_scale: Signal
    o_right: Signal
    o_overflow: Signal

    latency = 2

    def __init__(self, config: RescaleConfig):
        self.config = config
        super().__init__(
            {
                "i_max": In(config.max_width),
                "i_multiplier": In(config.MULTIPLIER_WIDTH),
                "i_shift": In(config.SHIFT_WIDTH),
                "i_advance": In(1),
                "o_scale": Out(config.scale_width + 1),
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
        with m.If(self.i_advance):
            m.d.sync += [
                product.eq(self.i_multiplier * self.i_max),
                shift.eq(self.i_shift),
                self.o_scale.eq(kept[1:] + kept[0]),
                self.o_right.eq(shift - excess),
                self.o_overflow.eq(excess > shift),
            ]
        return m


class _Lane(wiring.Component):
    """One accumulator: saturate(round_half_even(acc · c / 2^r)), in three stages.

    The right shift keeps one bit below the result's last and jams all that falls below that into
    its lowest bit ("sticky"), which is all that rounding needs to know: a shifter no wider than
    the product.
    """

    i: Signal
    i_scale: Signal
    i_right: Signal
    i_overflow: Signal
    i_advance: Signal
    o: Signal

    latency = 3

    def __init__(self, config: RescaleConfig):
        self.config = config
        super().__init__(
            {
                "i": In(signed(config.accumulator_width)),
                "i_scale": In(config.scale_width + 1),
                "i_right": In(config.SHIFT_WIDTH),
                "i_overflow": In(1),
                "i_advance": In(1),
                "o": Out(signed(config.out_width)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        product = Signal(signed(config.product_width))
        right = Signal(config.SHIFT_WIDTH)
        saturate = [Signal(name=f"saturate_{k}") for k in range(2)]
        shifted = Signal(signed(config.product_width + 2))
        rounded = rounding_shift_right(m, shifted, 2, Rounding.HALF_EVEN, name="result")
        fits = overflow(rounded, config.out_width, Overflow.SATURATE)
        negative = shifted[-1]
        limit = Cat((~negative).replicate(config.out_width - 1), negative).as_signed()
        zero = shifted == 0
        with m.If(self.i_advance):
            m.d.sync += [
                product.eq(self.i * self.i_scale),
                right.eq(self.i_right),
                saturate[0].eq(self.i_overflow),
                shifted.eq(
                    jamming_shift_right(m, Cat(Const(0, 2), product), right, name="product")
                ),
                saturate[1].eq(saturate[0]),
                self.o.eq(Mux(saturate[1] & ~zero, limit, fits)),
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

    latency = _TokenScale.latency + _Lane.latency

    def __init__(self, config: RescaleConfig):
        self.config = config
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
        for k in range(config.lanes):
            lane = _Lane(config)
            m.submodules[f"lane_{k}"] = emit_once(lane, key=config)
            m.d.comb += [
                lane.i.eq(values[-1][k]),
                lane.i_scale.eq(scale.o_scale),
                lane.i_right.eq(scale.o_right),
                lane.i_overflow.eq(scale.o_overflow),
                lane.i_advance.eq(advance),
                self.o.payload.values[k].eq(lane.o),
            ]
        with m.If(self.i_clear):
            m.d.sync += self.o_fault.eq(RescaleFault.NONE)
        with m.If(valid[_TokenScale.latency - 1] & scale.o_overflow & advance):
            m.d.sync += self.o_fault.eq(RescaleFault.SCALE_RANGE)
        return m
