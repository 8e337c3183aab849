"""What the golden machine computes quickly equals its definition."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from adaptivfloat.oracle import nearest_code
from alembert.config import AdaptivFloatFormat, IntegerFormat, VmacArrayConfig, VmacConfig
from alembert.config.layernorm import LayerNormConfig
from alembert.config.machine import SpecialFunctionConfig
from alembert_golden.gelu import gelu
from alembert_golden.layernorm import layernorm
from alembert_golden.matrix_unit import matmul
from alembert_golden.postprocess import ChannelParameters
from alembert_golden.quick_product import QuickProduct
from alembert_golden.quick_special import (
    code_table,
    encode_special,
    gelu_table,
    quick_layernorm,
    quick_softmax,
    tanh_table,
)
from alembert_golden.softmax import softmax
from alembert_golden.tanh import tanh
from machine.golden_layers import any_parameters, any_weights
from support.formats import PAIRS

PRODUCTS = {name: PAIRS[name] for name in ("adaptivfloat8_3", "adaptivfloat8_4", "int8", "ternary")}


@pytest.mark.parametrize("depth", [3, 1100])
@pytest.mark.parametrize("name", PRODUCTS)
def test_quick_products_equal_their_definition(name: str, depth: int) -> None:
    """Also where float32, or float64, does not hold the sums; and many ties."""
    rng = np.random.default_rng(depth)
    array = VmacArrayConfig(vmac=VmacConfig(pair=PRODUCTS[name], max_depth=65535))
    pair = array.vmac.pair
    for wide in (False, True, rng.random(40) < 0.5):
        for _ in range(3):
            a = rng.integers(0, 256, (50, depth), dtype=np.uint8)
            signed = a if isinstance(pair.activation, AdaptivFloatFormat) else a.view(np.int8)
            weights = any_weights(rng, pair.weight, depth, 40)
            parameters = any_parameters(rng, array, depth, 40, wide)
            expected = matmul(signed.astype(np.int64), weights, parameters, array)
            width = np.where(parameters.wide, 16, 8)
            found = QuickProduct.of_layer(weights, parameters, array)(a[np.newaxis], None)[0]
            np.testing.assert_array_equal(
                found.astype(np.int64) & 0xFFFF & ((1 << width) - 1), expected & ((1 << width) - 1)
            )
            if found.dtype == np.int16:  # a code among wide numbers has zeros above it
                assert not (found[:, ~parameters.wide] >> 8).any()


def biases_alone(array: VmacArrayConfig, parameters: ChannelParameters) -> list[int]:
    """Results of channels whose sums are 0."""
    product = QuickProduct.of_layer(np.zeros((1, len(parameters.bias)), int), parameters, array)
    return product(np.zeros((1, 1, 1), np.uint8), None)[0, 0].tolist()


def test_products_next_to_a_tie() -> None:
    """t · multiplier = (k + ½) · 2^44 ± 1, which float64 takes for a tie."""
    array = VmacArrayConfig(vmac=VmacConfig(pair=PAIRS["int8"], max_depth=65535))
    modulus, found = 1 << 44, []
    for t in range((1 << 26) + 1, (1 << 26) + 200_001, 2):
        for step in (-1, 1):
            multiplier = (modulus // 2 + step) * pow(t, -1, modulus) % modulus
            if multiplier < 1 << 32:
                found.append((t, multiplier))
    assert len(found) > 20
    bias, multipliers = zip(*found)
    parameters = ChannelParameters.of(
        len(found), bias=bias, multiplier=multipliers, shift=44, wide=True
    )
    exact = [round(Fraction(t * multiplier, modulus)) for t, multiplier in found]
    assert exact != [round(t * multiplier * 2.0**-44) for t, multiplier in found]
    assert biases_alone(array, parameters) == exact


def test_sums_that_narrower_floats_do_not_hold() -> None:
    """An odd sum above 2^24; a bias above 2^53 beside a tie."""
    array = VmacArrayConfig(vmac=VmacConfig(pair=PAIRS["int8"], max_depth=65535))
    depth = 1101
    parameters = ChannelParameters.of(1, bias=-depth * 127 * 127, wide=True)
    product = QuickProduct.of_layer(np.full((depth, 1), 127), parameters, array)
    assert product(np.full((1, 1, depth), 127, np.uint8), None).tolist() == [[[0]]]

    array = VmacArrayConfig(vmac=VmacConfig(pair=PAIRS["adaptivfloat8_4"], max_depth=65535))
    tie = (1 << 53) + (1 << 49)
    bias = [tie - 1, tie, tie + 1, -tie - 1]
    parameters = ChannelParameters.of(4, bias=bias, exponent=-50)
    assert biases_alone(array, parameters) == [24, 24, 25, 128 + 25]


@pytest.mark.parametrize("fmt", [AdaptivFloatFormat(), IntegerFormat()])
def test_codes_of_special_functions(fmt) -> None:
    """Every value of 16 bits, and one more, at exponents around both ends and beyond."""
    values = np.arange(-(1 << 15), (1 << 15) + 1)
    for exponent in (-600, -512, -64, -63, -62, -20, -9, -8, -1, 0, 1, 7, 511, 600):
        table = code_table(exponent, fmt)
        found = encode_special(values, exponent, fmt)
        np.testing.assert_array_equal(table.take(values, mode="wrap"), found)
        some = np.r_[0:200, 32700:32800, 65400:65537, 200:65400:97]
        for place in some:
            value = int(values[place])
            if isinstance(fmt, AdaptivFloatFormat):
                scaled = value * Fraction(2) ** min(max(exponent, -512), 511)
                assert found[place] == nearest_code(scaled, fmt)
            else:
                scaled = round(value * Fraction(2) ** min(max(exponent, -63), 0))
                assert found[place] == min(max(scaled, -127), 127) & 0xFF


def test_gelu_of_every_value() -> None:
    config = SpecialFunctionConfig().gelu
    values = np.arange(-(1 << 15), 1 << 15)
    found = gelu_table(config).take(values.astype(np.int16).view(np.uint16))
    np.testing.assert_array_equal(found, gelu(values, config))


def test_tanh_of_every_value() -> None:
    config = SpecialFunctionConfig().tanh
    values = np.arange(-(1 << 15), 1 << 15)
    found = tanh_table(config).take(values.astype(np.int16).view(np.uint16))
    np.testing.assert_array_equal(found, tanh(values, config))


@pytest.mark.parametrize("longest_row", [2, 64, 1024])
def test_quick_softmax_equals_its_definition(longest_row: int) -> None:
    config = SpecialFunctionConfig(longest_row=longest_row).softmax
    rng = np.random.default_rng(longest_row)
    for columns in {1, 2, longest_row // 2, longest_row}:
        for spread in (1, 300, 5000, 32767):
            scores = rng.integers(-spread - 1, spread + 1, (40, columns)).astype(np.int16)
            scores[0, :], scores[1, :] = -32768, 32767
            scores[2, 0] = 32767
            np.testing.assert_array_equal(quick_softmax(scores, config), softmax(scores, config))
            keep = rng.random(scores.shape) < 0.4
            keep[3] = False
            np.testing.assert_array_equal(
                quick_softmax(scores, config, keep), softmax(scores, config, keep=keep)
            )


@pytest.mark.parametrize("max_length", [2, 100, 1024])
def test_quick_layernorm_equals_its_definition(max_length: int) -> None:
    config = LayerNormConfig(max_length=max_length)
    rng = np.random.default_rng(max_length)
    half = 1 << (config.width - 1)
    for columns in {1, 2, max_length // 3 + 1, max_length}:
        for spread in (0, 1, 200, half - 1):
            values = rng.integers(-spread - 1, spread + 1, (60, columns))
            values[0], values[1] = half - 1, -half
            values[2] = np.where(np.arange(columns) % 2, half - 1, -half)
            values[3], values[3, 0] = 0, half - 1
            gamma, beta = rng.integers(-(1 << 15), 1 << 15, (2, columns))
            for epsilon in (0, 1, (1 << 32) - 1):
                np.testing.assert_array_equal(
                    quick_layernorm(values.astype(np.float64), gamma, beta, epsilon, config),
                    layernorm(values, gamma, beta, epsilon, config),
                )
