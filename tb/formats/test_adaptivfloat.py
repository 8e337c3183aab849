"""Golden AdaptivFloat codes against a table of exact fractions, every format there is."""

from __future__ import annotations

import re
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from adaptivfloat.oracle import FORMATS, boundaries, magnitudes, nearest_code, value_of
from alembert.config import AdaptivFloatFormat
from alembert_golden import adaptivfloat
from hypothesis import given, settings
from hypothesis import strategies as st

formats = pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.slug)
AF8 = AdaptivFloatFormat()


def _nearest(values: np.ndarray, bias: int, fmt: AdaptivFloatFormat) -> list[int]:
    unit = Fraction(2) ** bias
    return [nearest_code(Fraction(float(v)) / unit, fmt) for v in values]


@formats
@pytest.mark.parametrize("bias", [0, -11, 120])
def test_decode_is_the_definition(fmt: AdaptivFloatFormat, bias: int) -> None:
    codes = np.arange(1 << fmt.width)
    got = adaptivfloat.decode(codes, bias, fmt)
    assert [Fraction(float(v)) for v in got] == [
        value_of(code, fmt) * Fraction(2) ** bias for code in range(1 << fmt.width)
    ]
    assert not np.signbit(got[got == 0]).any()
    integers = adaptivfloat.significand(codes, fmt)
    unit = Fraction(1, 1 << fmt.mantissa_width)
    assert [int(i) * unit for i in integers] == [value_of(int(c), fmt) for c in codes]
    assert np.abs(integers).max() == fmt.max_magnitude


@pytest.mark.parametrize("code", [-1, 256])
def test_codes_out_of_range_are_refused(code: int) -> None:
    with pytest.raises(
        ValueError, match=f"^{re.escape('AdaptivFloat<8,3> codes must be between 0 and 255')}$"
    ):
        adaptivfloat.significand([0, code], AF8)


@formats
@pytest.mark.parametrize("bias", [0, -9])
def test_encode_at_every_boundary_and_one_ulp_aside(fmt: AdaptivFloatFormat, bias: int) -> None:
    exact = np.ldexp(np.array([float(x) for x in boundaries(fmt)]), bias)
    around = np.concatenate([exact, np.nextafter(exact, 0), np.nextafter(exact, np.inf)])
    values = np.concatenate([around, -around, [0.0, -0.0, 5e-324, -5e-324, 1e300, -1e300]])
    assert adaptivfloat.encode(values, bias, fmt).tolist() == _nearest(values, bias, fmt)


@formats
def test_encode_random(fmt: AdaptivFloatFormat) -> None:
    rng = np.random.default_rng(20)
    values = rng.normal(size=1000) * np.exp2(rng.uniform(-4, fmt.max_exponent + 1, 1000))
    assert adaptivfloat.encode(values, 0, fmt).tolist() == _nearest(values, 0, fmt)


@formats
def test_encode_fixed_is_exhaustive_at_a_small_width(fmt: AdaptivFloatFormat) -> None:
    exponents = np.arange(-10, fmt.max_exponent + 3)
    values, exponent = np.meshgrid(np.arange(-64, 65), exponents)
    want = [
        nearest_code(int(v) * Fraction(2) ** int(x), fmt)
        for v, x in zip(values.ravel(), exponent.ravel())
    ]
    got = adaptivfloat.encode_fixed(values, exponent, fmt)
    assert got.shape == values.shape
    assert got.ravel().tolist() == want


@settings(max_examples=400)
@given(
    st.integers(-(2**61), 2**61),
    st.integers(0, 61),
    st.integers(-70, 20) | st.integers(-4096, 4096),
    st.sampled_from(FORMATS),
)
def test_encode_fixed_over_the_whole_range(
    value: int, shift: int, exponent: int, fmt: AdaptivFloatFormat
) -> None:
    value >>= shift
    got = adaptivfloat.encode_fixed(value, exponent, fmt)
    assert int(got) == nearest_code(value * Fraction(2) ** exponent, fmt)


@pytest.mark.parametrize("value", [2**61 + 1, -(2**61) - 1, -(2**63)])
def test_fixed_point_values_out_of_range_are_refused(value: int) -> None:
    with pytest.raises(
        ValueError,
        match=rf"^values must be between −2\^61 and 2\^61, not {min(value, 1)}…{max(value, 1)}$",
    ):
        adaptivfloat.encode_fixed([1, value], 0, AF8)


@formats
def test_decode_then_encode_gives_the_code_back(fmt: AdaptivFloatFormat) -> None:
    codes = np.arange(1 << fmt.width)
    again = adaptivfloat.encode(adaptivfloat.decode(codes, -3, fmt), -3, fmt)
    minus_zero = 1 << (fmt.width - 1)
    assert again.tolist() == [0 if code == minus_zero else code for code in codes]
    integers = adaptivfloat.significand(codes, fmt)
    assert adaptivfloat.encode_fixed(integers, -fmt.mantissa_width, fmt).tolist() == again.tolist()


@formats
def test_v_min_rule(fmt: AdaptivFloatFormat) -> None:
    v_min = float(magnitudes(fmt)[0])
    half = v_min / 2
    values = np.array([half, np.nextafter(half, 0), np.nextafter(v_min, 0), v_min])
    minus = 1 << (fmt.width - 1)
    assert adaptivfloat.encode(values, 0, fmt).tolist() == [1, 0, 1, 1]
    assert adaptivfloat.encode(-values, 0, fmt).tolist() == [minus | 1, 0, minus | 1, minus | 1]


@formats
def test_infinities_saturate(fmt: AdaptivFloatFormat) -> None:
    largest = (1 << (fmt.width - 1)) - 1
    got = adaptivfloat.encode([np.inf, -np.inf], 5, fmt)
    assert got.tolist() == [largest, largest | 1 << (fmt.width - 1)]


def test_nan_is_refused() -> None:
    tensor = np.zeros((2, 3))
    tensor[1, 2] = np.nan
    for refuses in (
        lambda: adaptivfloat.encode(tensor, 0, AF8),
        lambda: adaptivfloat.bias_of_tensor(tensor, AF8),
    ):
        with pytest.raises(ValueError, match=r"^tensor holds NaN at \[1, 2\]$"):
            refuses()


def test_empty_tensors() -> None:
    assert adaptivfloat.encode([], 0, AF8).shape == (0,)
    assert adaptivfloat.decode([], 0, AF8).shape == (0,)
    assert adaptivfloat.bias_of_tensor([], AF8) == AF8.zero_bias
    assert adaptivfloat.bias_of_fixed([], 0, AF8) == AF8.zero_bias


@pytest.mark.parametrize(
    ("dtype", "fmt"),
    [
        (ml_dtypes.float8_e3m4, AF8),
        (ml_dtypes.float8_e4m3fn, AdaptivFloatFormat(exponent_width=4)),
    ],
    ids=["e3m4", "e4m3fn"],
)
def test_normal_numbers_round_as_ml_dtypes_rounds_them(dtype, fmt: AdaptivFloatFormat) -> None:
    """With its smallest normal exponent for a bias, an 8-bit float has the same grid."""
    info = ml_dtypes.finfo(dtype)
    bias = int(np.log2(float(info.smallest_normal)))
    lowest, highest = float(adaptivfloat.decode(1, bias, fmt)), float(info.max)
    rng = np.random.default_rng(21)
    values = np.exp2(rng.uniform(np.log2(lowest), np.log2(highest), 5000)).astype(np.float32)
    grid = adaptivfloat.decode(np.arange(1, 1 << (fmt.width - 1)), bias, fmt)
    middles = ((grid[:-1] + grid[1:]) / 2).astype(np.float32)
    values = np.concatenate([values, middles])
    values = values[(values >= lowest) & (values <= highest)]
    values = np.concatenate([values, -values])
    got = adaptivfloat.decode(adaptivfloat.encode(values, bias, fmt), bias, fmt)
    assert got.tolist() == values.astype(dtype).astype(np.float64).tolist()


# What the public EdgeBERT hardware gets wrong here, one test each; state that survives from one
# tensor into the next is a matter of the gateware: bench_bias_finder and bench_quantiser.


def test_saturation_keeps_the_sign() -> None:
    code = adaptivfloat.encode([-7.8, 7.8], -8, AF8)
    assert adaptivfloat.decode(code, -8, AF8).tolist() == [-0.96875, 0.96875]


def test_small_values_are_rounded_up_to_v_min_not_flushed() -> None:
    v_min = 1 + 1 / 16
    values = np.array([0.55, 0.9, 1.0, 1.02]) * v_min
    for signed_values in (values, -values):
        got = adaptivfloat.decode(adaptivfloat.encode(signed_values, 0, AF8), 0, AF8)
        assert got.tolist() == (np.sign(signed_values) * v_min).tolist()


def test_ties_go_to_even_not_up() -> None:
    ties = np.array([2 + 1 / 16, 2 + 3 / 16, -(2 + 1 / 16), -(2 + 3 / 16)])
    got = adaptivfloat.decode(adaptivfloat.encode(ties, 0, AF8), 0, AF8)
    assert got.tolist() == [2.0, 2.25, -2.0, -2.25]
