"""ln S for S ≥ 1: normalise one bit a cycle, then one chord by shift and add."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.early_exit import EntropyConfig

__all__ = ["Logarithm"]


class Logarithm(wiring.Component):
    """Natural logarithm of a sum of exponentials, one at a time.

    S = 2^k·(1 + f): ln S = k·ln 2 + ln(1 + f). S moves left until its top bit is set, a step a
    cycle, and ln 2 comes off the largest k·ln 2 with every step; a table of 128 chords gives
    ln(1 + f), one bit of the position on the chord a cycle. The sum is rounded to nearest once,
    ties up. The error is below 2^−15.

    Parameters
    ----------
    config : EntropyConfig
        S has ``EXP_FRACTION`` fraction bits, ln S has ``ENTROPY_FRACTION``.

    Members
    -------
    i : In(stream of unsigned(config.sum_width))
        S, 1…``max_classes``. Outside that range the result means nothing, but it comes.
    o : Out(stream of unsigned(config.ENTROPY_WIDTH))
        ln S.

    Attributes
    ----------
    latency : int
        Cycles from the edge that takes S to the first that can take ln S; the same for every S.

    Throughput: one result every ``latency`` cycles. Reset drops what is under way.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: EntropyConfig):
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(config.sum_width))),
                "o": Out(stream.Signature(unsigned(config.ENTROPY_WIDTH))),
            }
        )
        self._config = config
        self.latency = self.latency_of(config)

    @staticmethod
    def latency_of(config: EntropyConfig) -> int:
        """``latency`` of a logarithm with this configuration."""
        return config.log2_classes + config.INTERPOLATION_BITS + 3

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config
        kept = c.TABLE_BITS + c.INTERPOLATION_BITS
        drop = c.LOG_TABLE_FRACTION - c.ENTROPY_FRACTION
        largest = c.log2_classes * c.ln2

        mantissa = Signal(c.sum_width)
        octaves = Signal(range(largest + 1))  # k·ln 2
        steps = Signal(range(max(c.log2_classes, c.INTERPOLATION_BITS)))
        base = Signal(range(max(c.log_table.base) + 1))
        step = Signal(range(max(c.log_table.step) + 1))
        position = Signal(c.INTERPOLATION_BITS)
        rise, half = Signal.like(step), Signal()  # step · position, and the bit below its last
        result = Signal(c.ENTROPY_WIDTH)
        m.d.comb += self.o.payload.eq(result)

        fraction = mantissa[-1 - kept : -1]
        partial = rise + Mux(position[0], step, 0)

        with m.FSM(name="state"):
            with m.State("IDLE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [
                    mantissa.eq(self.i.payload),
                    octaves.eq(largest),
                    steps.eq(c.log2_classes - 1),
                ]
                with m.If(self.i.valid):
                    m.next = "NORMALISE"
            with m.State("NORMALISE"):
                with m.If(~mantissa[-1]):
                    m.d.sync += [mantissa.eq(mantissa << 1), octaves.eq(octaves - c.ln2)]
                m.d.sync += steps.eq(steps - 1)
                with m.If(steps == 0):
                    m.next = "LOOK_UP"
            with m.State("LOOK_UP"):
                chord = fraction[c.INTERPOLATION_BITS :]
                m.d.sync += [
                    base.eq(Array(c.log_table.base)[chord]),
                    step.eq(Array(c.log_table.step)[chord]),
                    position.eq(fraction[: c.INTERPOLATION_BITS]),
                    rise.eq(0),
                    steps.eq(c.INTERPOLATION_BITS - 1),
                ]
                m.next = "INTERPOLATE"
            with m.State("INTERPOLATE"):
                m.d.sync += [
                    Cat(half, rise).eq(partial),
                    position.eq(position >> 1),
                    steps.eq(steps - 1),
                ]
                with m.If(steps == 0):
                    m.next = "ROUND"
            with m.State("ROUND"):
                total = octaves + base + rise + half  # half rounds the chord to nearest
                m.d.sync += result.eq((total + (1 << drop >> 1)) >> drop)
                m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.next = "IDLE"
        return m
