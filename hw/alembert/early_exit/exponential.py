"""e^−a for a ≥ 0: a pipeline of one constant multiplication, one chord and one shift."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.early_exit import EntropyConfig

__all__ = ["Exponential"]


class Exponential(wiring.Component):
    """e^−a as a fixed-point number, one argument a cycle.

    e^−a = 2^−t with t = a·log2 e = n + f. A table of 128 chords gives 2^−f within 2^−17 of itself;
    a shift by n, rounded to nearest with ties up, gives the result. a = 0 gives exactly 1, and
    whatever rounds below the last bit is 0.

    Parameters
    ----------
    config : EntropyConfig
        Width of a, and its fraction bits, those of a logit; the result has ``EXP_FRACTION``
        fraction bits.

    Members
    -------
    i : In(stream of unsigned(config.shifted_width), always ready)
        a, with ``logit_fraction`` fraction bits.
    o : Out(stream of unsigned(config.exp_width), always ready)
        e^−a. It cannot be stalled.

    Latency: ``latency`` cycles. Throughput: one argument a cycle. Reset empties the pipeline.
    Every argument is legal.
    """

    i: stream.Interface
    o: stream.Interface

    latency = 4
    """Cycles from taking an argument to the result's first valid cycle's end."""

    def __init__(self, config: EntropyConfig):
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(config.shifted_width), always_ready=True)),
                "o": Out(stream.Signature(unsigned(config.exp_width), always_ready=True)),
            }
        )
        self._config = config

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config
        drop = c.logit_fraction + c.LOG2E_FRACTION - c.POWER_FRACTION
        half = 1 << c.INTERPOLATION_BITS >> 1

        valid = Signal(self.latency)
        m.d.sync += valid.eq((valid << 1) | self.i.valid)
        m.d.comb += self.o.valid.eq(valid[-1])

        # 1: t = a·log2 e. A distance past the range where e^−a is not 0 becomes the range's end.
        near = Signal(c.distance_width)
        far = self.i.payload[c.distance_width :].any()
        m.d.comb += near.eq(Mux(far, ~0, self.i.payload))
        power = Signal(c.EXP_RANGE_BITS + 1 + c.POWER_FRACTION)
        m.d.sync += power.eq((near * c.log2e + (1 << drop >> 1)) >> drop)

        # 2: look up the chord of 2^−f
        chord = power[c.INTERPOLATION_BITS : c.POWER_FRACTION]
        base = Signal(range(max(c.exp_table.base) + 1))
        step = Signal(range(max(c.exp_table.step) + 1))
        position = Signal(c.INTERPOLATION_BITS)
        exponent = Signal(c.EXP_RANGE_BITS + 1)
        m.d.sync += [
            base.eq(Array(c.exp_table.base)[chord]),
            step.eq(Array(c.exp_table.step)[chord]),
            position.eq(power[: c.INTERPOLATION_BITS]),
            exponent.eq(power[c.POWER_FRACTION :]),
        ]

        # 3: the point on it
        significand = Signal.like(base)
        shift = Signal.like(exponent)
        m.d.sync += [
            significand.eq(base - ((step * position + half) >> c.INTERPOLATION_BITS)),
            shift.eq(exponent),
        ]

        # 4: shift by n with one bit more than is kept, which decides the rounding
        guarded = Signal(c.exp_width + 1)
        align = c.EXP_FRACTION - c.EXP_TABLE_FRACTION + 1
        m.d.comb += guarded.eq((significand << align) >> shift)
        m.d.sync += self.o.payload.eq((guarded + 1) >> 1)
        return m
