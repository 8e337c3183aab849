"""Codes by one look-up, and operands that are kept decoded: equal to what they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat, VmacArrayConfig, VmacConfig
from alembert_golden.adaptivfloat import decode, encode_relative
from alembert_golden.matrix_engine import _Operands
from alembert_golden.postprocess import ChannelParameters
from alembert_golden.quick_product import QuickProduct, quick_encode
from hypothesis import given, settings
from hypothesis import strategies as st
from support.formats import PAIRS

FORMATS = [
    AdaptivFloatFormat(),
    AdaptivFloatFormat(width=8, exponent_width=4),
    AdaptivFloatFormat(width=5, exponent_width=4),
    AdaptivFloatFormat(width=4, exponent_width=2),
    AdaptivFloatFormat(width=8, exponent_width=2),
]


def _neighbours(values: np.ndarray) -> np.ndarray:
    """Values, and the numbers of float64 next to them, of both signs."""
    near = [values, np.nextafter(values, np.inf), np.nextafter(values, -np.inf)]
    return np.concatenate([*near, *(-each for each in near)])


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_codes_around_every_value_and_tie(fmt: AdaptivFloatFormat) -> None:
    values = np.unique(decode(np.arange(1 << fmt.width), 0, fmt))
    values = values[values >= 0]
    middles = (values[1:] + values[:-1]) / 2
    tiny = np.array([5e-324, 1e-300, 2.0**-60, 0.25, 0.5, 1e300, np.inf])
    cases = _neighbours(np.concatenate([values, middles, tiny]))
    cases = np.concatenate([cases, [0.0, -0.0]])
    np.testing.assert_array_equal(quick_encode(cases, fmt), encode_relative(cases, fmt))


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_codes_of_random_numbers(fmt: AdaptivFloatFormat) -> None:
    """Any exponent; and sums of products, which have few bits and often tie."""
    rng = np.random.default_rng(fmt.width)
    bits = rng.integers(0, 1 << 64, 100_000, dtype=np.uint64)
    anything = bits.view(np.float64)
    sums = rng.integers(-(1 << 20), 1 << 20, 100_000) * 2.0 ** rng.integers(-20, 2, 100_000)
    for values in (anything[~np.isnan(anything)], sums, sums.reshape(100, 10, -1)[:, ::3]):
        np.testing.assert_array_equal(quick_encode(values, fmt), encode_relative(values, fmt))


@settings(max_examples=300)
@given(value=st.floats(allow_nan=False), fmt=st.sampled_from(FORMATS))
def test_codes_of_any_number(value: float, fmt: AdaptivFloatFormat) -> None:
    one = np.array([value])
    assert quick_encode(one, fmt).tolist() == encode_relative(one, fmt).tolist()


def test_operands_that_change_are_decoded_anew() -> None:
    """In the same place, of the same shape, by another block and for another kind of product."""
    rng = np.random.default_rng(3)
    products = [
        QuickProduct(ChannelParameters.of(2), depth, VmacArrayConfig(vmac=VmacConfig(pair=pair)))
        for pair in (PAIRS["adaptivfloat8_3"], PAIRS["int8"])
        for depth in (6, 1100)
    ]
    operands = _Operands()
    codes = rng.integers(0, 256, (4, 3, 12), dtype=np.uint8)[..., ::2]  # strided, as rows are
    for _ in range(2):
        for product in products:
            for _ in range(3):
                for some in (slice(0, 2), slice(2, 4), slice(0, 4)):
                    found = operands(product, codes[some], some.start)
                    assert found.dtype == product.left_kind[1]
                    np.testing.assert_array_equal(found, product.left(codes[some]))
                codes[rng.integers(4), rng.integers(3), rng.integers(6)] ^= 0x55
    same = operands(products[0], codes, 0)
    assert operands(products[0], codes.copy(), 0) is same
