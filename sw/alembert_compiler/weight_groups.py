"""Weights in few bits, with a scale for each group of inputs, folded into a machine's codes."""

from __future__ import annotations

import numpy as np
from alembert.config import IntegerFormat
from alembert_compression.granularity import Groups, PerGroup
from alembert_compression.group_folding import fold_groups
from alembert_compression.quantised import Quantised
from alembert_compression.ranges import least_squares
from alembert_compression.uniform import Uniform, extremes, scale_of_range
from numpy.typing import ArrayLike, NDArray

from .quantisation import Quantisation
from .scale_choice import kept_share
from .weight_rounding import round_weights

__all__ = ["round_groups"]

Float64 = NDArray[np.float64]


def round_groups(
    weights: Float64,
    fmt: IntegerFormat,
    quantisation: Quantisation,
    covariance: Float64 | None,
    importance: ArrayLike,
    *,
    name: str = "a layer",
) -> tuple[Float64, Float64]:
    """Integers [K, N] of a machine's codes and their scales [N], by way of groups.

    Parameters
    ----------
    weights : array [K, N]
    fmt : IntegerFormat
        The machine's.
    quantisation : Quantisation
        Its group size, bits and range.
    covariance : array [K, K], optional
        Of the inputs; none: weights are rounded one by one.
    importance : array
        Of the weights' squared errors, broadcast against them.
    name : str
        Of the layer, for warnings.
    """
    bits = quantisation.weight_bits or fmt.width
    grid, per_group = Uniform(width=bits), PerGroup(size=quantisation.group_size, axis=0)
    groups = per_group.groups(weights.shape)
    scale = _scales(weights, grid, per_group, groups, quantisation, importance)
    integers = round_weights(
        weights,
        groups.spread(scale),
        IntegerFormat(width=bits),
        covariance,
        act_order=quantisation.act_order,
        name=name,
    )
    grouped = Quantised(
        codes=integers.astype(np.int64),
        scale=scale,
        zero=np.zeros(scale.shape, dtype=np.int64),
        groups=groups,
    )
    folded = fold_groups(grouped, width=fmt.width).quantised
    return folded.codes.astype(np.float64), folded.scale[0]


def _scales(
    weights: Float64,
    grid: Uniform,
    per_group: PerGroup,
    groups: Groups,
    quantisation: Quantisation,
    importance: ArrayLike,
) -> Float64:
    """[groups, N], by the range."""
    clip = quantisation.weight_range
    low, high = extremes(weights, per_group)
    if clip.rule == "mse":
        low, high = least_squares(weights, grid, per_group, weight=importance)
    else:
        reach = np.maximum(-low, high)
        within = weights / groups.spread(np.where(reach > 0, reach, 1.0))
        share = kept_share(within, clip, levels=grid.max_code + 1)
        low, high = low * share, high * share
    return scale_of_range(low, high, grid)[0]
