"""Softmax in float64, the rows golden is held against it with, and the worst error found."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from alembert.config.softmax import SoftmaxConfig
from alembert_golden.softmax import softmax
from numpy.typing import NDArray

__all__ = [
    "UNIT",
    "adversarial_rows",
    "exact_softmax",
    "max_softmax_error",
    "natural_rows",
    "random_rows",
]

UNIT = 1 << SoftmaxConfig.PROBABILITY_FRACTION
"""A probability of 1."""

_DEFAULT = SoftmaxConfig()


def exact_softmax(
    scores: NDArray[np.int64], keep: NDArray[np.bool_], config: SoftmaxConfig
) -> NDArray[np.float64]:
    """The definition in float64, base 2, of the same integers; 0 where not kept."""
    x = np.where(keep, scores / (1 << config.fraction), -np.inf)
    e = np.exp2(x - np.maximum(x.max(axis=-1, keepdims=True), -(2.0**30)))
    return e / np.maximum(e.sum(axis=-1, keepdims=True), np.finfo(np.float64).tiny)


def adversarial_rows(config: SoftmaxConfig) -> Iterator[NDArray[np.int64]]:
    """Batches of rows built to hurt, of 1 to 1024 positions and of as many as there may be."""
    one, low, high = 1 << config.fraction, config.score_min, config.score_max
    sizes = [n for n in (1, 2, 3, 5, 8, 15, 100, 511, 512, 1023, 1024) if n <= config.positions]
    for n in sizes:
        # all equal at both ends and between; both ends at once
        yield np.repeat(np.array([low, -1, 0, 1, high])[:, None], n, axis=1)
        ends = np.full((4, n), low)
        ends[0, 0] = ends[1, n - 1] = high
        ends[2, ::2] = ends[3, n // 2 :] = high
        yield ends
        # one hot and half hot above every depth at which e still counts: small powers add up
        depths = np.arange(0, min(26 * one, high - low), max(one // 16, 1))
        for hot in (slice(0, 1), slice(0, None, 2), slice(n - 1, None)):
            rows = np.repeat(high - depths[:, None], n, axis=1)
            rows[:, hot] = high
            yield rows
    if config.positions > 1024:  # the longest rows, where what is cut off adds up
        rows = np.repeat(
            high - np.linspace(0, 30 * one, 20).astype(np.int64)[:, None], 65536, axis=1
        )
        rows[:, 0] = high
        yield rows


def random_rows(config: SoftmaxConfig) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """Scores and which are kept: every spread, any mask.

    Of each batch the first row keeps nothing, the second its last position alone.
    """
    rng = np.random.default_rng(5)
    for n in (1, 2, 7, 64, 300, 1024):
        shape = (200, min(n, config.positions))
        spread = (1 << config.fraction) * np.exp2(rng.uniform(-4, 6, (200, 1)))
        scores = rng.normal(0, spread, shape)
        scores = np.clip(np.rint(scores), config.score_min, config.score_max).astype(np.int64)
        keep = rng.random(shape) < rng.choice([0.05, 0.5, 2], (200, 1))
        keep[0], keep[1], keep[1, -1] = False, False, True
        yield scores, keep


def natural_rows(config: SoftmaxConfig) -> Iterator[tuple[NDArray, NDArray[np.float64]]]:
    """Real y within ±8 scaled by log2 e and rounded to scores, and exp(y) / Σ exp(y)."""
    rng = np.random.default_rng(11)
    one = 1 << config.fraction

    def exact(y: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)

    for n in (1, 2, 3, 10, 128, 1024):
        for spread in (0.01, 0.3, 1, 3, 8):
            y = np.clip(rng.normal(0, spread, (300, n)), -8, 8)
            y[:100, 0] = 8
            y[100:150] = rng.choice([-8.0, 8.0], (50, n))
            yield np.rint(y / np.log(2) * one).astype(np.int64), exact(y)
    # every score half a unit off in the worse direction: the first against all others
    half = np.log(2) / one * 0.499
    for n in (2, 10, 1024):
        gap = np.linspace(0, 12, 500)[:, None]
        scores = np.rint(np.where(np.arange(n) < 1, 0.0, -gap * one))
        y = scores * np.log(2) / one + np.where(np.arange(n) < 1, half, -half)
        yield scores.astype(np.int64), exact(y)


def max_softmax_error(config: SoftmaxConfig = _DEFAULT) -> float:
    """The largest |p − exact| over all rows here.

    Over adversarial and random rows against the softmax of the same scores; over natural ones
    against that of the real numbers, so that the rounding of the scores is part of the error.
    """
    batches = [(rows, np.ones(rows.shape, dtype=bool)) for rows in adversarial_rows(config)]
    worst = 0.0
    for scores, keep in [*batches, *random_rows(config)]:
        found = softmax(scores, config, keep=keep) / UNIT
        worst = max(worst, float(np.abs(found - exact_softmax(scores, keep, config)).max()))
    for scores, exact in natural_rows(config):
        worst = max(worst, float(np.abs(softmax(scores, config) / UNIT - exact).max()))
    return worst
