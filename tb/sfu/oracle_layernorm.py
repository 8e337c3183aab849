"""Layer norm in float64, the rows golden is held against it with, and the worst error found."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from alembert.config.layernorm import LayerNormConfig
from alembert_golden.layernorm import normalise
from numpy.typing import NDArray

__all__ = ["adversarial_rows", "all_rows", "exact_layernorm", "max_layernorm_error"]

_DEFAULT = LayerNormConfig()
_EPSILONS = (0, 1, 1000, (1 << 32) - 1)


def exact_layernorm(values: NDArray[np.int64], epsilon: int = 0) -> NDArray[np.float64]:
    """In two passes over float64, as one would write it; constant rows give 0."""
    distance = values - values.mean(axis=-1, keepdims=True)
    variance = (distance**2).mean(axis=-1, keepdims=True) + epsilon / values.shape[-1] ** 2
    return np.divide(
        distance, np.sqrt(variance), out=np.zeros_like(distance), where=variance > 1e-12
    )


def adversarial_rows(n: int, config: LayerNormConfig) -> NDArray[np.int64]:
    """Random and adversarial rows of n values."""
    rng = np.random.default_rng(n)
    half = 1 << (config.width - 1)
    rows = [rng.integers(-half, half, n) for _ in range(20)]
    rows += [np.full(n, v) for v in (0, 1, half - 1, -half)]
    rows += [np.where(np.arange(n) % 2, half - 1, -half)]
    for common, other in ((0, 1), (0, half - 1), (half - 1, half - 2), (-half, half - 1)):
        for sign in (1, -1):
            row = np.full(n, common)
            row[0] = other
            rows.append(np.clip(sign * row, -half, half - 1))
    for bit in range(config.width - 1):
        # one outlier of every size, alone and in noise; noise of every size on a huge mean
        outlier = np.zeros(n, dtype=np.int64)
        outlier[-1] = 1 << bit
        rows += [outlier, np.clip(outlier + rng.integers(-2, 3, n), -half, half - 1)]
        rows.append(np.clip(half - 2 - rng.integers(0, 2 << bit, n), -half, half - 1))
        rows.append(np.clip(rng.normal(0, 1 << bit, n).astype(int), -half, half - 1))
    return np.stack(rows)


def all_rows(config: LayerNormConfig) -> Iterator[NDArray[np.int64]]:
    """The rows of every length that is tried, a batch each."""
    for n in (1, 2, 3, 4, 7, 16, 19, 20, 100, 512, 768, 1023, 1024):
        if n <= config.max_length:
            yield adversarial_rows(n, config)


def max_layernorm_error(config: LayerNormConfig = _DEFAULT) -> float:
    """The largest |y − exact| over all rows here, in units of each row's σ, ε included."""
    worst = 0.0
    for rows in all_rows(config):
        for epsilon in _EPSILONS:
            found = normalise(rows, epsilon, config) / (1 << config.FRACTION)
            worst = max(worst, float(np.abs(found - exact_layernorm(rows, epsilon)).max()))
    return worst
