"""Vectors of word pieces from which pieces stand near which: what an embedding can begin with.

The positive pointwise mutual information of pieces that stand near one another, factorised. No
training is needed, and no labels; words of like use get like vectors.
Sources: Levy and Goldberg, Neural word embedding as implicit matrix factorization, NIPS 2014;
Levy, Goldberg and Dagan, TACL 2015 (smoothed contexts, square roots of singular values);
Halko, Martinsson and Tropp, SIAM Review 53, 2011, algorithm 4.4 (the factorisation).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_neighbours", "mutual_information", "word_vectors"]

_SMOOTHING = 0.75
_OVERSAMPLED, _ITERATIONS = 32, 4

Float64 = NDArray[np.float64]


def count_neighbours(
    sentences: Sequence[NDArray[np.int64]], pieces: int, window: int = 5
) -> Float64:
    """How often two pieces stand at a distance k of at most ``window``, each time counting 1/k.

    Parameters
    ----------
    sentences : sequence of array of int
    pieces : int
        Numbers of pieces are below it.
    window : int

    Returns
    -------
    array [pieces, pieces], symmetric

    Raises
    ------
    ValueError
        A piece's number or the window is out of its range.
    """
    if window < 1:
        raise ValueError(f"window must be at least 1, not {window}")
    counts = np.zeros(pieces * pieces)
    for sentence in sentences:
        if sentence.size and not 0 <= sentence.min() <= sentence.max() < pieces:
            raise ValueError(
                f"pieces must be numbers between 0 and {pieces - 1}, "
                f"not {sentence.min()}…{sentence.max()}"
            )
        for distance in range(1, min(window, len(sentence) - 1) + 1):
            np.add.at(counts, sentence[:-distance] * pieces + sentence[distance:], 1 / distance)
    counts = counts.reshape(pieces, pieces)
    return counts + counts.T


def mutual_information(counts: Float64) -> Float64:
    """max(0, ln(n_ij · Σ_c n_c^¾ / (n_i · n_j^¾))), 0 where n_ij is 0; n_i = Σ_j n_ij."""
    of_pieces = counts.sum(axis=1)
    contexts = of_pieces**_SMOOTHING
    expected = np.outer(of_pieces, contexts / max(contexts.sum(), 1e-300))
    seen = counts > 0
    ratio = np.divide(counts, expected, out=np.ones_like(counts), where=seen)
    return np.maximum(np.log(ratio), 0.0)


def word_vectors(
    sentences: Sequence[NDArray[np.int64]],
    pieces: int,
    width: int,
    *,
    window: int = 5,
    std: float = 1.0,
    seed: int = 0,
) -> Float64:
    """U · √S of the ``width`` largest singular values, scaled to a standard deviation.

    Parameters
    ----------
    sentences : sequence of array of int
        Numbers of pieces.
    pieces : int
        Numbers are below it.
    width : int
        Of a vector, at most ``pieces``.
    window : int
        Farthest neighbours.
    std : float
        Of all values together.
    seed : int
        Of the factorisation's random start.

    Returns
    -------
    array [pieces, width]; 0 for a piece that was not seen

    Raises
    ------
    ValueError
        A number is out of its range, or no two pieces stand near each other more often than by
        chance.
    """
    if not 1 <= width <= pieces:
        raise ValueError(f"width must be between 1 and the {pieces} pieces, not {width}")
    matrix = mutual_information(count_neighbours(sentences, pieces, window))
    if not matrix.any():
        raise ValueError("no two pieces stand near each other more often than by chance")
    columns = min(pieces, width + _OVERSAMPLED)
    found = np.random.default_rng(seed).standard_normal((pieces, columns))
    for _ in range(1 + _ITERATIONS):
        basis, _ = np.linalg.qr(matrix @ found)
        found = matrix.T @ basis
    left, values, _ = np.linalg.svd(found.T, full_matrices=False)
    vectors = (basis @ left)[:, :width] * np.sqrt(values[:width])
    return vectors * (std / vectors.std())
