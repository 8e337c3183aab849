"""Affine integers: against golden INT<n>, torch and the definition in exact fractions."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from alembert.config import IntegerFormat
from alembert_compression.granularity import (
    Granularity,
    Groups,
    PerChannel,
    PerGroup,
    PerTensor,
    PerToken,
)
from alembert_compression.quantised import Quantised
from alembert_compression.uniform import Codes, Uniform, quantise_uniform, scale_of_range
from alembert_golden import integer
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

GRIDS = [
    Uniform(width=width, codes=codes, symmetric=symmetric)
    for width in range(2, 9)
    for codes in Codes
    for symmetric in (True, False)
]
FINITE = arrays(
    np.float64, array_shapes(min_dims=1, max_dims=3, min_side=0), elements=st.floats(-1e3, 1e3)
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    values=arrays(
        np.float64,
        array_shapes(min_dims=2, max_dims=2, min_side=0),
        elements=st.floats(allow_nan=False),
    ),
    width=st.integers(4, 8),
)
def test_symmetric_narrow_codes_are_the_golden_models(values: np.ndarray, width: int) -> None:
    """Bit for bit, infinities, subnormals and empty tensors too."""
    fmt, grid = IntegerFormat(width=width), Uniform(width=width)
    assert (grid.min_code, grid.max_code) == (-fmt.max_value, fmt.max_value)
    cases: list[tuple[Granularity, int | None]] = [
        (PerTensor(), None),
        (PerToken(), -1),
        (PerChannel(axis=0), 1),
        (PerChannel(axis=-1), 0),
    ]
    for granularity, axis in cases:
        found = quantise_uniform(values, grid, granularity)
        scale = integer.absmax_scale(values, fmt, axis)
        np.testing.assert_array_equal(found.scale, scale)
        np.testing.assert_array_equal(found.codes, integer.quantise(values, scale, fmt))
        with np.errstate(over="ignore"):
            expected = integer.dequantise(found.codes, scale)
            np.testing.assert_array_equal(found.values, expected)
        assert not found.zero.any()


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_codes_are_torchs(grid: Uniform) -> None:
    """At powers of two, where both compute exactly, ties and saturation among them."""
    rng = np.random.default_rng(1)
    exponents = rng.integers(-3, 3, 6)
    steps = grid.max_code if grid.symmetric else grid.max_code - grid.min_code
    quarters = np.arange(-6 * steps, 6 * steps + 1)
    values = np.ldexp(quarters[:, np.newaxis] / 4, exponents)
    # ranges that give these scales
    low = np.zeros(6, dtype=np.int64)
    if not grid.symmetric:
        low = -rng.integers(0, steps + 1, 6)
    clip = np.ldexp(low, exponents), np.ldexp(low + steps, exponents)
    found = quantise_uniform(values, grid, PerChannel(axis=1), clip=(clip[0][None], clip[1][None]))
    np.testing.assert_array_equal(found.scale[0], np.ldexp(1.0, exponents))
    expected = torch.fake_quantize_per_channel_affine(
        torch.tensor(values, dtype=torch.float32),
        torch.tensor(found.scale[0], dtype=torch.float32),
        torch.tensor(found.zero[0], dtype=torch.int32),
        1,
        grid.min_code,
        grid.max_code,
    )
    np.testing.assert_array_equal(found.values, expected.numpy())
    assert set(found.codes.flat) == set(range(grid.min_code, grid.max_code + 1))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(values=FINITE, grid=st.sampled_from(GRIDS))
def test_the_definition_in_fractions(values: np.ndarray, grid: Uniform) -> None:
    found = quantise_uniform(values, grid)
    scale, zero = Fraction(float(found.scale)), int(found.zero)
    assert grid.min_code <= zero <= grid.max_code
    for value, code in zip(values.flat, found.codes.flat):
        assert grid.min_code <= code <= grid.max_code
        exact = Fraction(float(value)) / scale
        code = int(code) - zero
        if grid.min_code - zero <= exact <= grid.max_code - zero:
            assert abs(code - exact) <= Fraction(1, 2) + Fraction(1, 1 << 40)
        else:  # saturated; a zero point that is rounded leaves half a step at an end
            assert code == (grid.min_code if exact < 0 else grid.max_code) - zero
            is_negative = exact < 0 and grid.symmetric and grid.codes is Codes.UNSIGNED
            assert is_negative or abs(code - exact) <= Fraction(1, 2) + Fraction(1, 1 << 40)
    assert not quantise_uniform(values * 0, grid).values.any()  # 0 is 0 exactly


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    values=arrays(np.float64, (5, 7), elements=st.floats(-9, 9)),
    size=st.integers(1, 9),
    axis=st.sampled_from([0, 1, -1]),
)
def test_groups_are_tensors_of_their_own(values: np.ndarray, size: int, axis: int) -> None:
    grid = Uniform(width=4, codes=Codes.UNSIGNED, symmetric=False)
    found = quantise_uniform(values, grid, PerGroup(size=size, axis=axis))
    lines = values.T if axis == 0 else values
    codes, read = ((a.T if axis == 0 else a) for a in (found.codes, found.values))
    for line, own_codes, own in zip(lines, codes, read):
        for first in range(0, len(line), size):
            alone = quantise_uniform(line[first : first + size], grid)
            np.testing.assert_array_equal(own_codes[first : first + size], alone.codes)
            np.testing.assert_array_equal(own[first : first + size], alone.values)


def test_channels_of_more_axes() -> None:
    values = np.random.default_rng(2).normal(size=(3, 4, 5))
    grid = Uniform(codes=Codes.SIGNED, symmetric=False)
    for axis in (0, 1, -1):
        found = quantise_uniform(values, grid, PerChannel(axis=axis))
        moved = np.moveaxis(values, axis, 0)
        for own, expected in zip(np.moveaxis(found.values, axis, 0), moved):
            np.testing.assert_array_equal(own, quantise_uniform(expected, grid).values)
    one = quantise_uniform([-1.0, 2.0], grid, PerChannel(axis=0))
    np.testing.assert_array_equal(one.scale, np.array([1, 2]) / 255)


def test_ranges_to_grids() -> None:
    uint8 = Uniform(codes=Codes.UNSIGNED, symmetric=False)
    scale, zero = scale_of_range([-1.0, 2.0, 0.0, -4.0], [1.0, 4.0, 0.0, -2.0], uint8)
    np.testing.assert_array_equal(scale, np.array([2, 4, 1, 4]) / 255)
    np.testing.assert_array_equal(zero, [128, 0, 0, 255])  # 127.5 goes to even
    scale, zero = scale_of_range(-3.0, 2.0, Uniform(width=2))
    assert (scale.shape, float(scale), int(zero)) == ((), 3.0, 0)
    scale, _ = scale_of_range(-3.0, 2.0, Uniform(width=2, codes=Codes.UNSIGNED))
    assert float(scale) == 2 / 3
    clipped = quantise_uniform([-9.0, -1, 0.4, np.inf], Uniform(width=4), clip=(-7.0, 3.5))
    np.testing.assert_array_equal(clipped.codes, [-7, -1, 0, 7])


X, NARROW, SKEWED = np.ones((2, 3)), Uniform(), Uniform(symmetric=False)
INTS = np.zeros(3, dtype=np.int64)
NOTHING: Any = "none"


def clipped(*ends: Any) -> Quantised:
    return quantise_uniform(X, NARROW, PerChannel(axis=1), clip=(ends[0], ends[1]))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: Uniform(width=9), "code width must be between 2 and 8, not 9"),
        (lambda: Uniform(width=NOTHING), "code width must be an int, not 'none'"),
        (lambda: Uniform(codes=NOTHING), "codes must be a Codes, not 'none'"),
        (lambda: Uniform(symmetric=NOTHING), "symmetric must be a bool, not 'none'"),
        (lambda: PerChannel(axis=NOTHING), "channel axis must be an int, not 'none'"),
        (lambda: PerGroup(size=NOTHING, axis=0), "group size must be an int, not 'none'"),
        (lambda: PerGroup(size=0, axis=0), "group size must be at least 1, not 0"),
        (lambda: quantise_uniform([1, np.nan], NARROW), "tensor holds NaN at [1]"),
        (lambda: quantise_uniform([1j], NARROW), "tensor must hold real numbers, not complex128"),
        (
            lambda: quantise_uniform(X, NARROW, PerChannel(axis=2)),
            "channel axis 2 is none of a tensor of shape (2, 3)",
        ),
        (
            lambda: quantise_uniform(1.0, NARROW, PerToken()),
            "token axis -1 is none of a tensor of shape ()",
        ),
        (
            lambda: quantise_uniform(X, NARROW, PerGroup(size=2, axis=-3)),
            "group axis -3 is none of a tensor of shape (2, 3)",
        ),
        (lambda: clipped(-1, np.inf), "clipping range holds infinity at []"),
        (lambda: clipped(1, -1), "a range must not end before it begins: 1.0…-1.0"),
        (
            lambda: clipped(-1, np.ones(2)),
            "clipping range of shapes () and (2,) does not fit scales of shape (1, 3)",
        ),
        (
            lambda: scale_of_range(-1e308, 1e308, SKEWED),
            "a range must be at most 1.7976931348623157e+308 long, not -1e+308…1e+308",
        ),
        (
            lambda: Quantised(codes=INTS, scale=np.zeros(()), zero=INTS.sum()),
            "scale must be positive and finite, not 0.0",
        ),
        (
            lambda: Quantised(codes=INTS, scale=np.ones(()), zero=INTS[:1]),
            "zero points must have the scales' shape (), not (1,)",
        ),
        (
            lambda: Quantised(codes=INTS, scale=np.ones(2), zero=INTS[:2]),
            "scales of shape (2,) do not fit codes of shape (3,)",
        ),
        (
            lambda: Quantised(
                codes=INTS, scale=np.ones(2), zero=INTS[:2], groups=Groups(index=INTS + 2, axis=0)
            ),
            "groups must be between 0 and 1, not 2…2",
        ),
    ],
)
def test_refusals(call: Callable[[], object], expected: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert str(caught.value) == expected
