"""AdaptivFloat codes by way of float64's bits: every value of 17 bits, and all that is close to a
boundary, against a table of all codes' values."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from adaptivfloat.oracle import FORMATS, boundaries, nearest_code
from alembert.config import AdaptivFloatFormat
from alembert_golden.adaptivfloat import encode_fixed, encode_relative


def _steps(fmt: AdaptivFloatFormat):
    """Boundaries, the codes at them, and those between: −∞, boundary, …, ∞ of magnitudes."""
    edges = boundaries(fmt)
    between = [Fraction(0), *((low + high) / 2 for low, high in pairwise(edges)), 2 * edges[-1]]
    at = np.array([nearest_code(edge, fmt) for edge in edges])
    return (
        np.array([float(edge) for edge in edges]),
        at,
        np.array([nearest_code(middle, fmt) for middle in between]),
    )


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_every_value(fmt: AdaptivFloatFormat) -> None:
    edges, at, between = _steps(fmt)
    values = np.arange(-(1 << 17), 1 << 17)
    sign = np.where(values < 0, 1 << (fmt.width - 1), 0)
    for exponent in range(-20, 9):
        x = np.abs(values) * 2.0**exponent
        place = np.searchsorted(edges, x)
        is_edge = edges[np.minimum(place, len(edges) - 1)] == x
        code = np.where(is_edge, at[np.minimum(place, len(edges) - 1)], between[place])
        expected = np.where(code > 0, code + sign, 0)
        np.testing.assert_array_equal(encode_fixed(values, exponent, fmt), expected)


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_next_to_boundaries(fmt: AdaptivFloatFormat) -> None:
    """Wider values than float64 holds, a last bit beside every boundary."""
    for edge in boundaries(fmt):
        for bits in (40, 53, 54, 57):
            scaled = edge * 2**bits
            for step in (-1, 0, 1):
                value = int(scaled) + step
                if abs(value) >= 1 << 61 or scaled.denominator > 1:
                    continue
                expected = nearest_code(Fraction(value, 2**bits), fmt)
                assert encode_fixed(value, -bits, fmt) == expected
                assert encode_fixed(-value, -bits, fmt) == nearest_code(
                    Fraction(-value, 2**bits), fmt
                )


def test_what_floats_hold_besides() -> None:
    fmt = AdaptivFloatFormat()
    values = [0.0, -0.0, np.inf, -np.inf, 5e-324, -1.7e308, 0.53125, 0.5312]
    codes = encode_relative(values, fmt)
    assert codes.tolist() == [0, 0, 127, 255, 0, 255, 1, 0]
    assert encode_relative(np.zeros((3, 0, 2)), fmt).shape == (3, 0, 2)
    assert encode_fixed(5, [-1, 0], fmt).tolist() == [20, 36]
    # every other one, and columns: strides do not matter
    x = np.arange(40.0).reshape(5, 8)
    np.testing.assert_array_equal(
        encode_relative(x[::2, ::3], fmt), encode_relative(x, fmt)[::2, ::3]
    )
    np.testing.assert_array_equal(encode_relative(x.T, fmt), encode_relative(x, fmt).T)


def test_more_values_than_a_block() -> None:
    fmt = AdaptivFloatFormat()
    values = np.random.default_rng(1).integers(-5000, 5000, (3, 40_000))
    rows = [encode_fixed(row[:100], -5, fmt) for row in values]
    np.testing.assert_array_equal(encode_fixed(values, -5, fmt)[:, :100], rows)
