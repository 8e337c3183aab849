"""Growing histograms and entropy calibration: ONNX Runtime's counts and thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from alembert_compression.entropy_range import Entropy
from compression.histograms import collected, draws, observed


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("bins", [2, 128, 2048])
def test_histograms_are_onnxruntimes(seed: int, bins: int) -> None:
    batches = draws(seed)
    if seed == 9:
        batches = [np.zeros(5), *batches]  # nothing but zeros at first
    found = observed(*batches, bins=bins)
    (counts, edges, low, high, reach), _ = collected(*batches, bins=bins)
    np.testing.assert_array_equal(found.counts, counts)
    assert (found.low, found.high, found.reach) == (low, high, reach)
    assert found.total == sum(len(batch) for batch in batches)
    if reach:
        np.testing.assert_array_equal(found.edges, edges)


@pytest.mark.parametrize("seed", [*range(7), *range(8, 15)])
@pytest.mark.parametrize(("bins", "levels"), [(256, 64), (258, 15), (128, 128)])
def test_entropy_thresholds_are_onnxruntimes(seed: int, bins: int, levels: int) -> None:
    batches = draws(seed)
    histogram, collector = collected(*batches, bins=bins)
    expected = collector.get_entropy_threshold(histogram, levels)
    assert Entropy(levels=levels)(observed(*batches, bins=bins)) == expected


def test_entropy_at_full_size() -> None:
    batches = draws(1)
    histogram, collector = collected(*batches[:3], bins=1024)
    expected = collector.get_entropy_threshold(histogram, 128)
    assert Entropy()(observed(*batches[:3], bins=1024)) == expected


def test_entropy_cuts_outliers_only() -> None:
    rng = np.random.default_rng(5)
    low, high = Entropy()(observed(np.append(rng.normal(size=100000), [60.0, -50.0])))
    assert -9 < low < -3 and 3 < high < 9
    low, high = Entropy()(observed(rng.uniform(-1, 1, 100000)))
    assert low < -0.95 and high > 0.95
    assert Entropy()(observed(np.zeros(4))) == (0.0, 0.0)
    # all in the last bin, which no level has: there is no divergence, and nothing to cut
    assert Entropy(levels=15)(observed(np.ones(3), bins=514)) == (1.0, 1.0)
