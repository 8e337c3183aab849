"""Rules that choose a clipping range from what a calibration has seen: histogram in, ends out.

A rule is called with a :class:`~alembert_compression.histogram.Histogram` and gives (low, high)
for :func:`~alembert_compression.uniform.quantise_uniform`'s ``clip``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import finite_array, require_float
from .granularity import Granularity, PerTensor
from .histogram import Histogram
from .uniform import Uniform, codes_at, extremes, scale_of_range

__all__ = [
    "SHRINKS",
    "AbsMax",
    "LeastSquares",
    "MinMax",
    "Percentile",
    "RangeRule",
    "least_squares",
]

Float64 = NDArray[np.float64]
RangeRule = Callable[[Histogram], tuple[float, float]]

SHRINKS = tuple(1 - step / 100 for step in range(80))
"""Factors that the least-squares search tries: 1, 0.99, … 0.21."""


@dataclass(frozen=True, kw_only=True)
class AbsMax:
    """−max|x|…max|x|: nothing saturates."""

    def __call__(self, seen: Histogram) -> tuple[float, float]:
        largest = max(-seen.low, seen.high)
        return -largest, largest


@dataclass(frozen=True, kw_only=True)
class MinMax:
    """min x…max x: nothing saturates."""

    def __call__(self, seen: Histogram) -> tuple[float, float]:
        return seen.low, seen.high


@dataclass(frozen=True, kw_only=True)
class Percentile:
    """The range that all but a share of the values lie in, half of it cut at either end.

    With F_i the share of values in the bins 0…i and c = (1 − p)/2, the range begins with the first
    bin where F ≥ c and ends with the first where F ≥ 1 − c, whole bins both, and is no wider than
    what was seen. Hence at most c of the values saturate at either end.

    Parameters
    ----------
    percent : float
        100·p, above 0 and at most 100.

    Raises
    ------
    TypeError
        It is not a number.
    ValueError
        It is out of its range.
    """

    percent: float = 99.99

    def __post_init__(self) -> None:
        if not 0 < require_float("percent", self.percent) <= 100:
            raise ValueError(f"percent must be above 0 and at most 100, not {self.percent!r}")

    def __call__(self, seen: Histogram) -> tuple[float, float]:
        reached, cut = np.cumsum(seen.counts), (1 - self.percent / 100) / 2
        first = int(np.searchsorted(reached, cut * seen.total))
        last = int(np.searchsorted(reached, (1 - cut) * seen.total))
        low, high = float(seen.edges[first]), float(seen.edges[last + 1])
        return max(low, seen.low), min(high, seen.high)


def least_squares(
    values: ArrayLike,
    grid: Uniform,
    granularity: Granularity | None = None,
    *,
    weight: ArrayLike = 1.0,
    shrinks: tuple[float, ...] = SHRINKS,
) -> tuple[Float64, Float64]:
    """The ranges with the least Σ weight · (x − x̂)², of the extremes times each of ``shrinks``.

    Both ends shrink alike. The first of equal errors wins, so that the widest does.

    Parameters
    ----------
    values : array
        Any shape.
    grid : Uniform
        What they are rounded to.
    granularity : Granularity, optional
        What shares a range; all of the tensor without it.
    weight : array
        Of the squared errors, broadcast against the values: counts, or the inputs' variances.
    shrinks : tuple of float
        Positive factors.

    Returns
    -------
    low, high : array
        Of the granularity's compact shape.

    Raises
    ------
    TypeError
        The tensor holds something else than real numbers.
    ValueError
        The tensor holds NaN or infinity, or a factor is not positive and finite.
    """
    array = finite_array(values)
    granularity = PerTensor() if granularity is None else granularity
    factor = finite_array(weight, "weight")
    low, high = extremes(array, granularity)
    groups = granularity.groups(array.shape)
    best, least = np.ones(low.shape), np.full(low.shape, np.inf)
    for shrink in shrinks:
        if not 0 < shrink < np.inf:
            raise ValueError(f"shrink factors must be positive and finite, not {shrink!r}")
        scale, zero = scale_of_range(low * shrink, high * shrink, grid)
        if groups is not None:
            scale, zero = groups.spread(scale), groups.spread(zero)
        off = (codes_at(array, scale, zero, grid) - zero) * scale - array
        error = granularity.reduce(np.add, factor * off * off)
        better = error < least
        best, least = np.where(better, shrink, best), np.where(better, error, least)
    return low * best, high * best


@dataclass(frozen=True, kw_only=True)
class LeastSquares:
    """The range with the least squared error, each value taken for the centre of its bin.

    Parameters
    ----------
    grid : Uniform
        What values will be rounded to.
    shrinks : tuple of float
        See :func:`least_squares`.
    """

    grid: Uniform
    shrinks: tuple[float, ...] = SHRINKS

    def __call__(self, seen: Histogram) -> tuple[float, float]:
        occupied = seen.counts > 0
        # centres of the outermost bins may lie beyond what was seen
        centres = np.clip(seen.centres[occupied], seen.low, seen.high)
        low, high = least_squares(
            centres, self.grid, weight=seen.counts[occupied], shrinks=self.shrinks
        )
        return float(low), float(high)
