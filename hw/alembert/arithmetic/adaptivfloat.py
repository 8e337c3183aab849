# amaranth: UnusedElaboratable=no
"""AdaptivFloat × AdaptivFloat: exact products in fixed point, summed in one adder tree."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import AdaptivFloatFormat, FormatPair
from ..formats import AdaptivFloat
from ..hierarchy import emit_once
from .adder_tree import AdderTree
from .base import Arithmetic, DotProduct
from .digits import MINUS_ONE, recode, select

__all__ = ["AdaptivFloatArithmetic", "AdaptivFloatProduct"]


class AdaptivFloatArithmetic(Arithmetic):
    """Significands are multiplied digit by digit, shifted by the sum of the exponents, and added.

    An activation enters the chain as sign, exponent and significand (0 for the code zero); a
    weight is kept as sign, exponent and the radix-4 digits of its significand. Zero activations
    are all zeros, so that a masked lane is simply cleared.
    """

    correction_width = 0

    def __init__(self, pair: FormatPair, *, lanes: int, levels_per_stage: int):
        super().__init__(pair, lanes=lanes, levels_per_stage=levels_per_stage)
        if not isinstance(pair.activation, AdaptivFloatFormat) or not isinstance(
            pair.weight, AdaptivFloatFormat
        ):
            raise TypeError(f"AdaptivFloat arithmetic cannot multiply {pair}")
        self.activation, self.weight = pair.activation, pair.weight
        # the lower digits take two bits each; what is left is 0, 1 or 2
        self.num_lower = self.weight.significand_width // 2
        self.activation_lane = data.StructLayout(
            {
                "sign": 1,
                "exponent": self.activation.exponent_width,
                "significand": self.activation.significand_width,
            }
        )
        self.weight_lane = data.StructLayout(
            {
                "sign": 1,
                "exponent": self.weight.exponent_width,
                "lower": data.ArrayLayout(2, self.num_lower),
                "top": data.StructLayout({"one": 1, "two": 1}),
            }
        )

    def prepare_activation(self, m: Module, code: ValueLike, name: str) -> Value:
        activation = AdaptivFloat(self.activation)(code)
        return Cat(activation.sign, activation.exponent, activation.significand())

    def prepare_weight(self, m: Module, code: ValueLike, name: str) -> Value:
        weight = AdaptivFloat(self.weight)(code)
        lane = Signal(self.weight_lane, name=name)
        significand = Signal(self.weight.significand_width, name=f"{name}_significand")
        m.d.comb += significand.eq(weight.significand())
        digits, rest = recode(m, significand, self.num_lower, name)
        m.d.comb += [lane.lower[i].eq(digit) for i, digit in enumerate(digits)]
        m.d.comb += [
            lane.sign.eq(weight.sign),
            lane.exponent.eq(weight.exponent),
            lane.top.one.eq(rest == 1),
            lane.top.two.eq(rest == 2),
        ]
        return lane.as_value()

    def correction(self, m: Module, lanes: Sequence[data.View]) -> Value:
        return Const(0, 0)

    def dot_product(self) -> DotProduct:
        return _AdaptivFloatDotProduct(self)


class AdaptivFloatProduct(wiring.Component):
    """The exact product of two prepared operands, as an adder-tree operand and a carry.

    With p the product of the significands and E the sum of the exponent fields, the signed
    product is ±p · 2^E = (term − 2^W) + carry, W = ``width`` − 1. Negative terms are inverted,
    not negated: the missing one is the carry. A lowest digit of −1 is inverted too, and the
    p − 1 it leaves is mended by the same carry: shifting in ones instead of zeros makes
    (p − 1) · 2^E + (2^E − 1) = p · 2^E − 1.

    Members
    -------
    activation, weight : In
        Prepared operands, see :class:`AdaptivFloatArithmetic`.
    term : Out, unsigned(width), offset binary
    carry : Out

    Latency: 2 cycles. Throughput: one product a cycle.
    """

    activation: data.View
    weight: data.View
    term: Signal
    carry: Signal

    latency = 2

    def __init__(self, arithmetic: AdaptivFloatArithmetic):
        activation, weight = arithmetic.activation, arithmetic.weight
        self._num_lower = arithmetic.num_lower
        self._product_width = activation.significand_width + weight.significand_width
        self._max_exponents = (activation.max_exponent, weight.max_exponent)
        self.width = self._product_width + sum(self._max_exponents) + 1
        super().__init__(
            {
                "activation": In(arithmetic.activation_lane),
                "weight": In(arithmetic.weight_lane),
                "term": Out(self.width),
                "carry": Out(1),
            }
        )

    def _multiply(self, m: Module) -> Value:
        """Product of the significands, less one if the lowest digit is −1."""
        x = self.activation.significand
        low: list[Value] = []  # finished bits, two a digit
        upper: Value = Const(0, 1)
        for index in range(self._num_lower):
            digit = self.weight.lower[index]
            term = Signal(len(x) + 2, name=f"term_{index}")
            selected = select(x, digit)
            m.d.comb += term.eq(Cat(selected, (digit == MINUS_ONE)))
            if index == 0:
                total = term.as_signed()
            else:
                # the lowest bit makes the carry that turns this digit's inversion into negation
                wide = Signal(len(x) + 4, name=f"total_{index}")
                extended = Cat(term, term[-1])
                m.d.comb += wide.eq(
                    Cat(Const(1, 1), extended).as_signed()
                    + Cat(digit == MINUS_ONE, upper).as_signed()
                )
                total = wide[1:].as_signed()
            low += [total[0], total[1]]
            upper = total[2:].as_signed()
        top = self.weight.top
        last = Mux(top.two, Cat(Const(0, 1), x), 0) | Mux(top.one, x, 0)
        high = Signal(self._product_width - len(low), name="high")
        m.d.comb += high.eq(upper + last)
        return Cat(*low, high)

    def elaborate(self, platform) -> Module:
        m = Module()
        inverted = Signal()  # the lowest digit is −1
        m.d.comb += inverted.eq(self.weight.lower[0] == MINUS_ONE if self._num_lower else 0)
        is_zero = ~self.activation.significand[-1]
        sign = self.activation.sign ^ self.weight.sign

        # stage 1: product of significands, sum of exponents
        product = Signal(self._product_width, reset_less=True)
        exponent = Signal(range(sum(self._max_exponents) + 1), reset_less=True)
        negate = Signal(reset_less=True)
        fill = Signal(reset_less=True)
        above = Signal(reset_less=True)
        m.d.sync += [
            product.eq(self._multiply(m)),
            exponent.eq(self.activation.exponent + self.weight.exponent),
            negate.eq(sign),
            fill.eq(sign ^ inverted),
            above.eq(sign ^ (inverted & is_zero)),  # 0 − 1 has its sign above the product
        ]

        # stage 2: shift left, ones or zeros coming in below and above
        value: Value = product ^ negate.replicate(len(product))
        for index in range(len(exponent)):
            step = 1 << index
            width = min(len(value) + step, self.width - 1)
            stay = Cat(value, above.replicate(width - len(value)))
            move = Cat(fill.replicate(step), value, above.replicate(width))[:width]
            shifted = Signal(width, name=f"shifted_{index}")
            m.d.comb += shifted.eq(Mux(exponent[index], move, stay))
            value = shifted
        m.d.sync += [self.term.eq(Cat(value, ~above)), self.carry.eq(fill)]
        return m


class _AdaptivFloatDotProduct(DotProduct):
    """V products and their adder tree. Latency: the product's and the tree's.

    Every lane brings a carry; the tree takes all but one, the accumulator the other.
    """

    has_carry = True

    def __init__(self, arithmetic: AdaptivFloatArithmetic):
        super().__init__(
            lanes=arithmetic.lanes,
            activation_lane=arithmetic.activation_lane,
            weight_lane=arithmetic.weight_lane,
            correction_width=0,
            width=arithmetic.dot_width,
        )
        self._pair = arithmetic.pair
        self._products = [AdaptivFloatProduct(arithmetic) for _ in range(arithmetic.lanes)]
        self._tree = AdderTree(
            width=self._products[0].width,
            operands=arithmetic.lanes,
            carries=arithmetic.lanes - 1,
            levels_per_stage=arithmetic.levels_per_stage,
        )
        self.latency = AdaptivFloatProduct.latency + self._tree.latency

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.tree = tree = self._tree
        for index, product in enumerate(self._products):
            m.submodules[f"product_{index}"] = emit_once(product, key=self._pair)
            m.d.comb += [
                product.activation.eq(self.activations[index]),
                product.weight.eq(self.weights[index]),
                tree.operands[index].eq(product.term),
            ]
        carries = [product.carry for product in self._products]
        if len(carries) > 1:
            m.d.comb += tree.carries.eq(Cat(*carries[:-1]))
        last: Value = carries[-1]
        for stage in range(tree.latency):
            late = Signal(name=f"last_carry_{stage}", reset_less=True)
            m.d.sync += late.eq(last)
            last = late
        m.d.comb += [self.o.eq(tree.o), self.carry.eq(last)]
        return m
