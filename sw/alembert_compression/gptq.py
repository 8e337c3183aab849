"""GPTQ: weights in affine integers, rounded so that the layer's outputs move least.

Source: Frantar et al., arXiv 2210.17323; group sizes, act-order and static groups are those of
the authors' published settings.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from alembert.config.checks import require_int
from numpy.typing import ArrayLike, NDArray

from .checks import finite_array
from .error_redistribution import descending, redistribute
from .granularity import Groups, PerChannel
from .hessian import checked_hessian
from .quantised import Quantised
from .uniform import Uniform, codes_at, extremes, scale_of_range

__all__ = ["FitRange", "gptq"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

FitRange = Callable[[Float64], tuple[Float64, Float64]]
"""Of weights [g, N]: the range of every output channel, [1, N] both."""


def _min_max(rows: Float64) -> tuple[Float64, Float64]:
    return extremes(rows, PerChannel(axis=1))


def gptq(
    weights: ArrayLike,
    hessian: ArrayLike,
    grid: Uniform,
    *,
    group_size: int = -1,
    act_order: bool = False,
    static_groups: bool = False,
    damping: float = 0.01,
    block_size: int = 128,
    fit_range: FitRange = _min_max,
    name: str = "a layer",
) -> Quantised:
    """A linear layer's weights in affine integers.

    Parameters
    ----------
    weights : array [K, N]
        The layer is x · W.
    hessian : array [K, K]
        Of its inputs: :class:`~alembert_compression.hessian.Hessian`, or their covariance.
    grid : Uniform
    group_size : int
        Inputs that share a scale for each output channel; −1: all. The last group may be smaller.
    act_order : bool
        Round the inputs with the largest diagonal first.
    static_groups : bool
        Groups of successive inputs, their scales from the weights as they are given. Otherwise
        groups are of inputs that are rounded one after another, and their scales from the weights
        as they are by then: with ``act_order`` a group's inputs lie anywhere.
    damping, block_size, name
        See :func:`~alembert_compression.error_redistribution.redistribute`.
    fit_range : FitRange
        The range of a group's weights; their extremes by default. Weights of dead inputs are 0.

    Returns
    -------
    Quantised
        Scales and zero points [1, N], or [groups, N] with the inputs' groups.

    Raises
    ------
    TypeError
        An argument is of the wrong kind.
    ValueError
        As ``redistribute``; or a group size is neither −1 nor positive.
    """
    exact = finite_array(weights, "weights")
    if exact.ndim != 2 or not exact.size:
        raise ValueError(f"weights must be [K, N], not of shape {exact.shape}")
    K, N = exact.shape
    require_int("group size", group_size)
    if group_size != -1 and group_size < 1:
        raise ValueError(f"group size must be −1 or at least 1, not {group_size}")
    size = K if group_size == -1 else group_size
    matrix = checked_hessian(hessian, K)
    order = descending(matrix) if act_order else np.arange(K)
    num_groups = -(-K // size)
    scale, zero = np.ones((num_groups, N)), np.zeros((num_groups, N), dtype=np.int64)

    def fit(group: int, rows: Float64) -> None:
        low, high = fit_range(rows)
        scale[group], zero[group] = scale_of_range(low, high, grid)

    by_position = (order if static_groups else np.arange(K)) // size
    if static_groups:
        living = np.where(np.diag(matrix)[:, np.newaxis] == 0, 0.0, exact)
        for group in range(num_groups):
            fit(group, living[group * size : (group + 1) * size])

    def round_row(position: int, left: Float64) -> tuple[Int64, Float64]:
        group = by_position[position]
        if not static_groups and position % size == 0:
            fit(group, left[:size])
        codes = codes_at(left[0], scale[group], zero[group], grid)
        return codes, (codes - zero[group]) * scale[group]

    codes = redistribute(
        exact,
        matrix,
        round_row,
        order=order,
        damping=damping,
        block_size=block_size,
        group_size=None if static_groups else size,
        name=name,
    )
    if group_size == -1:
        return Quantised(codes=codes, scale=scale, zero=zero)
    index = np.empty(K, dtype=np.int64)
    index[order] = by_position
    return Quantised(codes=codes, scale=scale, zero=zero, groups=Groups(index=index, axis=0))
