"""Weights rounded one input after another, each error made up for by the inputs still to come.

GPTQ on the grid of a machine's codes; see :mod:`alembert_compression.error_redistribution`.
"""

from __future__ import annotations

import numpy as np
from alembert.config import Format
from alembert_compression.error_redistribution import descending, redistribute
from numpy.typing import NDArray

from .code_grid import nearest
from .exact_products import product

__all__ = ["round_weights"]

Float64 = NDArray[np.float64]


def round_weights(
    weights: Float64,
    scale: Float64,
    fmt: Format,
    covariance: Float64 | None = None,
    *,
    act_order: bool = True,
    name: str = "a layer",
) -> Float64:
    """Integers J of codes, with J · scale ≈ weights.

    Weights that are exactly 0 stay so: they were pruned, and no error is put into them. Where that
    leaves an output channel too little to make up for errors with, so that its output would be
    worse for it, its weights are rounded by themselves.

    Parameters
    ----------
    weights : array [K, N]
    scale : array [N] or [K, N]
        What a 1 stands for, in every output channel or for every weight.
    fmt : Format
        The codes'.
    covariance : array [K, K], optional
        Of the inputs; each weight is rounded by itself without it, and that of an input that did
        not vary, too: others may come.
    act_order : bool
        Begin with the inputs that vary most; otherwise with the first.
    name : str
        What a warning calls the layer, if its covariance needs more damping.

    Returns
    -------
    array [K, N]
    """
    plain = nearest(weights / scale, fmt)
    if covariance is None:
        return plain
    varies = np.diag(covariance) > 0
    living = np.where(np.outer(varies, varies), covariance, 0.0)
    order = descending(living) if act_order else np.arange(len(living))
    units = np.broadcast_to(scale, weights.shape)
    is_pruned = weights == 0

    def round_row(position: int, left: Float64) -> tuple[Float64, Float64]:
        k = order[position]
        integers = np.where(is_pruned[k], 0.0, nearest(left[0] / units[k], fmt))
        return integers, integers * units[k]

    chosen = redistribute(weights, living, round_row, order=order, name=name)
    is_worse = _loss(chosen * units - weights, living) > _loss(plain * units - weights, living)
    chosen = np.where(is_pruned.any(axis=0) & is_worse, plain, chosen)
    return np.where(varies[:, np.newaxis], chosen, plain)


def _loss(error: Float64, covariance: Float64) -> Float64:
    """The variance of what an error [K, N] of the weights makes of the outputs, [N]."""
    return np.add.reduce(error * product(covariance, error), axis=0)
