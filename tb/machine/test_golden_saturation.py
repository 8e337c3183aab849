"""The golden machine counts the wide results that it cuts to their range, and no others."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from alembert.config import VmacArrayConfig, VmacConfig
from alembert.config.isa import Instruction, Opcode, ResultKind
from alembert_golden.postprocess import ChannelParameters
from alembert_golden.quick_product import QuickProduct
from alembert_golden.special_engine import SpecialEngine
from alembert_golden.vmac import accumulate
from machine.golden_layers import any_parameters, any_weights
from machine.golden_machines import MACHINES, resolved
from support.formats import PAIRS


def before_rounding(
    total: int, parameters: ChannelParameters, n: int, array: VmacArrayConfig
) -> Fraction:
    """What a wide result is rounded from."""
    t = max(total, 0) if parameters.relu[n] else total
    if array.encodes_adaptivfloat:
        return Fraction(t, 1 << int(parameters.exponent[n]))
    return Fraction(t * int(parameters.multiplier[n]), 1 << int(parameters.shift[n]))


def is_beyond(value: Fraction) -> bool:
    """Below 16 bits, or rounded above them."""
    return value < -32768 or round(value) > 32767


@pytest.mark.parametrize("name", ["adaptivfloat8_3", "adaptivfloat8_4", "int8", "ternary"])
def test_products_against_fractions(name: str) -> None:
    """Wide and other channels side by side, two sentences; 1100 terms are beyond float64's sums
    for AdaptivFloat<8,4>."""
    rng = np.random.default_rng(5)
    array = VmacArrayConfig(vmac=VmacConfig(pair=PAIRS[name], max_depth=65535))
    seen = 0
    for depth in (3, 1100):
        for wide in (True, rng.random(24) < 0.5, False):
            weights = any_weights(rng, array.vmac.pair.weight, depth, 24)
            parameters = any_parameters(rng, array, depth, 24, wide)
            a = rng.integers(0, 256, (2, 5, depth), dtype=np.uint8)
            product = QuickProduct.of_layer(weights, parameters, array)
            results, saturated = product.of_left(product.left(a), None)
            codes = (a if array.encodes_adaptivfloat else a.view(np.int8)).astype(np.int64)
            expected = [0, 0]
            for sentence in range(2):
                pair, most = array.vmac.pair, array.vmac.max_depth
                sums = accumulate(codes[sentence], weights, pair, max_depth=most)
                for (_, n), total in np.ndenumerate(sums):
                    if parameters.wide[n]:
                        biased = int(total) + int(parameters.bias[n])
                        value = before_rounding(biased, parameters, n, array)
                        expected[sentence] += is_beyond(value)
            assert saturated.tolist() == expected
            assert results.shape == (2, 5, 24)
            seen += int(saturated.sum())
    assert seen > 20


@pytest.mark.parametrize("name", ["adaptivfloat8_3", "int8"])
def test_the_ends_of_the_range(name: str) -> None:
    """−2^15 and what rounds to it; 2^15 − 1, and the tie above it."""
    array = VmacArrayConfig(vmac=VmacConfig(pair=PAIRS[name]))
    quarters = {
        -4 * 32768: False,
        -4 * 32768 - 1: True,  # rounded to −2^15, but beyond it
        -4 * 32768 - 3: True,
        4 * 32767: False,
        4 * 32767 + 1: False,
        4 * 32767 + 2: True,  # a tie, and 2^15 is the even one
        4 * 32768: True,
        0: False,
    }
    parameters = ChannelParameters.of(
        len(quarters), bias=list(quarters), wide=True, multiplier=1 << 20, shift=22, exponent=2
    )
    product = QuickProduct.of_layer(np.zeros((1, len(quarters)), int), parameters, array)
    for n, beyond in enumerate(quarters.values()):
        one = ChannelParameters.of(
            1, bias=parameters.bias[n], wide=True, multiplier=1 << 20, shift=22, exponent=2
        )
        single = QuickProduct.of_layer(np.zeros((1, 1), int), one, array)
        _, saturated = single.of_left(single.left(np.zeros((1, 1, 1), np.uint8)), None)
        assert saturated.tolist() == [int(beyond)], list(quarters)[n]
    _, saturated = product.of_left(product.left(np.zeros((1, 1, 1), np.uint8)), None)
    assert saturated.tolist() == [sum(quarters.values())]


def test_what_float64_takes_for_the_lowest_number() -> None:
    """t · multiplier is 1 below −2^15 · 2^44: float64 rounds the product to −2^15."""
    array = VmacArrayConfig(vmac=VmacConfig(pair=PAIRS["int8"], max_depth=65535))
    multiplier, shift = (1 << 32) - 1, 44
    for total, beyond in ((-134217728, False), (-134217729, True)):
        exact = Fraction(total * multiplier, 1 << shift)
        assert is_beyond(exact) is beyond and round(exact) == -32768
        one = ChannelParameters.of(1, bias=total, wide=True, multiplier=multiplier, shift=shift)
        product = QuickProduct.of_layer(np.zeros((1, 1), int), one, array)
        results, saturated = product.of_left(product.left(np.zeros((1, 1, 1), np.uint8)), None)
        assert results.tolist() == [[[-32768]]]
        assert saturated.tolist() == [int(beyond)]


def words_of(config, contents: dict[int, list[int]]) -> np.ndarray:
    """A scratchpad with numbers of 16 bits from some words on, twice."""
    pad = np.zeros((2, config.scratchpad.words, config.word_codes), dtype=np.uint8)
    for address, numbers in contents.items():
        flat = pad.view("<i2").reshape(2, -1)
        start = address * config.word_wides
        flat[:, start : start + len(numbers)] = numbers
    return pad


def test_rescaled_rows() -> None:
    """a · 3 / 2^0 + bias: sums decide, whatever the product alone would be."""
    config = MACHINES["int8"]
    given = {"rows": 1, "columns": 4, "kind": ResultKind.WIDE, "multiplier": 3, "has_bias": 1}
    places = {"a_address": 0, "a_stride": 8, "o_address": 64, "o_stride": 8, "p_address": 32}
    lanes = config.word_wides
    values = [10922, 10923, -10923, -10922]  # times 3: 32766, 32769, −32769, −32766
    biases = [1, -2, 1, -3]
    assert lanes >= 2
    pad = words_of(config, {0: values, 32: biases})
    one = resolved(Instruction(Opcode.RESCALE, given | places), config)
    assert SpecialEngine(config).execute(one, pad).tolist() == [1, 1]  # −32769
    found = pad.view("<i2").reshape(2, -1)[0, 64 * lanes : 64 * lanes + 4]
    assert found.tolist() == [32767, 32767, -32768, -32768]


def test_sums_and_results_of_a_normalisation() -> None:
    """A residual sum beyond 18 bits is one, a result beyond 16 bits is one more."""
    config = MACHINES["adaptivfloat"]
    columns = 8
    given = {"rows": 1, "columns": columns, "kind": ResultKind.CODES, "has_a": 1, "has_b": 1}
    given |= {"b_multiplier": 0xFFFF, "shift": 0, "exponent": -8}
    places = {"a_address": 0, "a_stride": 8, "b_address": 32, "b_stride": 8}
    places |= {"o_address": 64, "o_stride": 8, "p_address": 96}
    one = resolved(Instruction(Opcode.LAYERNORM, given | places), config)
    lanes = config.word_wides
    for gamma, beta, beyond in ((0, 0, 0), (0, 32767, 0), (1 << 14, 32767, 1)):
        beats = [gamma] * lanes + [beta] * lanes
        pad = words_of(config, {0: [0] * columns, 96: beats * (columns // lanes)})
        pad.reshape(2, -1)[:, 32 * config.word_codes] = 0x7F  # one code, the largest there is
        assert SpecialEngine(config).execute(one, pad).tolist() == [1 + beyond] * 2


def test_codes_probabilities_and_pointwise_functions_count_nothing() -> None:
    config = MACHINES["adaptivfloat"]
    ends = [-32768, 32767] * 4
    for opcode in (Opcode.SOFTMAX, Opcode.GELU, Opcode.TANH):
        for kind in (ResultKind.CODES, ResultKind.WIDE):
            given = {"rows": 1, "columns": 8, "kind": kind, "exponent": 100}
            places = {"a_address": 0, "a_stride": 8, "o_address": 64, "o_stride": 8}
            one = resolved(Instruction(opcode, given | places), config)
            assert not SpecialEngine(config).execute(one, words_of(config, {0: ends})).any()
