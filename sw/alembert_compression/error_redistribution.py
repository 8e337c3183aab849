"""Rounding one input's weights after another, each error made up for by the inputs still to come.

GPTQ without a grid of its own: how a row is rounded is a parameter. With H⁻¹ = UᵀU, U upper
triangular, rounding row k by e_k = (w_k − ŵ_k) / U_kk moves every later row j by −U_kj · e_k.
Rows of a block are moved at once, all others when a block ends, which is the same sums in
another order. Source: Frantar et al., arXiv 2210.17323, algorithm 1.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable

import numpy as np
from alembert.config.checks import require_int
from numpy.typing import ArrayLike, NDArray

from .checks import finite_array, require_float
from .hessian import checked_hessian

__all__ = ["DampingWarning", "RoundRow", "at_scale", "descending", "redistribute"]

Float64 = NDArray[np.float64]

RoundRow = Callable[[int, Float64], tuple[NDArray, Float64]]
"""Of a position and the weights that are left from there on, [≥ 1, N]: the first row's codes, and
what they stand for."""

_RAISED = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Dampings that are tried where the one asked for is too little."""


class DampingWarning(UserWarning):
    """A Hessian was not positive definite, and was damped more than was asked for."""


def at_scale(nearest: Callable[[Float64], Float64], scale: ArrayLike) -> RoundRow:
    """Rounding to integers times a scale an output channel, [N]: codes are the integers.

    ``nearest`` gives the integers that codes stand for: ``np.rint`` and a clip, or AdaptivFloat's
    significands.
    """
    unit = np.asarray(scale, dtype=np.float64)

    def round_row(position: int, left: Float64) -> tuple[Float64, Float64]:
        integers = nearest(left[0] / unit)
        return integers, integers * unit

    return round_row


def descending(hessian: Float64) -> NDArray[np.int64]:
    """Inputs by falling diagonal, equal ones as they come: the order of "act-order".

    What the largest inputs get wrong, the others can still make up for.
    """
    return np.argsort(-np.diag(hessian), kind="stable")


def redistribute(
    weights: ArrayLike,
    hessian: ArrayLike,
    round_row: RoundRow,
    *,
    order: NDArray[np.int64] | None = None,
    damping: float = 0.01,
    block_size: int = 128,
    group_size: int | None = None,
    name: str = "a layer",
) -> NDArray:
    """Codes of a linear layer's weights, for the least output error.

    Inputs that were always 0 are dead: their weights become 0, and move no others.

    Parameters
    ----------
    weights : array [K, N]
    hessian : array [K, K]
        Of the inputs; its scale does not matter.
    round_row : RoundRow
        Called for positions 0…K − 1, once each.
    order : array of int, [K], optional
        The input at each position; 0…K − 1 without it.
    damping : float
        Of the mean of the living inputs' diagonal, added to all of it; not negative. Where the
        Hessian is not positive definite with it, it is raised, up to 100, with a
        :class:`DampingWarning`.
    block_size : int
        Inputs between two updates of all the rest, at least 1. Results depend on it by float64's
        rounding alone.
    group_size : int, optional
        At its multiples, ``round_row`` gets weights that are up to date; elsewhere, their first
        row is.
    name : str
        What the warning calls the layer.

    Returns
    -------
    array [K, N]
        By input, whatever the order.

    Raises
    ------
    TypeError
        An argument is of the wrong kind.
    ValueError
        NaN, infinity or shapes that do not fit; an order that is none; parameters out of their
        ranges; or a Hessian that no damping makes positive definite.
    """
    exact = finite_array(weights, "weights")
    if exact.ndim != 2:
        raise ValueError(f"weights must be [K, N], not of shape {exact.shape}")
    K = len(exact)
    for what, size in (("block size", block_size), ("group size", group_size)):
        if size is not None:
            require_int(what, size)
            if size < 1:
                raise ValueError(f"{what} must be at least 1, not {size}")
    matrix = checked_hessian(hessian, K)
    order = np.arange(K) if order is None else np.asarray(order)
    if order.dtype.kind not in "iu" or not np.array_equal(np.sort(order), np.arange(K)):
        raise ValueError(f"order must hold each of 0…{K - 1} once, not {order.tolist()}")
    upper = _upper_factor(matrix, order, damping, name)
    left = np.where(np.diag(matrix)[:, np.newaxis] == 0, 0.0, exact)[order]
    rows: list[NDArray] = []
    for first, end in _blocks(K, block_size, group_size):
        errors = np.empty((end - first, left.shape[1]))
        for k in range(first, end):
            codes, values = round_row(k, left[k:])
            rows.append(codes)
            errors[k - first] = error = (left[k] - values) / upper[k, k]
            left[k + 1 : end] -= np.outer(upper[k, k + 1 : end], error)
        left[end:] -= upper[first:end, end:].T @ errors
    result = np.empty((K, left.shape[1]), dtype=rows[0].dtype if rows else np.float64)
    for k, codes in zip(order, rows):
        result[k] = codes
    return result


def _blocks(K: int, block_size: int, group_size: int | None) -> list[tuple[int, int]]:
    """[first, end) of every block: none goes on beyond the beginning of a group."""
    starts = set(range(0, K, block_size)) | set(range(0, K, group_size or max(K, 1)))
    edges = [*sorted(starts), K]
    return list(itertools.pairwise(edges))


def _upper_factor(hessian: Float64, order: NDArray[np.int64], damping: float, name: str) -> Float64:
    """U of the damped Hessian in this order."""
    if not 0 <= require_float("damping", damping) < np.inf:
        raise ValueError(f"damping must be finite and not negative, not {damping!r}")
    variance = np.diag(hessian)
    is_dead = variance == 0
    mean = float(variance[~is_dead].mean()) if not is_dead.all() else 1.0
    living = (hessian + np.diag(np.where(is_dead, mean, 0.0)))[np.ix_(order, order)]
    for tried in (damping, *(more for more in _RAISED if more > damping)):
        try:
            upper = _inverse_factor(living + np.eye(len(order)) * tried * mean)
        except np.linalg.LinAlgError:
            continue
        if tried != damping:
            warnings.warn(
                f"the Hessian of {name} is not positive definite with damping {damping!r}, which "
                f"is raised to {tried!r}: more inputs to calibrate with, or rounding 'nearest', "
                f"need no more",
                DampingWarning,
                stacklevel=3,
            )
        return upper
    raise ValueError(
        f"the Hessian of {name} must be positive definite, and is not with damping "
        f"{max(damping, _RAISED[-1])!r}: more inputs to calibrate with are needed, or rounding "
        f"'nearest'"
    )


def _inverse_factor(damped: Float64) -> Float64:
    np.linalg.cholesky(damped)  # an inverse of what is not positive definite may look so
    return np.linalg.cholesky(np.linalg.inv(damped)).T.astype(np.float64, copy=False)
