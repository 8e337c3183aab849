"""Exact dot products of every pair of formats: RTL against golden, golden against integers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from alembert.arithmetic import arithmetic_for
from alembert.config import AdaptivFloatFormat, FormatPair, IntegerFormat, TernaryFormat
from alembert_golden.vmac import accumulate
from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from support.formats import PAIRS, all_codes
from support.simulate import simulate


class Probe(wiring.Component):
    """Codes in, prepared as the array does it, through the dot product, sum out."""

    activations: Signal
    weights: Signal
    o: Signal

    def __init__(self, pair: FormatPair, *, lanes: int, levels_per_stage: int):
        self.pair = pair
        self.arithmetic = arithmetic_for(pair, lanes=lanes, levels_per_stage=levels_per_stage)
        self.dot = self.arithmetic.dot_product()
        self.latency = self.dot.latency
        super().__init__(
            {
                "activations": In(pair.activation.width * lanes),
                "weights": In(pair.weight.width * lanes),
                "o": Out(signed(self.arithmetic.dot_width + 1)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.dot = dot = self.dot
        a_width, w_width = self.pair.activation.width, self.pair.weight.width
        lanes = []
        for lane in range(self.arithmetic.lanes):
            a = self.activations.word_select(lane, a_width)
            w = self.weights.word_select(lane, w_width)
            prepared = Signal(self.arithmetic.weight_lane, name=f"prepared_{lane}")
            m.d.comb += [
                prepared.eq(self.arithmetic.prepare_weight(m, w, f"w_{lane}")),
                Value.cast(dot.activations[lane]).eq(
                    self.arithmetic.prepare_activation(m, a, f"a_{lane}")
                ),
                dot.weights[lane].eq(prepared),
            ]
            lanes.append(prepared)
        total: Value = dot.o
        if self.arithmetic.correction_width:
            # stationary in an array; here it changes every cycle, and so follows the vector
            correction: Value = Cat(self.arithmetic.correction(m, lanes))
            for stage in range(self.latency - 1):
                late = Signal(self.arithmetic.correction_width, name=f"correction_{stage}")
                m.d.sync += late.eq(correction)
                correction = late
            m.d.comb += dot.correction.eq(correction)
        if dot.has_carry:
            total = total + dot.carry
        m.d.comb += self.o.eq(total)
        return m


@pytest.mark.parametrize(
    ("pair", "lanes", "levels"),
    [
        ("adaptivfloat8_3", 16, 2),
        ("adaptivfloat8_2", 3, 1),
        ("adaptivfloat8_4", 4, 2),
        ("adaptivfloat4_3", 1, 2),
        ("adaptivfloat6_3x8_3", 2, 2),
        ("int8", 16, 2),
        ("int8_int4", 5, 2),
        ("ternary", 64, 2),
    ],
)
def test_vectors(simulator: str, pair: str, lanes: int, levels: int) -> None:
    """Corner and random vectors at full width."""
    probe = Probe(PAIRS[pair], lanes=lanes, levels_per_stage=levels)
    simulate(
        probe,
        simulator=simulator,
        module="arithmetic.bench_dot_product",
        top="dot_product_probe",
        testcase="vectors",
        pair=pair,
        lanes=lanes,
        latency=probe.latency,
        count=2000 if simulator == "verilator" else 200,
    )


@pytest.mark.parametrize("pair", ["adaptivfloat8_3", "adaptivfloat4_2", "int8", "ternary"])
def test_every_pair_of_codes(simulator: str, pair: str) -> None:
    """Every activation code times every weight code, and for ternary every weight vector."""
    lanes = 5 if pair == "ternary" else 1
    probe = Probe(PAIRS[pair], lanes=lanes, levels_per_stage=1)
    simulate(
        probe,
        simulator=simulator,
        module="arithmetic.bench_dot_product",
        top="dot_product_probe",
        testcase="every_weight_vector" if pair == "ternary" else "every_pair_of_codes",
        pair=pair,
        lanes=lanes,
        latency=probe.latency,
    )


@pytest.mark.parametrize("name", PAIRS)
def test_golden_is_the_exact_sum(name: str) -> None:
    """Against Python's own integers, at the largest codes and at random."""
    pair = PAIRS[name]
    rng = np.random.default_rng(1)
    a = rng.choice(all_codes(pair.activation), (3, 50))
    w = rng.choice(all_codes(pair.weight), (50, 2))

    def value(code: int, fmt) -> int:
        if not isinstance(fmt, AdaptivFloatFormat):
            return code
        mantissa = code & ((1 << fmt.mantissa_width) - 1)
        exponent = (code >> fmt.mantissa_width) & fmt.max_exponent
        if mantissa == 0 and exponent == 0:
            return 0
        magnitude = (mantissa + (1 << fmt.mantissa_width)) * 2**exponent
        return -magnitude if code >> (fmt.width - 1) else magnitude

    got = accumulate(a, w, pair, max_depth=64)
    for i in range(3):
        for j in range(2):
            terms = zip(a[i].tolist(), w[:, j].tolist())
            assert got[i, j] == sum(
                value(x, pair.activation) * value(y, pair.weight) for x, y in terms
            )


def test_accumulator_is_as_wide_as_the_worst_case_and_no_wider() -> None:
    for pair in PAIRS.values():
        for depth in (1, 3, 16, 1000, 4096):
            width, worst = pair.accumulator_width(depth), depth * pair.max_product
            assert worst <= 2 ** (width - 1) - 1 < 2 * worst + 1


@pytest.mark.parametrize(
    ("activation", "weight"),
    [
        (AdaptivFloatFormat(), IntegerFormat()),
        (IntegerFormat(), AdaptivFloatFormat()),
        (IntegerFormat(width=4), IntegerFormat()),
        (IntegerFormat(), IntegerFormat(width=6)),
        (TernaryFormat(), TernaryFormat()),
    ],
)
def test_other_pairs_are_refused_by_name(activation, weight) -> None:
    message = (
        f"no array multiplies {activation} activations by {weight} weights; supported are "
        "AdaptivFloat × AdaptivFloat, INT8 × INT8, INT8 × INT4 and INT8 × ternary"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        FormatPair(activation=activation, weight=weight)


def test_a_format_must_be_a_format() -> None:
    wrong: dict[str, Any] = {"activation": IntegerFormat(), "weight": 8}
    with pytest.raises(TypeError, match=r"^weight format must be a number format, not 8$"):
        FormatPair(**wrong)


def test_products_and_sums_beyond_16_bits_do_not_wrap() -> None:
    """EdgeBERT's public hardware keeps 16 bits of a product: 62 % of code pairs wrap there."""
    pair = PAIRS["adaptivfloat8_3"]
    codes = all_codes(pair.activation)
    products = np.array(
        [accumulate([[a]], codes[None, :], pair, max_depth=1)[0] for a in codes.tolist()]
    )
    wrapped = (products.astype(np.int16).astype(np.int64) != products).mean()
    assert wrapped > 0.5, "the case this test is about does not occur"
    assert np.abs(products).max() == pair.max_product == (31 << 7) ** 2
