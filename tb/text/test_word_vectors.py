"""Neighbours are counted as by hand, and the factorisation is the best of its rank."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from alembert_text.word_vectors import count_neighbours, mutual_information, word_vectors
from numpy.typing import NDArray


def _sentences(count: int, pieces: int, seed: int) -> list[NDArray[np.int64]]:
    """Pieces of one half stand beside pieces of the same half, mostly."""
    rng = np.random.default_rng(seed)
    half = pieces // 2
    found = []
    for _ in range(count):
        own = rng.integers(0, half, rng.integers(0, 20)) + half * rng.integers(0, 2)
        found.append(np.where(rng.random(own.size) < 0.1, rng.integers(0, pieces, own.size), own))
    return found


def test_neighbours_count_by_their_distance() -> None:
    sentences = _sentences(30, 12, seed=1)
    wanted = np.zeros((12, 12))
    for sentence in sentences:
        for here, piece in enumerate(sentence):
            for there, other in enumerate(sentence):
                if 0 < abs(here - there) <= 3:
                    wanted[piece, other] += 1 / abs(here - there)
    np.testing.assert_allclose(count_neighbours(sentences, 12, window=3), wanted)


def test_information_is_what_the_formula_says() -> None:
    counts = count_neighbours(_sentences(30, 12, seed=2), 12)
    found = mutual_information(counts)
    smoothed = sum(row.sum() ** 0.75 for row in counts)
    for i in range(12):
        for j in range(12):
            by_chance = counts[i].sum() * counts[j].sum() ** 0.75 / smoothed
            wanted = max(0.0, math.log(counts[i, j] / by_chance)) if counts[i, j] else 0.0
            assert found[i, j] == pytest.approx(wanted, abs=1e-12)


def test_vectors_span_the_largest_singular_values() -> None:
    sentences = _sentences(400, 80, seed=3)
    vectors = word_vectors(sentences, 80, 6, std=0.5)
    assert vectors.shape == (80, 6)
    assert vectors.std() == pytest.approx(0.5)
    left, values, _ = np.linalg.svd(mutual_information(count_neighbours(sentences, 80)))
    wanted = left[:, :6] * np.sqrt(values[:6])
    # signs and turns among equal values are free: products of vectors are not
    products, scale = wanted @ wanted.T, 0.5 / wanted.std()
    assert np.abs(vectors @ vectors.T / scale**2 - products).max() < 0.05 * np.abs(products).max()
    assert (vectors == word_vectors(sentences, 80, 6, std=0.5)).all()


def test_words_of_like_use_have_like_vectors() -> None:
    vectors = word_vectors(_sentences(400, 40, seed=4), 40, 4)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = unit @ unit.T
    same, other = likeness[:20, :20], likeness[:20, 20:]
    assert np.median(same) > 0.5 > 0.1 > np.median(other)


def test_a_piece_that_is_not_seen_has_no_vector() -> None:
    vectors = word_vectors([np.array([0, 1, 0, 1, 2, 3, 2, 3])], 6, 2)
    assert np.abs(vectors[4:]).max() < 1e-12


@pytest.mark.parametrize(
    ("sentence", "width", "window", "message"),
    [
        ([0, 9], 2, 5, "pieces must be numbers between 0 and 7, not 0…9"),
        ([-1, 1], 2, 5, "pieces must be numbers between 0 and 7, not -1…1"),
        ([0, 1], 9, 5, "width must be between 1 and the 8 pieces, not 9"),
        ([0, 1], 2, 0, "window must be at least 1, not 0"),
        ([3], 2, 5, "no two pieces stand near each other more often than by chance"),
    ],
)
def test_what_has_no_vectors(sentence: list[int], width: int, window: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        word_vectors([np.array(sentence)], 8, width, window=window)
