"""GPTQ against llmcompressor's, the compiler's rounding, and its own definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat, Format, IntegerFormat
from alembert_compiler.code_grid import fit_scale, nearest
from alembert_compiler.weight_rounding import round_weights
from alembert_compression.error_redistribution import at_scale, descending, redistribute
from alembert_compression.gptq import gptq
from alembert_compression.granularity import Granularity, PerChannel, PerGroup
from alembert_compression.hessian import Hessian, output_loss
from alembert_compression.ranges import least_squares
from alembert_compression.uniform import Codes, Uniform, quantise_uniform
from alembert_golden import adaptivfloat
from compression.layers import layer
from compression.oracles import oracle_gptq, oracle_hessian
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

AF8 = AdaptivFloatFormat()


def test_the_hessian_is_that_of_the_squared_error() -> None:
    rng = np.random.default_rng(2)
    batches = [rng.normal(size=shape) for shape in [(5, 6), (2, 3, 6), (0, 6), (6,)]]
    seen = Hessian(6)
    for batch in batches:
        seen.add(batch)
    rows = np.concatenate([batch.reshape(-1, 6) for batch in batches])
    np.testing.assert_allclose(seen.matrix, 2 * rows.T @ rows / 12, rtol=1e-13)
    np.testing.assert_allclose(oracle_hessian(batches) / 12, seen.matrix, rtol=1e-13)
    exact, found = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    loss = output_loss(exact, found, seen.matrix)
    np.testing.assert_allclose(loss, 2 * np.square(rows @ (exact - found)).sum() / 12, rtol=1e-12)


@pytest.mark.parametrize("width", [2, 3, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(
    ("group_size", "act_order"), [(-1, False), (-1, True), (16, False), (16, True)]
)
def test_codes_are_llmcompressors(
    width: int, symmetric: bool, group_size: int, act_order: bool
) -> None:
    """All of them; it takes scales from outside, which is static groups."""
    grid = Uniform(width=width, codes=Codes.SIGNED, symmetric=symmetric)
    weights, hessian = layer()
    found = gptq(
        weights,
        hessian,
        grid,
        group_size=group_size,
        act_order=act_order,
        static_groups=True,
        block_size=32,
    )
    by_hand = quantise_uniform(
        weights, grid, PerChannel(axis=1) if group_size == -1 else PerGroup(size=16, axis=0)
    )
    np.testing.assert_array_equal(found.scale, by_hand.scale)
    np.testing.assert_array_equal(found.zero, by_hand.zero)
    order: Any = descending(hessian) if act_order and group_size == -1 else slice(None)
    rounded = np.empty_like(weights)
    rounded[order] = oracle_gptq(
        weights[order],
        hessian[order][:, order],
        found.scale,
        found.zero,
        width=width,
        symmetric=symmetric,
        group_size=None if group_size == -1 else group_size,
        act_order=act_order and group_size != -1,
    )
    scale, zero = found.spread(found.scale), found.spread(found.zero)
    np.testing.assert_array_equal(found.codes, np.rint(rounded / scale).astype(np.int64) + zero)
    loss, theirs = (output_loss(weights, w, hessian) for w in (found.values, rounded))
    assert abs(loss / theirs - 1) < 1e-12
    assert loss < 0.9 * output_loss(weights, by_hand.values, hessian)


@pytest.mark.parametrize("width", [2, 4, 8])
def test_llmcompressor_in_its_own_precision(width: int) -> None:
    """In float32 a few codes are others; the loss is the same."""
    grid = Uniform(width=width, codes=Codes.SIGNED)
    weights, hessian = layer(K=128, N=64)
    found = gptq(weights, hessian, grid)
    rounded = oracle_gptq(
        weights, hessian, found.scale, found.zero, width=width, symmetric=True, precision="float32"
    )
    assert (np.rint(rounded / found.scale) == found.codes).mean() > 0.995
    loss, theirs = (output_loss(weights, w, hessian) for w in (found.values, rounded))
    assert abs(loss / theirs - 1) < 0.005


def _one_after_another(
    weights: Float64, scale: Float64, fmt: Format, covariance: Float64
) -> Float64:
    """Integers by the definition: rows in turn, all those that follow moved at once."""
    K, variance = len(weights), np.diag(covariance)
    order = np.argsort(-variance, kind="stable")
    damped = covariance[np.ix_(order, order)] + np.eye(K) * 0.01 * variance.mean()
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T
    left = weights[order].astype(np.float64)
    result = np.empty_like(left)
    for k in range(K):
        result[order[k]] = nearest(left[k] / scale, fmt)
        error = (left[k] - result[order[k]] * scale) / upper[k, k]
        left[k + 1 :] -= np.outer(upper[k, k + 1 :], error)
    return result


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("block_size", [7, 128])
def test_rounding_on_the_grids_of_machines(seed: int, block_size: int) -> None:
    weights, hessian = layer(seed=seed)
    for fmt in (AF8, IntegerFormat(), IntegerFormat(width=4)):
        scale = fit_scale(weights, np.abs(weights).max(axis=0), fmt, per_channel=True)
        expected = _one_after_another(weights, scale, fmt, hessian)
        found = redistribute(
            weights,
            hessian,
            at_scale(lambda values, fmt=fmt: nearest(values, fmt), scale),
            order=descending(hessian),
            block_size=block_size,
        )
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(round_weights(weights, scale, fmt, hessian), expected)


def test_a_grid_that_is_not_uniform() -> None:
    """AdaptivFloat<8,3> through golden's encoder: codes that stand for less output error."""
    weights, hessian = layer()
    bias = adaptivfloat.bias_of_tensor(weights, AF8)

    def round_row(position: int, left: Float64) -> tuple[NDArray[np.int64], Float64]:
        codes = adaptivfloat.encode(left[0], bias, AF8)
        return codes, adaptivfloat.decode(codes, bias, AF8)

    codes = redistribute(weights, hessian, round_row)
    assert codes.dtype == np.int64
    plain = adaptivfloat.decode(adaptivfloat.encode(weights, bias, AF8), bias, AF8)
    chosen = adaptivfloat.decode(codes, bias, AF8)
    assert output_loss(weights, chosen, hessian) < 0.5 * output_loss(weights, plain, hessian)


@pytest.mark.parametrize("act_order", [False, True])
@pytest.mark.parametrize("static_groups", [False, True])
@pytest.mark.parametrize("group_size", [-1, 10, 64])
def test_blocks_do_not_matter(act_order: bool, static_groups: bool, group_size: int) -> None:
    weights, hessian = layer(K=45)
    results = [
        gptq(
            weights,
            hessian,
            Uniform(width=4, codes=Codes.UNSIGNED, symmetric=False),
            group_size=group_size,
            act_order=act_order,
            static_groups=static_groups,
            block_size=block_size,
        )
        for block_size in (1, 8, 15, 128)
    ]
    for other in results[1:]:
        np.testing.assert_array_equal(other.codes, results[0].codes)
        np.testing.assert_array_equal(other.zero, results[0].zero)
        np.testing.assert_allclose(other.scale, results[0].scale, rtol=1e-12)


def literally(weights: Float64, hessian: Float64, grid: Uniform, size: int) -> Float64:
    """The optimal brain surgeon's step for each input: the rest's inverse Hessian anew."""
    left, values = weights.copy(), np.zeros_like(weights)
    damped = hessian + 0.01 * np.diag(hessian).mean() * np.eye(len(hessian))
    order = list(np.argsort(-np.diag(hessian)))
    for position in range(len(order)):
        rest, k = order[position:], order[position]
        if position % size == 0:
            group = quantise_uniform(left[rest[:size]], grid, PerChannel(axis=1))
        step = (left[k] / group.scale[0]).round() + group.zero[0]
        values[k] = (step.clip(grid.min_code, grid.max_code) - group.zero[0]) * group.scale[0]
        inverse = np.linalg.inv(damped[np.ix_(rest, rest)])
        left[rest] -= np.outer(inverse[:, 0] / inverse[0, 0], left[k] - values[k])
    return values


@pytest.mark.parametrize("size", [8, 12])
def test_groups_of_the_order_have_scales_of_their_time(size: int) -> None:
    weights, hessian = layer(K=30)
    grid = Uniform(width=4, codes=Codes.UNSIGNED, symmetric=False)
    found = gptq(weights, hessian, grid, group_size=size, act_order=True)
    np.testing.assert_allclose(
        found.values, literally(weights, hessian, grid, size), rtol=1e-9, atol=1e-12
    )
    assert found.groups is not None
    np.testing.assert_array_equal(found.groups.index[descending(hessian)], np.arange(30) // size)


@pytest.mark.parametrize("group_size", [-1, 16])
def test_the_loss_is_less_than_plain_roundings(group_size: int) -> None:
    """Width by width, with plain and with fitted ranges."""
    weights, hessian = layer(K=64)
    for width in (3, 4, 8):
        grid = Uniform(width=width)
        shared: Granularity = PerChannel(axis=1)
        if group_size != -1:
            shared = PerGroup(size=group_size, axis=0)
        plain = output_loss(weights, quantise_uniform(weights, grid, shared).values, hessian)
        for act_order in (False, True):
            found = gptq(weights, hessian, grid, group_size=group_size, act_order=act_order)
            assert output_loss(weights, found.values, hessian) < 0.4 * plain
        fitted = gptq(
            weights,
            hessian,
            grid,
            group_size=group_size,
            act_order=True,
            fit_range=lambda rows, grid=grid: least_squares(rows, grid, PerChannel(axis=1)),
        )
        assert output_loss(weights, fitted.values, hessian) < 0.4 * plain


@pytest.mark.parametrize("act_order", [False, True])
@pytest.mark.parametrize("symmetric", [False, True])
def test_dead_inputs(act_order: bool, symmetric: bool) -> None:
    weights, hessian = layer()
    dead = [0, 13, 47]
    hessian[dead], hessian[:, dead], weights[dead] = 0, 0, 100
    # llmcompressor gives the dead a diagonal of 1, here the mean of the living's: make it 1
    hessian /= np.delete(np.diag(hessian), dead).mean()
    grid = Uniform(width=4, codes=Codes.SIGNED, symmetric=symmetric)
    found = gptq(weights, hessian, grid, group_size=16, act_order=act_order, static_groups=True)
    assert not found.values[dead].any()
    zeroed = weights.copy()
    zeroed[dead] = 0  # the dead have no part in the scales
    fitted = quantise_uniform(zeroed, grid, PerGroup(size=16, axis=0))
    np.testing.assert_array_equal(found.scale, fitted.scale)
    rounded = oracle_gptq(
        weights, hessian, found.scale, found.zero,
        width=4, symmetric=symmetric, group_size=16, act_order=act_order,
    )  # fmt: skip
    np.testing.assert_allclose(found.values, rounded, rtol=1e-12)
    none = gptq(weights, np.zeros((48, 48)), grid)
    assert not none.values.any()


def test_a_diagonal_hessian_is_plain_rounding() -> None:
    weights, _ = layer()
    grid = Uniform(width=5)
    found = gptq(weights, np.diag(np.arange(1.0, 49)), grid, act_order=True)
    plain = quantise_uniform(weights, grid, PerChannel(axis=1))
    np.testing.assert_array_equal(found.codes, plain.codes)
    np.testing.assert_array_equal(found.scale, plain.scale)
