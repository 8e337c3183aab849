# amaranth: UnusedElaboratable=no
"""GELU of V values a beat: max(x, 0) less a chord of one even function."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config.gelu import GeluConfig
from .pointwise import Pointwise

__all__ = ["Gelu"]


class _Lane(wiring.Component):
    """One value: look up, multiply, subtract; three registers.

    |x| is never formed. For x < 0 the inverted bits are |x| − 1, so that |x| lies on the same
    chord one position further, be it on its right end: the chords are continuous.
    """

    i: Signal
    shift: Signal
    enable: Signal
    o: Signal

    latency = 3

    def __init__(self, config: GeluConfig):
        self._config = config
        super().__init__(
            {
                "i": In(signed(config.width)),
                "shift": In(config.shift_width),
                "enable": In(1),
                "o": Out(signed(config.width)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config
        negative = self.i[-1]
        folded = Signal(c.width - 1)
        m.d.comb += folded.eq(self.i[:-1] ^ negative.replicate(c.width - 1))
        shifted = folded << self.shift
        end = c.fraction + c.domain_log2
        is_far = Signal()
        m.d.comb += is_far.eq(shifted[end:].any())

        # 1: the chord; the half that rounds the point on it is in the table already
        index = shifted[c.position_width : end]
        half = 1 << (c.GUARD_WIDTH - 1)
        bases = [base + half for base in c.table.base[: 1 << len(index)]]
        steps = c.table.step[: 1 << len(index)]
        base = Signal(range(max(bases) + 1), reset_less=True)
        step = Signal(range(min(steps), max(steps) + 1), reset_less=True)
        position = Signal(c.position_width + 1, reset_less=True)
        relu = Signal(c.width - 1, reset_less=True)
        with m.If(self.enable):
            m.d.sync += [
                base.eq(Mux(is_far, 0, Array(bases)[index])),
                step.eq(Mux(is_far, 0, Array(steps)[index])),
                position.eq(shifted[: c.position_width] + (negative << self.shift)),
                relu.eq(self.i[:-1] & (~negative).replicate(c.width - 1)),
            ]

        # 2: the point, between two nodes ≥ 0
        top = max(map(sum, zip(bases, (max(step, 0) for step in steps))))
        lack = Signal(range((top >> c.GUARD_WIDTH) + 1), reset_less=True)
        positive = Signal.like(relu)
        point = Cat(Const(0, c.position_width), base) + step * position
        with m.If(self.enable):
            m.d.sync += [
                lack.eq(point >> (c.position_width + c.GUARD_WIDTH)),
                positive.eq(relu),
            ]

        # 3: GELU; a half of the last place that is left rounds up
        rounded = Signal(len(lack) + 1)
        m.d.comb += rounded.eq((lack + ((Const(1) << self.shift) >> 1)) >> self.shift)
        with m.If(self.enable):
            m.d.sync += self.o.eq(positive - rounded)
        return m


class Gelu(Pointwise):
    """y = x·Φ(x) in the format of x; for the tanh form see :class:`alembert.config.gelu.GeluForm`.

    y = max(x, 0) − g(|x|), g(a) = a·Φ(−a) by a table of chords and rounded half up. For every x,
    |y − gelu(x)| ≤ 3/2 units of the last place, which is below 2^−10 at 11 fraction bits. gelu(0)
    is exactly 0, and beyond the table, where g is below one last place, y is x or 0. With a shift
    s, x and y have s fraction bits less, and the last place is that of what is left. The bit-exact
    contract is :func:`alembert_golden.gelu.gelu`.

    Parameters
    ----------
    config : GeluConfig
        Lanes V, width w, fraction bits, form.

    Members
    -------
    i, o
        Streams, as of :class:`alembert.sfu.pointwise.Pointwise`.
    shift : In(config.shift_width)
        For values that reach further than they do with all their fraction bits. Steady while
        values are under way.

    Latency: ``latency`` cycles from the edge that takes a beat to the one that can take its
    results. Throughput: one beat a cycle. Reset: drops the beats under way. Errors: none, every
    input is legal and no result can overflow. Source: Hendrycks and Gimpel, arXiv 1606.08415.
    """

    shift: Signal

    lane = _Lane

    def __init__(self, config: GeluConfig):
        super().__init__(config)
