"""Scales of what attention multiplies: activations on both sides, so no weight evens them out.

A dot product of a query and a key needs s_q[d] · s_k[d] to be the same for all channels d of a
head; a channel of a context has the scale of its channel of values times one factor a head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from alembert.config import AdaptivFloatFormat, Format
from numpy.typing import ArrayLike, NDArray

from .calibrate import Calibration, Statistics
from .quantisation import Clip
from .scale_choice import choose_scale
from .wide_range import wide_fraction_of

__all__ = ["AttentionScales", "attention_scales", "unbiased_contexts"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class AttentionScales:
    """What an integer 1 of a code stands for; A channels, of N heads side by side."""

    query: Float64
    """[A], of queries times log2(e)/√d."""
    key: Float64
    """[A]."""
    value: Float64
    """[A], of values without their bias."""
    probabilities: Float64
    """[N], powers of two."""
    context: Float64
    """[A], of contexts of such values; a power of two where they are wide."""
    score_unit: Float64
    """[N], s_q · s_k."""
    context_factor: Float64
    """[N], s_p · s_v / s_c."""


def attention_scales(
    calibration: Calibration,
    fmt: Format,
    *,
    heads: int,
    value_bias: ArrayLike,
    per_channel: bool,
    is_token: bool = False,
    clip: Clip | None = None,
) -> AttentionScales:
    """Choose the scales of a layer's attention.

    Parameters
    ----------
    calibration : Calibration
    fmt : Format
        The codes'.
    heads : int
    value_bias : array [A]
        Of the value projection; folded into the output projection's.
    per_channel : bool
        Values and contexts may have a scale a channel; one for all otherwise.
    is_token : bool
        Contexts are wide numbers, of one scale for all; values have one a head.
    clip : Clip, optional
        How far codes reach.
    """

    def fit(seen: Statistics, per_channel: bool, power_of_two: bool = False) -> Float64:
        return choose_scale(
            seen.samples,
            seen.largest,
            fmt,
            clip or Clip(),
            per_channel=per_channel,
            power_of_two=power_of_two,
        )

    def fit_groups(seen: Statistics, count: int) -> Float64:
        """One scale for each of as many groups of channels side by side."""
        scale = np.ones(len(seen.low))
        for group in np.split(np.arange(len(scale)), count):
            part = Statistics(
                low=seen.low[group], high=seen.high[group], samples=seen.samples[:, group]
            )
            scale[group] = fit(part, per_channel=False)
        return scale

    width = len(calibration["query"].low) // heads
    factor = math.log2(math.e) / math.sqrt(width)
    query, key = _balanced(
        fit(calibration["query"].scaled(np.full(width * heads, factor)), True),
        fit(calibration["key"], True),
        heads,
        power_of_two=isinstance(fmt, AdaptivFloatFormat),
    )
    probabilities = fit(calibration["probabilities"], True, power_of_two=True)
    values = calibration["value"].minus(value_bias)
    contexts = unbiased_contexts(calibration, value_bias)
    if is_token:
        value = fit_groups(values, heads)
        fraction = wide_fraction_of(float(contexts.largest.max()))
        context = np.full(width * heads, math.ldexp(1, -fraction))
    else:
        value = fit(values, per_channel)
        context = value * fit_groups(contexts.scaled(1 / value), heads if per_channel else 1)
    first = np.arange(heads) * width
    return AttentionScales(
        query=query,
        key=key,
        value=value,
        probabilities=probabilities,
        context=context,
        score_unit=query[first] * key[first],
        context_factor=probabilities * value[first] / context[first],
    )


def unbiased_contexts(calibration: Calibration, value_bias: ArrayLike) -> Statistics:
    """Contexts of values without their bias [A].

    Where values are nothing but that bias, they are 0: what rounding left has no scale.
    """
    does_vary = calibration["value"].minus(value_bias).largest > 0
    return calibration["context"].minus(value_bias).scaled(does_vary)


def _balanced(
    query: Float64, key: Float64, heads: int, *, power_of_two: bool
) -> tuple[Float64, Float64]:
    """Both scales enlarged as little as makes their product the same all over a head."""
    product = (query * key).reshape(heads, -1)
    unit = np.repeat(product.max(axis=1), product.shape[1])
    excess = np.sqrt(unit / (query * key))
    if power_of_two:
        excess = np.ldexp(1.0, np.floor(np.log2(excess)).astype(np.int64))
    return query * excess, unit / (query * excess)
