"""Zero points folded into a bias: the integers of the direct computation, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from alembert_compression.granularity import PerChannel
from alembert_compression.uniform import Codes, Uniform, quantise_uniform
from alembert_compression.zero_points import fold_zero_points
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

CODES = st.integers(-128, 255)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    q=arrays(np.int64, (2, 4, 7), elements=CODES),
    c=arrays(np.int64, (7, 3), elements=CODES),
    z=arrays(np.int64, (7,), elements=CODES),
    v=arrays(np.int64, (3,), elements=CODES),
    one_z=st.booleans(),
    one_v=st.booleans(),
)
def test_folded_equals_direct(
    q: np.ndarray, c: np.ndarray, z: np.ndarray, v: np.ndarray, one_z: bool, one_v: bool
) -> None:
    input_zero, weight_zero = z[0] if one_z else z, v[0] if one_v else v
    folded = fold_zero_points(c, input_zero, weight_zero)
    direct = (q - input_zero) @ (c - weight_zero)
    np.testing.assert_array_equal(folded.apply(q @ c, q.sum(axis=-1)), direct)
    symmetric = fold_zero_points(c, input_zero)
    assert not symmetric.per_input_sum.any()
    # with symmetric weights the constant alone does it: a bias
    np.testing.assert_array_equal(q @ c + symmetric.constant, (q - input_zero) @ c)


def test_the_largest_sums_are_exact() -> None:
    c, q = np.full((4096, 2), -128), np.full((1, 4096), 255)
    folded = fold_zero_points(c, 255, 127)
    assert folded.constant.tolist() == [4096 * 255 * (128 + 127)] * 2
    np.testing.assert_array_equal(folded.apply(q @ c, q.sum(axis=-1)), [[0, 0]])


def test_a_linear_layer() -> None:
    """Real inputs and weights: integers, folded, scaled back, are the product of the values."""
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(20, 32)) + 1, rng.normal(size=(32, 6)) - 0.2
    inputs = quantise_uniform(x, Uniform(codes=Codes.UNSIGNED, symmetric=False))
    for grid in (Uniform(), Uniform(width=4, codes=Codes.UNSIGNED, symmetric=False)):
        weights = quantise_uniform(w, grid, PerChannel(axis=1))
        folded = fold_zero_points(weights.codes, inputs.zero, weights.zero[0])
        sums = folded.apply(inputs.codes @ weights.codes, inputs.codes.sum(axis=-1))
        np.testing.assert_allclose(
            sums * (inputs.scale * weights.scale[0]), inputs.values @ weights.values, rtol=1e-10
        )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (([[1.0]], 1), "weight codes must be ints, not float64"),
        (([1], 1), "weight codes must be [K, N], not of shape (1,)"),
        (([[1]], 0.5), "input zero points must be ints, not float64"),
        (([[1]], [1, 2]), "input zero points must be of shape () or (1,), not (2,)"),
        (([[1]], 1, [[1]]), "weight zero points must be of shape () or (1,), not (1, 1)"),
    ],
)
def test_refusals(arguments: Any, expected: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        fold_zero_points(*arguments)
    assert str(caught.value) == expected
