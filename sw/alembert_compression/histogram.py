"""A histogram that grows with what it sees: calibration sets need not fit in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alembert.config.checks import require_int
from numpy.typing import ArrayLike, NDArray

from .checks import finite_array, require_float

__all__ = ["Histogram", "Observer"]

Float64 = NDArray[np.float64]

_MOST_BINS = 1 << 20
_LEAST_REACH, _MOST_REACH = 2.0**-900, 2.0**900


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Counts in equal bins from −reach to reach.

    Parameters
    ----------
    counts : array of int64, [n]
    reach : float
        0 where nothing but zeros was seen.
    low, high : float
        The least and the largest value seen.
    """

    counts: NDArray[np.int64]
    reach: float
    low: float
    high: float

    @property
    def edges(self) -> Float64:
        """[n + 1], rising."""
        return np.linspace(-self.reach, self.reach, len(self.counts) + 1)

    @property
    def centres(self) -> Float64:
        """[n], of the bins."""
        edges = self.edges
        return (edges[:-1] + edges[1:]) / 2

    @property
    def total(self) -> int:
        """Of the counts."""
        return int(self.counts.sum())


class Observer:
    """Batches in, a :class:`Histogram` out.

    The first batch sets the reach to its largest magnitude; a batch that goes beyond adds as many
    whole bins to either end as hold it, so that no count ever moves to another bin.

    Parameters
    ----------
    bins : int
        At first; at least 2, and even, so that 0 is an edge.
    reach : float, optional
        To begin with, instead of the first batch's largest magnitude: for first batches that are
        no measure of those that follow.

    Raises
    ------
    TypeError
        A parameter is of the wrong kind.
    ValueError
        The bins are too few or odd, or the reach is not between 2^−900 and 2^900.
    """

    def __init__(self, *, bins: int = 2048, reach: float | None = None) -> None:
        require_int("bins", bins)
        if bins < 2 or bins % 2:
            raise ValueError(f"bins must be even and at least 2, not {bins}")
        self._reach = 0.0 if reach is None else _checked(require_float("reach", reach))
        self._counts = np.zeros(bins, dtype=np.int64)
        self._low, self._high = np.inf, -np.inf

    def observe(self, batch: ArrayLike) -> None:
        """Count a batch, of any shape; an empty one changes nothing.

        Raises
        ------
        TypeError
            It holds something else than real numbers.
        ValueError
            It holds NaN or infinity, or the histogram would have more than 2^20 bins or reach
            less than 2^−900 or more than 2^900.
        """
        values = finite_array(batch, "batch").reshape(-1)
        if not values.size:
            return
        largest = float(np.abs(values).max())
        if largest > self._reach:
            self._grow(_checked(largest))
        self._low = min(self._low, float(values.min()))
        self._high = max(self._high, float(values.max()))
        # all-zero so far: any symmetric interval puts zeros in the upper middle bin
        reach = self._reach or 1.0
        # the last place of a reach that has grown may be short of the largest value's
        within = np.clip(values, -reach, reach)
        self._counts += np.histogram(within, len(self._counts), range=(-reach, reach))[0]

    def _grow(self, largest: float) -> None:
        if not self._reach:
            self._reach = largest
            return
        stride = 2 * self._reach / len(self._counts)
        more = (largest - self._reach) // stride + 1
        if len(self._counts) + 2 * more > _MOST_BINS:
            raise ValueError(
                f"a histogram of {len(self._counts)} bins that reaches {self._reach!r} cannot "
                f"grow to {largest!r}: it may have at most {_MOST_BINS} bins; begin with a reach"
            )
        self._counts = np.pad(self._counts, int(more))
        self._reach += int(more) * stride

    @property
    def histogram(self) -> Histogram:
        """Of all that was observed.

        Raises
        ------
        ValueError
            Nothing was.
        """
        if self._low > self._high:
            raise ValueError("a histogram needs at least one value, and none was observed")
        return Histogram(
            counts=self._counts.copy(), reach=self._reach, low=self._low, high=self._high
        )


def _checked(reach: float) -> float:
    """A reach at which bins have a width in float64."""
    if not _LEAST_REACH <= reach <= _MOST_REACH:
        raise ValueError(f"a histogram must reach between 2^−900 and 2^900, not {reach!r}")
    return reach
