"""Exits by threshold, against a loop over sentences and passes."""

from __future__ import annotations

import numpy as np
import pytest
from alembert_compiler.early_exit import choose_threshold, early_exit, entropy, exit_passes

RNG = np.random.default_rng(6)
PASSES, SENTENCES = 5, 60
LABELS = RNG.integers(0, 4, SENTENCES)
CLASSES = np.where(RNG.random((PASSES, SENTENCES)) < 0.7, LABELS, (LABELS + 1) % 4)
ENTROPIES = RNG.random((PASSES, SENTENCES))


def _loop(threshold: float) -> tuple[float, float]:
    right = taken = 0
    for n in range(SENTENCES):
        p = next((p for p in range(PASSES) if ENTROPIES[p, n] < threshold), PASSES - 1)
        right += CLASSES[p, n] == LABELS[n]
        taken += p + 1
    return right / SENTENCES, taken / SENTENCES


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.9, 2.0, ENTROPIES[0, 0]])
def test_a_sentence_leaves_at_the_first_pass_below(threshold: float) -> None:
    assert early_exit(CLASSES, ENTROPIES, LABELS, threshold) == pytest.approx(_loop(threshold))


def test_what_is_given_stays_as_it_is() -> None:
    given = ENTROPIES.copy()
    assert exit_passes(given, 0.0).tolist() == [PASSES - 1] * SENTENCES
    assert (given == ENTROPIES).all()


def test_entropy_by_its_definition() -> None:
    logits = RNG.normal(size=(7, 9)) * 10
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(entropy(logits), -(p * np.log(p)).sum(axis=-1), atol=1e-12)
    assert entropy(np.full(8, 1e4)) == pytest.approx(np.log(8))
    assert entropy([0.0, -1e6]) == 0


@pytest.mark.parametrize("tolerance", [0.0, 0.02, 1.0])
def test_the_earliest_of_the_good_thresholds(tolerance: float) -> None:
    grid = np.linspace(0, 1, 41)
    chosen = choose_threshold(CLASSES, ENTROPIES, LABELS, tolerance=tolerance, grid=grid)
    best = max(_loop(each)[0] for each in grid)
    right, mean = _loop(chosen)
    assert right >= best - tolerance
    assert mean == min(_loop(each)[1] for each in grid if _loop(each)[0] >= best - tolerance)


def test_what_cannot_be_chosen_from() -> None:
    with pytest.raises(ValueError, match=r"^tolerance must be between 0 and 1, not -0.1$"):
        choose_threshold(CLASSES, ENTROPIES, LABELS, tolerance=-0.1)
    with pytest.raises(ValueError, match=r"^there must be at least one threshold to choose from$"):
        choose_threshold(CLASSES, ENTROPIES, LABELS, tolerance=0.1, grid=[])
