"""Scales of codes by a range: the search of least squares, or what a rule says of a histogram.

A rule sees every value over the largest of those that it shares a scale with, all channels
together, so that few samples a channel are no harm; all channels are then cut by one factor.
"""

from __future__ import annotations

import numpy as np
from alembert.config import Format
from alembert_compression.entropy_range import Entropy
from alembert_compression.histogram import Observer
from alembert_compression.ranges import Percentile
from numpy.typing import ArrayLike, NDArray

from .code_grid import fit_scale, largest_integer, reach_of, top_scale
from .quantisation import Clip

__all__ = ["choose_scale", "kept_share"]

Float64 = NDArray[np.float64]


def choose_scale(
    samples: ArrayLike,
    largest: ArrayLike,
    fmt: Format,
    clip: Clip,
    *,
    per_channel: bool,
    power_of_two: bool = False,
    weight: ArrayLike = 1.0,
) -> Float64:
    """The scale of every channel; parameters and result as of
    :func:`~alembert_compiler.code_grid.fit_scale`.

    At the scale of every rule but "mse" the largest code stands for the end of the range; where
    scales are powers of two, a code of the highest octave does.

    Parameters
    ----------
    clip : Clip
        The rule; ``weight`` is for "mse" alone.
    """
    if clip.rule == "mse":
        return fit_scale(
            samples,
            largest,
            fmt,
            per_channel=per_channel,
            power_of_two=power_of_two,
            weight=weight,
        )
    reach = reach_of(largest, per_channel=per_channel)
    shares = np.asarray(samples, dtype=np.float64) / reach
    share = kept_share(shares, clip, levels=largest_integer(fmt) + 1)
    return top_scale(reach * share, fmt, power_of_two=power_of_two)


def kept_share(values: Float64, clip: Clip, *, levels: int) -> float:
    """How much of −1…1 is kept of values that lie in it, by any rule but "mse"; above 0."""
    if clip.rule == "absmax":
        return 1.0
    seen = Observer(reach=1.0)
    seen.observe(np.clip(values, -1.0, 1.0))  # samples are float32: one may be a bit beyond
    rule = Entropy(levels=levels) if clip.percent is None else Percentile(percent=clip.percent)
    low, high = rule(seen.histogram)
    return max(-low, high) or 1.0
