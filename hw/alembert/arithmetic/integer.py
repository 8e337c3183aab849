# amaranth: UnusedElaboratable=no
"""Integer activations × integer or ternary weights: slices of lanes and adder trees."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, ValueLike, signed
from amaranth.lib import data

from ..config import FormatPair, TernaryFormat
from ..formats import shape_of
from ..hierarchy import emit_once
from ..ternary.lane import add_subtract
from .adder_tree import AdderTree
from .base import Arithmetic, DotProduct
from .digits import MINUS_ONE, recode, select

__all__ = ["IntegerArithmetic"]


class IntegerArithmetic(Arithmetic):
    """One slice a radix-4 digit of the weight: a ternary weight is one slice, INT8 is four.

    Slice i sums d_i · x over all lanes in its own narrow adder tree; the slices' sums meet at the
    end, shifted by 2i. That is cheaper than completing each product first, because the trees are
    as narrow as one digit's partial product. Nothing in it is a multiplier.
    """

    def __init__(self, pair: FormatPair, *, lanes: int, levels_per_stage: int):
        super().__init__(pair, lanes=lanes, levels_per_stage=levels_per_stage)
        self.is_ternary = isinstance(pair.weight, TernaryFormat)
        self.num_lower = 0 if self.is_ternary else (pair.weight.width - 1) // 2
        self.activation_lane = data.StructLayout({"value": signed(pair.activation.width)})
        top = {"nonzero": 1, "negative": 1}
        if not self.is_ternary:
            top["double"] = 1
        self.weight_lane = data.StructLayout(
            {"lower": data.ArrayLayout(2, self.num_lower), "top": data.StructLayout(top)}
        )
        largest = lanes * sum(4**i for i in range(self.num_lower + 1))
        self.correction_width = largest.bit_length()

    def prepare_activation(self, m: Module, code: ValueLike, name: str) -> Value:
        return Value.cast(code)

    def prepare_weight(self, m: Module, code: ValueLike, name: str) -> Value:
        weight = shape_of(self.pair.weight)(code)
        lane = Signal(self.weight_lane, name=name)
        digits, rest = recode(m, weight.integer(), self.num_lower, name)
        m.d.comb += [lane.lower[i].eq(digit) for i, digit in enumerate(digits)]
        m.d.comb += [lane.top.nonzero.eq(rest != 0), lane.top.negative.eq(rest < 0)]
        if not self.is_ternary:
            m.d.comb += lane.top.double.eq((rest == 2) | (rest == -2))
        return lane.as_value()

    def correction(self, m: Module, lanes: Sequence[data.View]) -> Value:
        """Σ over the negative digits of 4^i: what inverting instead of negating left out."""
        terms: list[Value] = []
        for lane in lanes:
            negatives = [lane.lower[i] == MINUS_ONE for i in range(self.num_lower)]
            negatives.append(lane.top.negative & lane.top.nonzero)
            # the bits of one lane sit two apart: one number, no adder
            terms.append(Cat(*(Cat(bit, Const(0, 1)) for bit in negatives)))
        while len(terms) > 1:
            pairs = [a + b for a, b in zip(terms[::2], terms[1::2])]
            terms = pairs + ([terms[-1]] if len(terms) % 2 else [])
        return terms[0]

    def dot_product(self) -> DotProduct:
        return _SlicedDotProduct(self)


class _SlicedDotProduct(DotProduct):
    """Slices of lanes and trees, then their sums combined two by two.

    Latency: the tree's, one cycle a level of combining slices, and one for the correction.
    """

    def __init__(self, arithmetic: IntegerArithmetic):
        super().__init__(
            lanes=arithmetic.lanes,
            activation_lane=arithmetic.activation_lane,
            weight_lane=arithmetic.weight_lane,
            correction_width=arithmetic.correction_width,
            width=arithmetic.dot_width,
        )
        self._lanes = arithmetic.lanes
        self._is_ternary = arithmetic.is_ternary
        self._num_slices = arithmetic.num_lower + 1
        operand_width = arithmetic.pair.activation.width + (not arithmetic.is_ternary)
        self._trees = [
            AdderTree(
                width=operand_width,
                operands=self._lanes,
                levels_per_stage=arithmetic.levels_per_stage,
            )
            for _ in range(self._num_slices)
        ]
        combining_levels = (self._num_slices - 1).bit_length()
        self.latency = self._trees[0].latency + combining_levels + 1

    def _operand(self, lane: int, index: int) -> Value:
        """The partial product of one lane and one digit, in offset binary."""
        x = self.activations[lane].value
        weight = self.weights[lane]
        if index < self._num_slices - 1:
            term = select(x, weight.lower[index])
            return Cat(term[:-1], ~term[-1])
        if not self._is_ternary:
            x = Mux(weight.top.double, Cat(Const(0, 1), x), Cat(x, x[-1]))
        return add_subtract(x, weight.top.nonzero, weight.top.negative)

    def elaborate(self, platform) -> Module:
        m = Module()
        for index, tree in enumerate(self._trees):
            m.submodules[f"tree_{index}"] = emit_once(tree, key=tree.key)
            m.d.comb += [
                tree.operands[lane].eq(self._operand(lane, index)) for lane in range(self._lanes)
            ]

        def join(low: Value, high: Value, shift: int, name: str) -> Value:
            """low + high · 2^shift; the lowest bits pass by the adder."""
            upper = Signal(signed(max(len(low) - shift, len(high)) + 1), name=f"{name}_upper")
            total = Signal(signed(len(upper) + shift), name=name, reset_less=True)
            m.d.comb += upper.eq((low >> shift) + high)
            m.d.sync += total.eq(Cat(low[:shift], upper))
            return total

        sums: list[Value] = [tree.o for tree in self._trees]
        shift, level = 2, 0
        while len(sums) > 1:
            joined = [
                join(low, high, shift, f"joined_{level}_{index}")
                for index, (low, high) in enumerate(zip(sums[::2], sums[1::2]))
            ]
            sums = joined + ([sums[-1]] if len(sums) % 2 else [])
            shift, level = 2 * shift, level + 1
        corrected = Signal.like(self.o, name="corrected", reset_less=True)
        m.d.sync += corrected.eq(sums[0] + self.correction)
        m.d.comb += self.o.eq(corrected)
        return m
