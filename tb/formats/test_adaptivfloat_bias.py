"""Golden exponent bias: of real tensors and of fixed-point ones, against exact comparisons."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from adaptivfloat.oracle import FORMATS, magnitudes
from alembert.config import AdaptivFloatFormat
from alembert_golden import adaptivfloat
from hypothesis import given, settings
from hypothesis import strategies as st

formats = pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.slug)
AF8 = AdaptivFloatFormat()


def _floor_log2(x: Fraction) -> int:
    """By search: the largest k with 2^k ≤ x."""
    k = 0
    while Fraction(2) ** k > x:
        k -= 1
    while Fraction(2) ** (k + 1) <= x:
        k += 1
    return k


@formats
@pytest.mark.parametrize("power", [-100, -3, 0, 1, 100])
def test_bias_changes_at_powers_of_two(fmt: AdaptivFloatFormat, power: int) -> None:
    x = 2.0**power
    for largest in (x, np.nextafter(x, 0), np.nextafter(x, np.inf), 1.5 * x, -x):
        bias = adaptivfloat.bias_of_tensor([0.0, x / 64, largest], fmt)
        assert bias == _floor_log2(abs(Fraction(float(largest)))) - 2**fmt.exponent_width + 1
        v_max = magnitudes(fmt)[-1] * Fraction(2) ** bias
        assert v_max / 2 < abs(Fraction(float(largest))) * 2 and abs(largest) < v_max * 2


@formats
def test_all_zero_tensor_has_the_bias_of_one(fmt: AdaptivFloatFormat) -> None:
    assert adaptivfloat.bias_of_tensor(np.zeros(5), fmt) == fmt.zero_bias
    assert adaptivfloat.bias_of_tensor([0.0, -0.0], fmt) == fmt.zero_bias
    assert adaptivfloat.bias_of_tensor([1.0], fmt) == fmt.zero_bias
    assert adaptivfloat.bias_of_fixed(np.zeros(5, dtype=int), 77, fmt) == fmt.zero_bias


def test_infinities_take_no_part() -> None:
    assert adaptivfloat.bias_of_tensor([np.inf, -3.0, -np.inf], AF8) == 1 - 7
    assert adaptivfloat.bias_of_tensor([np.inf], AF8) == AF8.zero_bias


@pytest.mark.parametrize(("largest", "bias"), [(5e-324, -1081), (2.0**-122, -129), (2.0**135, 128)])
def test_bias_beyond_the_register_is_refused(largest: float, bias: int) -> None:
    message = (
        f"exponent bias of the tensor must be between -128 and 127, not {bias} "
        f"(its largest magnitude is {largest!r})"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        adaptivfloat.bias_of_tensor([0.0, -largest], AF8)


@pytest.mark.parametrize(("largest", "bias"), [(2.0**-121, -128), (2.0**134, 127)])
def test_bias_at_the_register_s_ends(largest: float, bias: int) -> None:
    assert adaptivfloat.bias_of_tensor([largest], AF8) == bias


@settings(max_examples=200)
@given(
    st.lists(st.integers(-(2**52), 2**52), min_size=1, max_size=5),
    st.integers(-60, 60),
    st.sampled_from(FORMATS),
)
def test_fixed_point_bias_is_the_real_tensor_s(
    values: list[int], lsb_exponent: int, fmt: AdaptivFloatFormat
) -> None:
    real = np.ldexp(np.array(values, dtype=np.float64), lsb_exponent)
    got = adaptivfloat.bias_of_fixed(values, lsb_exponent, fmt)
    assert got == adaptivfloat.bias_of_tensor(real, fmt)


def test_fixed_point_bias_saturates_to_the_register() -> None:
    assert adaptivfloat.bias_of_fixed([1], -122, AF8) == -128
    assert adaptivfloat.bias_of_fixed([1], -512, AF8) == -128
    assert adaptivfloat.bias_of_fixed([1], 134, AF8) == 127
    assert adaptivfloat.bias_of_fixed([-1], 511, AF8) == 127


@pytest.mark.parametrize("width", [2, 8, 12, 62, 64])
def test_most_negative_value_counts_in_full(width: int) -> None:
    most_negative = -(1 << (width - 1))
    assert adaptivfloat.bias_of_fixed([most_negative, 1], 0, AF8) == width - 1 - 7
    assert adaptivfloat.bias_of_fixed([most_negative + 1, 1], 0, AF8) == max(width - 2, 0) - 7
