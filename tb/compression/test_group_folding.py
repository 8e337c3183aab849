"""Group scales folded into codes: the golden quantiser's codes, and the error as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from alembert.config import IntegerFormat
from alembert_compression.gptq import gptq
from alembert_compression.granularity import Groups, PerChannel, PerGroup
from alembert_compression.group_folding import fold_groups
from alembert_compression.hessian import output_loss
from alembert_compression.quantised import Quantised
from alembert_compression.uniform import Codes, Uniform, quantise_uniform
from alembert_golden import integer
from compression.layers import layer
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    values=arrays(np.float64, (12, 5), elements=st.floats(-9, 9)),
    size=st.integers(1, 13),
    width=st.integers(2, 8),
)
def test_folded_groups(values: np.ndarray, size: int, width: int) -> None:
    grid = Uniform(width=width, codes=Codes.UNSIGNED, symmetric=False)
    grouped = quantise_uniform(values, grid, PerGroup(size=size, axis=0))
    folded = fold_groups(grouped)
    new = folded.quantised
    fmt = IntegerFormat()
    np.testing.assert_array_equal(new.codes, integer.quantise(grouped.values, new.scale, fmt))
    scale = integer.absmax_scale(grouped.values, fmt, axis=0)
    plain = integer.dequantise(integer.quantise(grouped.values, scale, fmt), scale)
    error, least = (np.square(grouped.values - v).sum(axis=0) for v in (plain, new.values))
    assert (least <= error).all()
    assert (np.abs(new.codes).max(axis=0) >= 64).all() or not grouped.values.any(axis=0).all()
    np.testing.assert_array_equal(folded.error, grouped.values - new.values)
    assert (np.abs(folded.error) <= new.scale * (0.5 + 1e-12)).all()
    assert folded.largest == np.abs(folded.error).max()


def test_folding_may_be_exact() -> None:
    codes = np.array([[127, 3], [-4, 1], [5, 127]])
    groups = Groups(index=np.array([0, 1, 0]), axis=0)
    scale, zero = np.array([[1.0, 0.5], [2.0, 1.0]]), np.zeros((2, 2), dtype=np.int64)
    folded = fold_groups(Quantised(codes=codes, scale=scale, zero=zero, groups=groups))
    np.testing.assert_array_equal(folded.quantised.codes, [[127, 3], [-8, 2], [5, 127]])
    assert folded.largest == 0


@pytest.mark.parametrize("width", [2, 3, 4, 5, 6, 7])
def test_one_scale_a_channel_loses_nothing(width: int) -> None:
    """Some code of the upper half is a multiple of the largest |code − zero|."""
    values = np.random.default_rng(1).normal(size=(64, 20)) + 0.3
    asymmetric = Uniform(width=width, codes=Codes.UNSIGNED, symmetric=False)
    for grid in (Uniform(width=width), asymmetric, Uniform()):
        narrow = quantise_uniform(values, grid, PerChannel(axis=1))
        folded = fold_groups(narrow)
        assert folded.largest < 1e-14
        ratio = np.rint(narrow.scale / folded.quantised.scale).astype(np.int64)
        np.testing.assert_array_equal(folded.quantised.codes, (narrow.codes - narrow.zero) * ratio)


def test_folding_costs_little_of_what_gptq_gains() -> None:
    weights, hessian = layer(K=64)
    grid = Uniform(width=4)
    plain = quantise_uniform(weights, grid, PerGroup(size=16, axis=0))
    found = gptq(weights, hessian, grid, group_size=16)
    before, after, without = (
        output_loss(weights, values, hessian)
        for values in (found.values, fold_groups(found).quantised.values, plain.values)
    )
    assert before < 0.4 * without
    assert after < 1.05 * before


@pytest.mark.parametrize(
    ("shape", "width", "expected"),
    [
        ((1,), 8, "weights must be [K, N], not of shape (1,)"),
        ((2, 3), 1, "code width must be between 2 and 8, not 1"),
        ((2, 3), 8.0, "code width must be an int, not 8.0"),
    ],
)
def test_refusals(shape: tuple[int, ...], width: Any, expected: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        fold_groups(quantise_uniform(np.ones(shape), Uniform()), width)
    assert str(caught.value) == expected
