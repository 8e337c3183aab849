"""What softmax knows of a row at its end: the largest score, and one over the sum of powers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic.digits import FactorDigits, recode_factor
from ..config.softmax import SoftmaxConfig
from .power import look_up

__all__ = ["RowMaximum", "RowReciprocal", "ScaleLayout"]


def _tree_stages(lanes: int) -> int:
    """Pipeline stages of a tree over ``lanes`` operands, two levels each."""
    return -(-(lanes - 1).bit_length() // 2)


def _tree(
    m: Module, values: Sequence[Value], combine: Callable[[Value, Value], Value], name: str
) -> Value:
    """The values combined pairwise, with a register after every two levels and after the last."""
    level = 0
    while len(values) > 1:
        is_last = len(values) == 2
        pairs = [combine(a, b) for a, b in zip(values[::2], values[1::2])]
        odd = values[len(values) // 2 * 2 :]
        registered: list[Value] = []
        for index, value in enumerate([*pairs, *odd]):
            node = Signal(value.shape(), name=f"{name}_{level}_{index}", reset_less=True)
            domain = m.d.sync if level % 2 == 1 or is_last else m.d.comb
            domain += node.eq(value)
            registered.append(node)
        values, level = registered, level + 1
    return values[0]


def _delay(m: Module, values: Sequence[Value], cycles: int, name: str) -> list[Value]:
    """Flags that travel beside a pipeline."""
    word = Cat(*values)
    for stage in range(cycles):
        later = Signal(len(word), name=f"{name}_{stage}")
        m.d.sync += later.eq(word)
        word = later
    return list(word)


class RowMaximum(wiring.Component):
    """The largest kept score of each row.

    Watches a row buffer and never stalls. A row of which nothing is kept has the most negative
    score.

    Parameters
    ----------
    config : SoftmaxConfig
        Lanes and width.

    Members
    -------
    values : In, V × signed(width)
    keep : In, V bits
    store, first, last : In
        There is a beat; it is the row's first, its last. A row that has no last beat is forgotten
        at the next first one.
    o : Out, stream of signed(width), always ready
        One maximum a row.

    Latency: ``latency`` cycles from the edge that takes the last beat to the one that takes the
    maximum. Throughput: one beat a cycle. Reset: forgets the row.
    """

    values: data.View
    keep: Signal
    store: Signal
    first: Signal
    last: Signal
    o: stream.Interface

    def __init__(self, config: SoftmaxConfig):
        self._config = config
        self.latency = _tree_stages(config.lanes) + 1
        shape = signed(config.width)
        super().__init__(
            {
                "values": In(data.ArrayLayout(shape, config.lanes)),
                "keep": In(config.lanes),
                "store": In(1),
                "first": In(1),
                "last": In(1),
                "o": Out(stream.Signature(shape, always_ready=True)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config

        def larger(a: Value, b: Value) -> Value:
            return Mux(a > b, a, b)

        kept = [
            Mux(self.keep[k], self.values[k], Const(c.score_min, signed(c.width)))
            for k in range(c.lanes)
        ]
        of_beat = _tree(m, kept, larger, "larger")
        store, first, last = _delay(
            m, [self.store, self.first, self.last], _tree_stages(c.lanes), "flags"
        )
        with m.If(store):
            m.d.sync += self.o.payload.eq(Mux(first, of_beat, larger(of_beat, self.o.payload)))
        m.d.sync += self.o.valid.eq(store & last)
        return m


class ScaleLayout(data.StructLayout):
    """1/S as factor / 2^(FACTOR_FRACTION + octave), the factor in digits."""

    def __init__(self, config: SoftmaxConfig):
        super().__init__(
            {"factor": FactorDigits(config.FACTOR_WIDTH), "octave": range(config.max_octave + 1)}
        )


class RowReciprocal(wiring.Component):
    """1/S of each row, S the exact sum of its powers.

    S = 2^k·(1 + f), and a chord of 1/(1 + f), rounded to nearest with ties up, is the factor:
    :func:`alembert_golden.softmax.reciprocal`. Watches a row buffer and never stalls. For a row
    that sums to 0 the result is meaningless but of the right form.

    Parameters
    ----------
    config : SoftmaxConfig
        Lanes and widths.

    Members
    -------
    powers : In, V × unsigned(config.power_fraction + 1)
    store, first, last : In
        As for :class:`RowMaximum`.
    o : Out, stream of ScaleLayout, always ready
        One reciprocal a row.

    Latency: ``latency`` cycles from the edge that takes the last beat to the one that takes the
    reciprocal. Throughput: one beat a cycle, one row a cycle. Reset: forgets the row.
    """

    powers: data.View
    store: Signal
    first: Signal
    last: Signal
    o: stream.Interface

    def __init__(self, config: SoftmaxConfig):
        self._config = config
        self.latency = _tree_stages(config.lanes) + 4
        super().__init__(
            {
                "powers": In(data.ArrayLayout(config.power_fraction + 1, config.lanes)),
                "store": In(1),
                "first": In(1),
                "last": In(1),
                "o": Out(stream.Signature(ScaleLayout(config), always_ready=True)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config

        # 1: the sum over the lanes and over the row
        of_beat = _tree(m, [self.powers[k] for k in range(c.lanes)], lambda a, b: a + b, "sum")
        store, first, last = _delay(
            m, [self.store, self.first, self.last], _tree_stages(c.lanes), "flags"
        )
        total = Signal(c.sum_width, reset_less=True)
        with m.If(store):
            m.d.sync += total.eq(of_beat + Mux(first, 0, total))
        m.d.comb += self.o.valid.eq(_delay(m, [store & last], 4, "ends")[0])

        # 2: normalise; the sum of what is kept is at least 1
        octave = Signal(range(c.max_octave + 1))
        for k in range(1, c.max_octave + 1):
            with m.If(total[c.power_fraction + k]):
                m.d.comb += octave.eq(k)
        kept = c.RECIPROCAL_TABLE_BITS + c.RECIPROCAL_POSITION_BITS
        fraction = Signal(kept, reset_less=True)
        octave_2 = Signal.like(octave, reset_less=True)
        m.d.sync += [
            fraction.eq((Cat(Const(0, kept), total) >> octave)[c.power_fraction :]),
            octave_2.eq(octave),
        ]

        # 3: look up the chord
        chord = fraction[c.RECIPROCAL_POSITION_BITS :]
        base = Signal(range(max(c.reciprocal_table.base) + 1), reset_less=True)
        step = Signal(range(max(c.reciprocal_table.step) + 1), reset_less=True)
        position = Signal(c.RECIPROCAL_POSITION_BITS, reset_less=True)
        octave_3 = Signal.like(octave_2)
        m.d.sync += [
            base.eq(look_up(c.reciprocal_table.base, chord)),
            step.eq(look_up(c.reciprocal_table.step, chord)),
            position.eq(fraction[: c.RECIPROCAL_POSITION_BITS]),
            octave_3.eq(octave_2),
        ]

        # 4: the point on it
        drop = c.RECIPROCAL_POSITION_BITS + c.RECIPROCAL_TABLE_FRACTION - c.FACTOR_FRACTION
        point = (base << c.RECIPROCAL_POSITION_BITS) - step * position + (1 << drop >> 1)
        factor = Signal(c.FACTOR_WIDTH, reset_less=True)
        octave_4 = Signal.like(octave_3)
        m.d.sync += [factor.eq(point >> drop), octave_4.eq(octave_3)]
        m.d.comb += [
            self.o.payload.factor.eq(recode_factor(m, factor, "digits")),
            self.o.payload.octave.eq(octave_4),
        ]
        return m
