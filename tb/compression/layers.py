"""A linear layer whose inputs go together."""

from __future__ import annotations

import numpy as np
from alembert_compression.hessian import Hessian
from numpy.typing import NDArray

__all__ = ["layer"]

Float64 = NDArray[np.float64]


def layer(K: int = 48, N: int = 20, seed: int = 1) -> tuple[Float64, Float64]:
    """Weights, and the Hessian of inputs that go together."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(K, K)) * np.geomspace(1, 0.05, K)
    seen = Hessian(K)
    seen.add(rng.normal(size=(4 * K, K)) @ mixing.T)
    return rng.normal(size=(K, N)), seen.matrix
