"""INT<n> quantisation and requantisation against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from alembert.config import IntegerFormat, Rounding
from alembert_golden.fixed import rounding_shift_right
from alembert_golden.integer import absmax_scale, dequantise, quantise, requantise_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

INT8 = IntegerFormat()
FORMATS = [IntegerFormat(width=width) for width in range(4, 9)]
exact = settings(max_examples=200)
finite = st.floats(allow_nan=False, allow_infinity=False)


@exact
@given(st.lists(finite, max_size=8), st.sampled_from(FORMATS))
def test_round_trip_is_within_half_a_step(values: list[float], fmt: IntegerFormat) -> None:
    scale = absmax_scale(values, fmt)
    codes = quantise(values, scale, fmt)
    assert (np.abs(codes) <= fmt.max_value).all()
    np.testing.assert_array_equal(quantise(np.negative(values), scale, fmt), -codes)
    step = Fraction(float(scale))
    for value, code in zip(values, codes.tolist()):
        # half a step, and float64's rounding of the scale and of the quotient
        assert abs(Fraction(value) - code * step) <= step * (Fraction(1, 2) + Fraction(1, 1 << 44))
    largest = max(map(abs, values), default=0.0)
    if largest > 2.0**-1000:
        assert np.abs(codes).max() == fmt.max_value


@exact
@given(finite, st.floats(min_value=1e-300, max_value=1e300))
def test_codes_are_the_nearest(value: float, scale: float) -> None:
    quotient = Fraction(value) / Fraction(scale)
    limit = INT8.max_value
    wanted = min(max(round(quotient), -limit), limit)
    got = int(quantise(value, scale, INT8))
    tie = abs(abs(quotient - int(quotient)) - Fraction(1, 2))
    assert got == wanted or (abs(got - wanted) == 1 and tie < Fraction(1, 1 << 44))


def test_ties_go_to_even_and_limits_saturate() -> None:
    values = [0.5, 1.5, 2.5, -0.5, -1.5, 126.5, 127.5, 1e308, -1e308, np.inf, -np.inf]
    wanted = [0, 2, 2, 0, -2, 126, 127, 127, -127, 127, -127]
    assert quantise(values, 1.0, INT8).tolist() == wanted
    assert quantise([1e308], 1e-300, INT8).tolist() == [127]


def test_scales_per_tensor_token_and_channel() -> None:
    values = np.array([[1.0, -8.0, 0.0], [0.5, 2.0, 0.0]])
    assert absmax_scale(values, INT8) == 8 / 127
    np.testing.assert_array_equal(absmax_scale(values, INT8, -1), [[8 / 127], [2 / 127]])
    np.testing.assert_array_equal(absmax_scale(values, INT8, 0), [[1 / 127, 8 / 127, 1 / 127]])
    assert absmax_scale(values, INT8, (0, 1)).shape == (1, 1)
    assert absmax_scale(values, IntegerFormat(width=4)) == 8 / 7
    per_channel = absmax_scale(values, INT8, 0)
    codes = quantise(values, per_channel, INT8)
    assert codes.tolist() == [[127, -127, 0], [64, 32, 0]]
    np.testing.assert_array_equal(dequantise(codes, per_channel), codes * per_channel)


def test_zero_empty_infinite_and_tiny_tensors() -> None:
    assert absmax_scale([0.0, -0.0], INT8) == 1 / 127
    assert absmax_scale([], INT8) == 1 / 127
    assert absmax_scale(np.zeros((0, 3)), INT8, 0).tolist() == [[1 / 127] * 3]
    assert absmax_scale([np.inf, 2.0], INT8) == 2 / 127
    assert absmax_scale([np.inf], INT8) == 1 / 127
    assert absmax_scale([5e-324], INT8) == 2.0**-1022
    assert absmax_scale([1.7e308], INT8) == 1.7e308 / 127
    assert quantise([0.0, -0.0], 1 / 127, INT8).tolist() == [0, 0]


def test_bad_tensors_and_scales_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^tensor holds NaN at \[0, 1\]$"):
        absmax_scale([[0.0, np.nan]], INT8)
    with pytest.raises(ValueError, match=r"^tensor holds NaN at \[1\]$"):
        quantise([0.0, np.nan], 1.0, INT8)
    for scale in ("0.0", "-1.0", "inf", "nan"):
        with pytest.raises(ValueError, match=f"^scale must be positive and finite, not {scale}$"):
            quantise([1.0], [2.0, float(scale)], INT8)
        with pytest.raises(ValueError, match=f"^scale must be positive and finite, not {scale}$"):
            dequantise([1], float(scale))


def _check(real: float) -> None:
    multiplier, shift = (int(part) for part in requantise_parameters(real))
    assert 0 <= multiplier < 1 << 32
    assert 0 <= shift <= 63
    assert multiplier >> 31 == 1 or shift == 63
    error = abs(Fraction(multiplier, 1 << shift) - Fraction(real))
    assert error <= Fraction(1, 2 << shift)  # nearest at this shift ...
    if multiplier >> 31:
        assert error <= Fraction(real) / (1 << 32)  # ... hence 2^-32 relative


@exact
@given(st.floats(min_value=0, max_value=2**32 - 1, exclude_min=True))
def test_requantise_parameters_are_nearest(real: float) -> None:
    _check(real)


def test_requantise_parameters_at_the_corners() -> None:
    for exponent in range(-70, 32):
        for real in (2.0**exponent, np.nextafter(2.0**exponent, 0), 2.0**exponent * (1 + 2.0**-31)):
            _check(float(real))
    # a mantissa that rounds up to the next power of two
    assert [int(p) for p in requantise_parameters(1 - 2.0**-40)] == [1 << 31, 31]
    assert [int(p) for p in requantise_parameters(1.0)] == [1 << 31, 31]
    assert [int(p) for p in requantise_parameters(2.0**32 - 1)] == [(1 << 32) - 1, 0]
    assert [int(p) for p in requantise_parameters(2.0**-32)] == [1 << 31, 63]
    assert [int(p) for p in requantise_parameters(2.0**-33)] == [1 << 30, 63]
    assert [int(p) for p in requantise_parameters(2.0**-80)] == [0, 63]


def test_requantise_parameters_are_vectorised() -> None:
    reals = np.array([[0.001, 0.5], [3.0, 1e-15]])
    multiplier, shift = requantise_parameters(reals)
    assert (multiplier.dtype, shift.dtype) == (np.uint32, np.uint8)
    for index in np.ndindex(2, 2):
        one = requantise_parameters(reals[index])
        assert (multiplier[index], shift[index]) == (one[0], one[1])


@pytest.mark.parametrize("real", ["0.0", "-1.0", "4294967296.0", "inf", "nan"])
def test_real_multipliers_out_of_range_are_refused(real: str) -> None:
    message = f"real multiplier must be above 0 and at most 4294967295, not {real}"
    with pytest.raises(ValueError, match=f"^{message}$"):
        requantise_parameters([1.0, float(real)])


def test_requantised_products_equal_the_real_ones() -> None:
    """Accumulators of an INT8 product, requantised in integers, against float64."""
    rng = np.random.default_rng(3)
    activations, weights = rng.normal(size=(16, 64)), rng.normal(size=(64, 8))
    a_scale, w_scale = absmax_scale(activations, INT8), absmax_scale(weights, INT8, 0)
    sums = quantise(activations, a_scale, INT8) @ quantise(weights, w_scale, INT8)
    real = sums * a_scale * w_scale
    out_scale = absmax_scale(real, INT8)
    multiplier, shift = requantise_parameters(a_scale * w_scale / out_scale)
    codes = rounding_shift_right(sums * multiplier.astype(np.int64), shift, Rounding.HALF_EVEN)
    np.testing.assert_array_equal(codes, quantise(real, out_scale, INT8))
