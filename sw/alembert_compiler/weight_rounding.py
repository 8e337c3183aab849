"""Weights rounded one input after another, each error made up for by the inputs still to come.

GPTQ on the grid of a machine's codes; see :mod:`alembert_compression.error_redistribution`.
"""

from __future__ import annotations

import numpy as np
from alembert.config import Format
from alembert_compression.error_redistribution import at_scale, descending, redistribute
from numpy.typing import NDArray

from .code_grid import nearest

__all__ = ["round_weights"]

Float64 = NDArray[np.float64]


def round_weights(
    weights: Float64, scale: Float64, fmt: Format, covariance: Float64 | None = None
) -> Float64:
    """Integers J of codes, with J · scale ≈ weights.

    Parameters
    ----------
    weights : array [K, N]
    scale : array [N]
        What a 1 stands for in every output channel.
    fmt : Format
        The codes'.
    covariance : array [K, K], optional
        Of the inputs; each weight is rounded by itself without it, and that of an input that did
        not vary, too: others may come.

    Returns
    -------
    array [K, N]
    """
    plain = nearest(weights / scale, fmt)
    if covariance is None:
        return plain
    varies = np.diag(covariance) > 0
    living = np.where(np.outer(varies, varies), covariance, 0.0)
    rounding = at_scale(lambda values: nearest(values, fmt), scale)
    chosen = redistribute(weights, living, rounding, order=descending(living))
    return np.where(varies[:, np.newaxis], chosen, plain)
