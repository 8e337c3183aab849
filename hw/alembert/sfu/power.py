"""2^−d for d ≥ 0: a difference, a chord and a shift."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config.softmax import SoftmaxConfig

__all__ = ["Power", "look_up"]


def look_up(table: Sequence[int], index: Value) -> Value:
    """``table[index]``; a table of one entry needs no index."""
    return Array(table)[index] if len(table) > 1 else Const(table[0])


class Power(wiring.Component):
    """o = ⌊2^−((maximum − value) · 2^shift)⌋ in fixed point, or 0.

    With the exponent n + f, a point of a chord of 2^−f is shifted right by n. Equality gives
    exactly 1. A chord lies above the curve; half of the most it does is taken off between its
    ends, which halves the error where a table twice as large would quarter it. The bit-exact
    contract is :func:`alembert_golden.softmax.power`.

    Parameters
    ----------
    config : SoftmaxConfig
        Width and fraction bits of the scores; the result has ``power_fraction`` fraction bits.

    Members
    -------
    value : In, signed(config.width)
        This, ``maximum`` and ``keep`` are taken together.
    maximum : In, signed(config.width)
        Not below the value, unless it is not kept.
    keep : In
        0: the result is 0, whatever the value.
    shift : In, unsigned(config.SHIFT_WIDTH)
        A cycle later than the value.
    enable : In
        Everything moves on.
    o : Out, unsigned(config.power_fraction + 1)

    Latency: ``latency`` cycles. Throughput: one value a cycle. Reset: none needed, nothing
    outlives the latency. Source: base replacement as in Softermax, Stevens et al.,
    arXiv 2103.09301.
    """

    value: Signal
    maximum: Signal
    keep: Signal
    shift: Signal
    enable: Signal
    o: Signal

    latency = 4

    def __init__(self, config: SoftmaxConfig):
        self._config = config
        super().__init__(
            {
                "value": In(signed(config.width)),
                "maximum": In(signed(config.width)),
                "keep": In(1),
                "shift": In(config.SHIFT_WIDTH),
                "enable": In(1),
                "o": Out(config.power_fraction + 1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config
        table = c.power_table

        # 1: a kept value's distance needs no sign
        distance = Signal(c.width, reset_less=True)
        exists = Signal(reset_less=True)

        # 2: look up the chord of 2^−f; what is shifted out of sight is 0
        shifted = Signal(c.distance_width)
        m.d.comb += shifted.eq(distance << self.shift)
        chord = shifted[c.position_bits : c.fraction]
        exponent = shifted[c.fraction :]
        base = Signal(range(max(table.base) + 1), reset_less=True)
        step = Signal(range(max(table.step) + 1), reset_less=True)
        position = Signal(c.position_bits, reset_less=True)
        shift_2 = Signal(c.shift_width, reset_less=True)
        near_2 = Signal(reset_less=True)

        # 3: the point on it
        significand = Signal.like(base)
        shift_3 = Signal.like(shift_2)
        near_3 = Signal.like(near_2)
        point: Value = base
        if c.position_bits:
            half = 1 << (c.position_bits - 1)
            fall: Value = Mux(position.any(), (c.POWER_SAG << c.position_bits) + half, half)
            for bit in range(c.position_bits):  # fewer gates than `*`, whatever maps it
                fall = fall + Mux(position[bit], step << bit, 0)
            point = base - (fall >> c.position_bits)

        # 4: shift by n
        aligned = significand << (c.power_fraction - c.POWER_TABLE_FRACTION)
        with m.If(self.enable):
            m.d.sync += [
                distance.eq(self.maximum - self.value),
                exists.eq(self.keep),
                base.eq(look_up(table.base, chord)),
                position.eq(shifted[: c.position_bits]),
                shift_2.eq(exponent),
                near_2.eq(exists & ~exponent[c.shift_width :].any()),
                significand.eq(point),
                shift_3.eq(shift_2),
                near_3.eq(near_2),
                self.o.eq(Mux(near_3, aligned >> shift_3, 0)),
            ]
            if c.position_bits:
                m.d.sync += step.eq(look_up(table.step, chord))
        return m
