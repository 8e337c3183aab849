"""Ranges chosen from histograms: against their definitions and ONNX Runtime's percentiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from alembert_compression.entropy_range import Entropy
from alembert_compression.granularity import PerChannel, PerGroup
from alembert_compression.histogram import Observer
from alembert_compression.ranges import (
    SHRINKS,
    AbsMax,
    LeastSquares,
    MinMax,
    Percentile,
    least_squares,
)
from alembert_compression.uniform import Codes, Uniform, quantise_uniform
from compression.histograms import collected, draws, observed
from onnxruntime.quantization.calibrate import HistogramCollector

UINT4 = Uniform(width=4, codes=Codes.UNSIGNED, symmetric=False)


@pytest.mark.parametrize("percent", [100, 99.9, 90, 50, 1])
def test_percentiles(percent: float) -> None:
    """At most the share is cut at either end, and the bins that would cut more are the next."""
    for seed in range(8):
        values = np.concatenate(draws(seed))
        seen = observed(values)
        low, high = Percentile(percent=percent)(seen)
        cut = (1 - percent / 100) / 2 * len(values)
        assert (values < low).sum() <= cut and (values > high).sum() <= cut
        stride = 2 * seen.reach / len(seen.counts) * (1 + 1e-9)
        assert (values < low + stride).sum() >= cut or low == seen.low
        assert (values > high - stride).sum() >= cut or high == seen.high
        if percent == 100:
            assert (low, high) == MinMax()(seen) == (values.min(), values.max())


def test_percentiles_are_onnxruntimes() -> None:
    """The lower end; the upper one is the other edge of the same bin: what it counts is inside."""
    for seed in (0, 1, 4):
        batches = draws(seed)
        (counts, edges, *_), _ = collected(*batches)
        collector = HistogramCollector("percentile", False, 2048, 128, 95.0, "same")
        for batch in batches:
            collector.collect_value({"x": batch})
        low, high = collector.compute_percentile()["x"][:2]
        found = Percentile(percent=95)(observed(*batches))
        assert found[0] == low
        if high < found[1]:
            assert edges[np.searchsorted(edges, high) + 1] >= found[1]
        assert len(counts) + 1 == len(edges)


def test_least_squares_is_the_best_of_its_grid() -> None:
    rng = np.random.default_rng(6)
    values = rng.standard_t(3, size=(200, 5)) + 0.5
    for grid in (Uniform(width=3), UINT4):
        low, high = least_squares(values, grid, PerChannel(axis=1))
        for column in range(5):
            own = values[:, column]
            errors = {}
            for shrink in SHRINKS:
                ends = min(own.min(), 0) * shrink, max(own.max(), 0) * shrink
                off = quantise_uniform(own, grid, clip=ends).values - own
                errors[ends] = float(np.square(off).sum())
            assert (low[0, column], high[0, column]) == min(errors, key=lambda e: errors[e])
        grouped = least_squares(values, grid, PerGroup(size=40, axis=0))
        assert grouped[0].shape == (5, 5)
        part = least_squares(values[40:80], grid, PerChannel(axis=1))
        np.testing.assert_array_equal(grouped[1][1], part[1][0])
    counted = least_squares([-1.0, 0.2, 5], Uniform(width=3), weight=[900, 700, 0.001])
    repeated = least_squares([-1.0, 0.2], Uniform(width=3))
    assert counted[1] < 2 < 5 and repeated[1] <= 1
    assert SHRINKS[0] == 1 and len(SHRINKS) == 80 and SHRINKS[-1] > 0.2


def test_least_squares_of_a_histogram() -> None:
    """Bins are fine enough: no worse than 1 % over the search on the values themselves."""
    rng = np.random.default_rng(7)
    values = rng.standard_t(3, size=5000)
    for grid in (Uniform(width=4), UINT4, Uniform()):

        def error(ends: Any, grid: Uniform = grid) -> float:
            return float(np.square(quantise_uniform(values, grid, clip=ends).values - values).sum())

        own = error(LeastSquares(grid=grid)(observed(*values.reshape(5, 1000))))
        assert own <= 1.01 * error(least_squares(values, grid))
        assert own <= error(MinMax()(observed(values)))


def test_simple_rules_and_where_batches_end() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(size=(40, 6)) + 1
    seen = observed(*values, [], np.zeros((0, 3)))
    assert MinMax()(seen) == (values.min(), values.max())
    assert AbsMax()(seen) == (-values.max(), values.max())
    assert AbsMax()(observed(-values)) == (-values.max(), values.max())
    first = Observer(bins=64, reach=8.0)
    for row in values[::-1]:
        first.observe(row)
    second = Observer(bins=64, reach=8.0)
    second.observe(values)
    np.testing.assert_array_equal(first.histogram.counts, second.histogram.counts)
    static = quantise_uniform(values, Uniform(), clip=AbsMax()(seen))
    np.testing.assert_array_equal(static.codes, quantise_uniform(values, Uniform()).codes)


ONE = observed([1.0, -2.0], bins=64)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: observed([1, np.nan]), "batch holds NaN at [1]"),
        (lambda: observed([[1, -np.inf]]), "batch holds infinity at [0, 1]"),
        (lambda: observed(["a"]), "batch must hold real numbers, not <U1"),
        (
            lambda: observed([]),
            "a histogram needs at least one value, and none was observed",
        ),
        (lambda: Observer(bins=3), "bins must be even and at least 2, not 3"),
        (lambda: Observer(bins=0), "bins must be even and at least 2, not 0"),
        (lambda: Observer(reach=0), "a histogram must reach between 2^−900 and 2^900, not 0.0"),
        (lambda: observed([1e300]), "a histogram must reach between 2^−900 and 2^900, not 1e+300"),
        (
            lambda: observed([1e-9], [1e9]),
            "a histogram of 2048 bins that reaches 1e-09 cannot grow to 1000000000.0: it may have "
            "at most 1048576 bins; begin with a reach",
        ),
        (
            lambda: observed([5e-324], [1.0]),
            "a histogram must reach between 2^−900 and 2^900, not 5e-324",
        ),
        (lambda: Percentile(percent=0), "percent must be above 0 and at most 100, not 0"),
        (lambda: Percentile(percent=True), "percent must be a number, not True"),
        (lambda: Entropy(levels=1), "levels must be at least 2, not 1"),
        (
            lambda: Entropy()(ONE),
            "a histogram for 128 levels must have at least 128 bins, not 64",
        ),
        (
            lambda: least_squares([1.0], Uniform(), shrinks=(0.0,)),
            "shrink factors must be positive and finite, not 0.0",
        ),
        (lambda: least_squares([np.inf], Uniform()), "tensor holds infinity at [0]"),
    ],
)
def test_refusals(call: Callable[[], object], expected: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert str(caught.value) == expected
