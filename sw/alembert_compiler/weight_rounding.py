"""Weights rounded one input after another, each error made up for by the inputs still to come.

Source: Frantar et al., GPTQ, arXiv 2210.17323. For inputs of covariance H, rounding row k of the
weights moves the outputs by e · x_k; the rows after it are moved by what predicts x_k from theirs.
"""

from __future__ import annotations

import numpy as np
from alembert.config import Format
from numpy.typing import NDArray

from .code_grid import nearest

__all__ = ["DAMPING", "round_weights"]

Float64 = NDArray[np.float64]

DAMPING = 0.01
"""Of the mean variance, added to every input's: what a calibration set has not shown."""


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
        Of the inputs; each weight is rounded by itself without it.

    Returns
    -------
    array [K, N]
    """
    if covariance is None or not covariance.any():
        return nearest(weights / scale, fmt)
    K = len(weights)
    variance = np.diag(covariance)
    # the largest first: what they get wrong, the others can still make up for
    order = np.argsort(-variance, kind="stable")
    damped = covariance[np.ix_(order, order)] + np.eye(K) * DAMPING * variance.mean()
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T
    left = weights[order].astype(np.float64)
    integers = np.zeros_like(left)
    for k in range(K):
        integers[k] = nearest(left[k] / scale, fmt)
        error = (left[k] - integers[k] * scale) / upper[k, k]
        left[k + 1 :] -= np.outer(upper[k, k + 1 :], error)
    result = np.empty_like(integers)
    result[order] = integers
    return result
