"""Entropy in float64, the vectors golden is held against it with, and the worst error found."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from alembert.config.early_exit import EntropyConfig
from alembert_golden.entropy import entropy
from numpy.typing import NDArray

__all__ = [
    "BOUND",
    "EQUAL_THRESHOLD",
    "MISLEADING_THRESHOLD",
    "MISLEADING_VECTOR",
    "adversarial_rows",
    "entropy_float64",
    "entropy_of_public_hardware",
    "equal_vector",
    "max_entropy_error",
    "quantise",
    "random_rows",
    "temperature_for",
]

_DEFAULT = EntropyConfig()

BOUND = 0.005
"""Nats by which golden's entropy may differ from float64's."""

# Equality with W far from 0: one class at 0 and 512 at −65540/4096 ≈ −16, where e^d is exactly
# 8·2^−26. Then S = 2^−26·2^12·16385 and W = −2^−38·2^12·4·16385, so that −W/S is exactly 64 units
# of the threshold's scale, and ln S is 4 of them.
EQUAL_THRESHOLD = 68
"""S·(ln S − T) = W for :func:`equal_vector` in the default configuration."""

# An uncertain vector, H = 0.95 nats, whose "entropy" is −14 by the public hardware's formula.
MISLEADING_VECTOR = np.array([2, 1, 0, -1]) << EntropyConfig().logit_fraction
MISLEADING_THRESHOLD = 1 << (EntropyConfig.ENTROPY_FRACTION - 2)


def equal_vector() -> NDArray[np.int64]:
    """513 logits whose entropy is exactly ``EQUAL_THRESHOLD``."""
    vector = np.full(513, -65540)
    vector[100] = 0
    return vector


def quantise(logits: NDArray[np.float64], config: EntropyConfig) -> NDArray[np.int64]:
    """Real logits as the comparator's integers: rounded to nearest, saturated."""
    scaled = np.rint(logits * (1 << config.logit_fraction))
    return np.clip(scaled, config.logit_min, config.logit_max).astype(np.int64)


def entropy_float64(logits: NDArray[np.int64], config: EntropyConfig) -> NDArray[np.float64]:
    """H of each row straight from its definition, −Σ p·ln p, in nats."""
    x = logits / (1 << config.logit_fraction)
    p = np.exp(x - x.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return -(p * np.log(p, out=np.zeros_like(p), where=p > 0)).sum(axis=1)


def entropy_of_public_hardware(
    logits: NDArray[np.int64], config: EntropyConfig
) -> NDArray[np.float64]:
    """What EdgeBERT's published SystemC calculates: ln S − Σ e^(x·(x−m)) / S."""
    x = logits / (1 << config.logit_fraction)
    d = x - x.max(axis=1, keepdims=True)
    total = np.exp(d).sum(axis=1)
    return np.log(total) - np.exp(x * d).sum(axis=1) / total


def temperature_for(
    logits: NDArray[np.float64], target: float, config: EntropyConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two rows whose entropies close in on ``target`` from below and from above, by bisection.

    The entropy falls as the logits are scaled up, which is the inverse of the temperature.
    """
    low, high = 0.0, config.logit_max / (1 << config.logit_fraction) / np.abs(logits).max()
    for _ in range(48):
        scale = (low + high) / 2
        if entropy_float64(quantise(scale * logits, config)[None], config)[0] < target:
            high = scale
        else:
            low = scale
    return quantise(high * logits, config), quantise(low * logits, config)


def random_rows(
    rng: np.random.Generator, rows: int, num_classes: int, config: EntropyConfig
) -> NDArray[np.int64]:
    """Normal logits at temperatures from 2^−6 to 2^7, a third of the rows with one raised class."""
    scale = 2.0 ** rng.uniform(-6, 7, size=(rows, 1))
    logits = scale * rng.standard_normal((rows, num_classes))
    logits[::3, rng.integers(num_classes)] += 2.0 ** rng.uniform(-3, 6)
    return quantise(logits, config)


def adversarial_rows(config: EntropyConfig) -> Iterator[NDArray[np.int64]]:
    """Batches of rows built to hurt: ties, one hot at every spread, tails at every depth."""
    one = 1 << config.logit_fraction
    sizes = [n for n in (2, 3, 5, 8, 64, 591, 1023, 1024) if n <= config.max_classes]
    for num in sizes:
        # all equal, at both ends of the range and between
        levels = np.array([config.logit_min, -1, 0, 1, config.logit_max])
        yield np.repeat(levels[:, None], num, axis=1)
        # one hot (first, middle, last), and two equal maxima, over every spread up to e^−40
        fine = one // (64 if num < 100 else 16) or 1
        spreads = np.arange(0, min(40 * one, config.logit_max), fine)
        for hot in ((0,), (num // 2,), (num - 1,), (0, num - 1)):
            rows = np.repeat(-spreads[:, None], num, axis=1)
            rows[:, hot] = 0
            yield rows
        # the whole range of logits: full spread, and alternating ends
        rows = np.full((3, num), config.logit_min)
        rows[0, 0] = rows[1, ::2] = rows[2, num // 2 :] = config.logit_max
        yield rows
        # tails around the depth at which e^−a is rounded to 0 or to 1
        depth = 27 * one * np.log(2)
        deep = np.clip(np.arange(depth - 40, depth + 40), 0, config.logit_max).astype(np.int64)
        rows = np.repeat(-deep[:, None], num, axis=1)
        rows[:, -1] = 0
        yield rows


def max_entropy_error(
    config: EntropyConfig = _DEFAULT, *, min_rows: int = 100_000, seed: int = 1
) -> tuple[float, int]:
    """The largest |H_golden − H_float64| in nats, and the number of rows it was sought over.

    Every row is also decided at the nearest thresholds outside the band |H − T| ≤ ``BOUND``, one
    on either side, where golden's decision must be float64's.

    Raises
    ------
    AssertionError
        A decision outside the band differs.
    """
    worst, rows = 0.0, 0
    scale = 1 << config.ENTROPY_FRACTION
    for batch in _batches(config, min_rows, np.random.default_rng(seed)):
        exact = entropy_float64(batch, config)
        below = np.ceil((exact - BOUND) * scale).astype(np.int64) - 1
        above = np.floor((exact + BOUND) * scale).astype(np.int64) + 1
        stays = entropy(batch, np.maximum(below, 0), config)
        exits = entropy(batch, above, config)
        assert not stays.exit.any(), "a row exits whose float64 entropy is above the band"
        assert exits.exit.all(), "a row stays whose float64 entropy is below the band"
        worst = max(worst, float(np.abs(stays.entropy / scale - exact).max()))
        rows += len(batch)
    return worst, rows


def _batches(
    config: EntropyConfig, min_rows: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """The adversarial rows, then random ones until there are at least ``min_rows``."""
    rows = 0
    for batch in adversarial_rows(config):
        rows += len(batch)
        yield batch
    for num in (128, 333, 591, 1023, 1024):
        if num <= config.max_classes:
            rows += 2048
            yield random_rows(rng, 2048, num, config)
    while rows < min_rows:
        for num in (2, 3, 4, 8, 16, 30, 64):
            if num <= config.max_classes:
                rows += 4096
                yield random_rows(rng, 4096, num, config)
