"""n² times a row's variance, exact: two multiplications, one digit a cycle."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic.digits import MINUS_ONE, select
from ..config.layernorm import LayerNormConfig
from .moments import moments_shape

__all__ = ["Variance"]


class Variance(wiring.Component):
    """D = n·B − A² + ε, one row at a time.

    n·B + ε and A·A grow side by side from radix-4 digits of n and of A, lowest first: what is
    finished leaves at the bottom, so that each adder is as wide as its multiplicand.

    Parameters
    ----------
    config : LayerNormConfig
        Widths.

    Members
    -------
    i : In(stream of {sum, square_sum}, always ready)
        A and B; two of them are at least ``period`` cycles apart.
    length : In, unsigned(config.length_width)
        n, taken with them.
    epsilon : In, unsigned(config.EPSILON_WIDTH)
        ε, likewise.
    o : Out(stream of unsigned(config.variance_width), always ready)
        D, modulo 2^``variance_width`` where A and B are of no row of n values.
    sum : Out, signed(config.sum_width)
        The row's A, from the cycle of its D until that of the next row's.

    Latency: ``latency`` cycles. Throughput: a row every ``period`` cycles. Reset drops the row
    under way.
    """

    i: stream.Interface
    length: Signal
    epsilon: Signal
    o: stream.Interface
    sum: Signal

    def __init__(self, config: LayerNormConfig):
        self._config = config
        self._sum_digits = config.sum_width // 2 + 1
        self._length_digits = config.length_width // 2 + 1
        self._steps = max(self._sum_digits, self._length_digits)
        self.period = self._steps + 1
        self.latency = self._steps + 2
        super().__init__(
            {
                "i": In(stream.Signature(moments_shape(config), always_ready=True)),
                "length": In(config.length_width),
                "epsilon": In(config.EPSILON_WIDTH),
                "o": Out(stream.Signature(unsigned(config.variance_width), always_ready=True)),
                "sum": Out(signed(config.sum_width)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config
        total, square_sum = Signal(signed(c.sum_width)), Signal(signed(c.square_sum_width + 1))
        running = Signal(self._steps + 1)  # one hot; its top bit tells that the products are there
        m.d.sync += running.eq(Cat(self.i.valid, running[:-1]))

        length_factor = Signal(signed(2 * self._length_digits))
        m.d.comb += length_factor.eq(self.length)
        scaled = self._product(m, square_sum, length_factor, self.epsilon, "scaled")
        sum_factor = Signal(signed(2 * self._sum_digits))
        m.d.comb += sum_factor.eq(self.i.payload.sum)
        squared = self._product(m, total, sum_factor, None, "squared")

        m.d.sync += self.o.valid.eq(running[-1])
        with m.If(self.i.valid):
            m.d.sync += [
                total.eq(self.i.payload.sum),
                square_sum.eq(self.i.payload.square_sum),
            ]
        with m.If(running[-1]):
            m.d.sync += [self.o.payload.eq(scaled - squared), self.sum.eq(total)]
        return m

    def _product(
        self,
        m: Module,
        value: Signal,
        factor: Value,
        addend: Value | None,
        name: str,
    ) -> Value:
        """value · factor + addend: loaded with ``i``, and there ``steps`` cycles later.

        ``factor`` moves out of ``rest`` at the bottom, the product moves in at its top; when
        there are more steps than digits, the factor's further digits are 0 and the product's
        upper part moves down after the lower one.
        """
        low_width = 2 * self._steps
        start = 0 if addend is None else addend
        # a step leaves a quarter of high + 2·value, which is below the larger of the two
        high_width = max(len(value), 0 if addend is None else len(addend) + 1)
        high = Signal(signed(high_width), name=f"{name}_high")
        low = Signal(low_width, name=f"{name}_low")
        carry = Signal(name=f"{name}_carry")
        digit_total = Signal(range(5), name=f"{name}_digit")
        m.d.comb += digit_total.eq(low[:2] + carry)
        digit = digit_total[:2]
        term = select(value, digit).as_signed()
        step = Signal(signed(high_width + 2), name=f"{name}_step")
        carried = Cat(Const(1, 1), high).as_signed() + Cat(digit == MINUS_ONE, term).as_signed()
        m.d.comb += step.eq(carried >> 1)
        with m.If(self.i.valid):
            extended = Signal(signed(low_width), name=f"{name}_factor")
            m.d.comb += extended.eq(factor)
            m.d.sync += [low.eq(extended), high.eq(start), carry.eq(0)]
        with m.Else():
            m.d.sync += [
                Cat(low[-2:], high).eq(step),
                low[:-2].eq(low[2:]),
                carry.eq(digit_total >= 3),
            ]
        return Cat(low, high).as_signed()
