"""When a sentence leaves: at the first off-ramp whose entropy is below a threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["TOLERANCE", "choose_threshold", "early_exit", "entropy", "exit_passes"]

TOLERANCE = 0.002
"""Share of right answers that early exits may cost on a development set, unless something else is
asked for."""


def entropy(logits: ArrayLike) -> NDArray[np.float64]:
    """H = ln Σ e^d − Σ d e^d / Σ e^d in nats, d the logits [..., classes] less their largest."""
    d = np.asarray(logits, dtype=np.float64)
    d = d - d.max(axis=-1, keepdims=True)
    exponentials = np.exp(d)
    total = exponentials.sum(axis=-1)
    return np.log(total) - (d * exponentials).sum(axis=-1) / total


def exit_passes(entropies: ArrayLike, threshold: float) -> NDArray[np.int64]:
    """The pass, from 0, that each of n sentences leaves after; the last if it never may.

    Parameters
    ----------
    entropies : array [P, n]
        Behind every pass, in nats.
    threshold : float
        Entropies below it let a sentence leave.
    """
    below = np.asarray(entropies) < threshold
    below[-1] = True
    return below.argmax(axis=0)


def early_exit(
    classes: ArrayLike, entropies: ArrayLike, labels: ArrayLike, threshold: float
) -> tuple[float, float]:
    """The share of n sentences that is right when each leaves, and the mean pass, from 1.

    Parameters
    ----------
    classes : array of int [P, n]
        What every off-ramp says.
    entropies : array [P, n]
    labels : array of int [n]
    threshold : float
        In nats.
    """
    passes = exit_passes(entropies, threshold)
    answers = np.asarray(classes)[passes, np.arange(len(passes))]
    return float((answers == np.asarray(labels)).mean()), float((passes + 1).mean())


def choose_threshold(
    classes: ArrayLike,
    entropies: ArrayLike,
    labels: ArrayLike,
    *,
    tolerance: float = TOLERANCE,
    grid: ArrayLike | None = None,
) -> float:
    """The threshold with the earliest exits among those that cost at most ``tolerance``.

    Parameters
    ----------
    classes, entropies, labels : array
        As :func:`early_exit`; of a development set, not of what is asked about later.
    tolerance : float
        Share of right answers below the best of the grid that may be lost, 0…1.
    grid : array, optional
        Thresholds to choose from; 0.01, 0.02, … 2 nats otherwise.

    Raises
    ------
    ValueError
        ``tolerance`` is not between 0 and 1, or the grid is empty.
    """
    if not 0 <= tolerance <= 1:
        raise ValueError(f"tolerance must be between 0 and 1, not {tolerance}")
    tried = np.arange(1, 201) / 100 if grid is None else np.asarray(grid, dtype=np.float64)
    if not tried.size:
        raise ValueError("there must be at least one threshold to choose from")
    found = [(*early_exit(classes, entropies, labels, float(each)), float(each)) for each in tried]
    least = max(right for right, _, _ in found) - tolerance
    return min((mean, each) for right, mean, each in found if right >= least)[1]
