"""FP16 and BF16: every code, every midpoint and its neighbours, against numpy and ml_dtypes."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from alembert_compression.narrow_floats import (
    BF16,
    FP16,
    Beyond,
    NarrowFloat,
    decode_float,
    encode_float,
    round_float,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

ORACLES: list[tuple[NarrowFloat, Any]] = [(FP16, np.float16), (BF16, ml_dtypes.bfloat16)]
both = pytest.mark.parametrize(("fmt", "dtype"), ORACLES, ids=["fp16", "bf16"])
SMALL = NarrowFloat(exponent_width=4, mantissa_width=3), ml_dtypes.float8_e4m3


def patterns(values: np.ndarray, dtype: Any) -> np.ndarray:
    """The oracle's codes; numpy warns of what overflows."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32).astype(dtype).view(np.uint16)


@both
def test_every_code(fmt: NarrowFloat, dtype: Any) -> None:
    codes = np.arange(1 << 16, dtype=np.uint16)
    values = decode_float(codes, fmt)
    with np.errstate(invalid="ignore"):  # signalling NaN
        expected = codes.view(dtype).astype(np.float64)
    np.testing.assert_array_equal(values, expected)
    is_number = ~np.isnan(values)
    np.testing.assert_array_equal(np.signbit(values[is_number]), codes[is_number] >> 15 == 1)
    back = encode_float(values[is_number], fmt)
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, codes[is_number])
    np.testing.assert_array_equal(round_float(values[is_number], fmt), values[is_number])


@both
def test_every_midpoint(fmt: NarrowFloat, dtype: Any) -> None:
    """Ties to even, what lies a last place of float32 beside them to the nearer one."""
    positive = decode_float(np.arange(fmt.infinity), fmt)
    beyond = 2 * positive[-1] - positive[-2]  # what would follow the largest
    middle = ((positive + np.append(positive[1:], beyond)) / 2).astype(np.float32)
    zero, endless = np.float32(0), np.float32(np.inf)
    for values in (middle, np.nextafter(middle, zero), np.nextafter(middle, endless)):
        for signed in (values, -values):
            expected = patterns(signed, dtype)
            np.testing.assert_array_equal(encode_float(signed, fmt), expected)
            np.testing.assert_array_equal(
                round_float(signed, fmt), expected.view(dtype).astype(np.float64)
            )


@both
def test_saturation(fmt: NarrowFloat, dtype: Any) -> None:
    largest = float(ml_dtypes.finfo(dtype).max)
    assert fmt.largest == largest
    half = largest + (largest - decode_float(fmt.infinity - 2, fmt)) / 2
    values = np.array([half, np.nextafter(half, 0), 1e300, np.inf, 1.0])
    values = np.concatenate([values, -values])
    infinite, saturated = round_float(values, fmt), round_float(values, fmt, Beyond.SATURATE)
    np.testing.assert_array_equal(infinite[:5], [np.inf, largest, np.inf, np.inf, 1])
    np.testing.assert_array_equal(saturated[:5], [largest] * 4 + [1])
    np.testing.assert_array_equal(infinite[5:], -infinite[:5])
    np.testing.assert_array_equal(saturated[5:], -saturated[:5])
    codes = encode_float(values, fmt, Beyond.SATURATE)
    assert codes[0] == fmt.infinity - 1
    np.testing.assert_array_equal(decode_float(codes, fmt), saturated)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(arrays(np.float64, (20,), elements=st.floats(allow_nan=False)))
def test_float64_is_rounded_once(values: np.ndarray) -> None:
    """Not by way of float32, whose ties are others; numpy rounds to float16 directly, too."""
    with np.errstate(over="ignore"):
        expected = values.astype(np.float16)
    np.testing.assert_array_equal(encode_float(values, FP16), expected.view(np.uint16))
    tie = np.array([1 + 2.0**-8 + 2.0**-40])  # above BF16's tie, on it in float32
    assert encode_float(tie, BF16)[0] == 0x3F81


def test_other_widths() -> None:
    fmt, dtype = SMALL
    codes = np.arange(256, dtype=np.uint8)
    values = decode_float(codes, fmt)
    np.testing.assert_array_equal(values, codes.view(dtype).astype(np.float64))
    grid = np.linspace(-300, 300, 4001, dtype=np.float32)
    expected = grid.astype(dtype).view(np.uint8)
    np.testing.assert_array_equal(encode_float(grid, fmt), expected)


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        (round_float, ([0.0, np.nan], FP16), "tensor holds NaN at [1]"),
        (encode_float, (np.nan, BF16), "tensor holds NaN at []"),
        (encode_float, (["x"], BF16), "tensor must hold real numbers, not <U1"),
        (decode_float, ([1.0], FP16), "codes must be ints, not float64"),
        (decode_float, ([1, -1], FP16), "codes must be between 0 and 65535, not -1"),
        (decode_float, (1 << 16, BF16), "codes must be between 0 and 65535, not 65536"),
    ],
)
def test_refusals(function: Any, arguments: Any, expected: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        function(*arguments)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("exponent", "mantissa", "expected"),
    [
        (9, 4, "exponent width must be between 2 and 8, not 9"),
        (5, 0, "mantissa width must be between 1 and 10, not 0"),
        (8, 8, "a narrow float must have at most 16 bits, not 17"),
        (5.0, 8, "exponent width must be an int, not 5.0"),
    ],
)
def test_formats_that_are_none(exponent: Any, mantissa: int, expected: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        NarrowFloat(exponent_width=exponent, mantissa_width=mantissa)
    assert str(caught.value) == expected
