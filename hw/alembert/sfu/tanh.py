# amaranth: UnusedElaboratable=no
"""The hyperbolic tangent of V values a beat: a chord of |x|, with x's sign."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config.tanh import TanhConfig
from .pointwise import Pointwise

__all__ = ["Tanh"]


class _Lane(wiring.Component):
    """One value: look up, multiply, give the sign back; three registers.

    |x| is never formed, as in the lane of :class:`alembert.sfu.gelu.Gelu`: for x < 0 the inverted
    bits are |x| − 1, so that |x| lies on the same chord one position further.
    """

    i: Signal
    enable: Signal
    o: Signal

    latency = 3

    def __init__(self, config: TanhConfig):
        self._config = config
        super().__init__(
            {"i": In(signed(config.width)), "enable": In(1), "o": Out(signed(config.width))}
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config
        negative = self.i[-1]
        folded = Signal(c.width - 1)
        m.d.comb += folded.eq(self.i[:-1] ^ negative.replicate(c.width - 1))
        end = c.fraction + c.domain_log2
        is_far = Signal()
        if end < c.width - 1:
            m.d.comb += is_far.eq(folded[end:].any())

        # 1: the chord; the half that rounds the point on it is in the table already
        index = folded[c.position_width : end]
        half = 1 << (c.GUARD_WIDTH - 1)
        one = 1 << (c.fraction + c.GUARD_WIDTH)
        bases = [base + half for base in c.table.base[: 1 << len(index)]]
        steps = c.table.step[: 1 << len(index)]
        base = Signal(range(one + half + 1), reset_less=True)
        step = Signal(range(max(steps) + 1), reset_less=True)
        position = Signal(c.position_width + 1, reset_less=True)
        is_negative = Signal(reset_less=True)
        with m.If(self.enable):
            m.d.sync += [
                base.eq(Mux(is_far, one + half, Array(bases)[index])),
                step.eq(Mux(is_far, 0, Array(steps)[index])),
                position.eq(folded[: c.position_width] + negative),
                is_negative.eq(negative),
            ]

        # 2: the point, at most 1
        bound = Signal(range((1 << c.fraction) + 1), reset_less=True)
        is_below = Signal(reset_less=True)
        point = Cat(Const(0, c.position_width), base) + step * position
        with m.If(self.enable):
            m.d.sync += [
                bound.eq(point >> (c.position_width + c.GUARD_WIDTH)),
                is_below.eq(is_negative),
            ]

        # 3: its sign
        with m.If(self.enable):
            m.d.sync += self.o.eq(Mux(is_below, -bound, bound))
        return m


class Tanh(Pointwise):
    """y = tanh(x) in the format of x.

    y = sign(x)·t(|x|), t(a) = tanh(a) by a table of chords and rounded half up. For every x,
    |y − tanh(x)| ≤ 3/2 units of the last place, which is below 2^−10 at 11 fraction bits;
    tanh(−x) = −tanh(x) exactly, y never falls as x grows, and beyond the table, where 1 − tanh is
    below half a last place, y is ±1. The bit-exact contract is :func:`alembert_golden.tanh.tanh`.

    Parameters
    ----------
    config : TanhConfig
        Lanes V, width w, fraction bits.

    Members
    -------
    i, o
        Streams, as of :class:`alembert.sfu.pointwise.Pointwise`.

    Latency: ``latency`` cycles from the edge that takes a beat to the one that can take its
    results. Throughput: one beat a cycle. Reset: drops the beats under way. Errors: none, every
    input is legal and no result can overflow.
    """

    lane = _Lane

    def __init__(self, config: TanhConfig):
        super().__init__(config)
