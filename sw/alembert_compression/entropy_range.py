"""The clipping range that loses the least information: KL divergence over a histogram.

For every range of bins about 0, P is the histogram within it, the counts beyond added to its
outermost bins; Q is the histogram within it in as many levels as codes have, each level's count
spread evenly over those of its bins that P has something in. Both are smoothed: ε in place of
each empty bin, taken from the others. The range with the least D(P‖Q) = Σ P·log(P / Q) wins.

Source: Migacz, "8-bit inference with TensorRT", GPU Technology Conference 2017, s7310.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alembert.config.checks import require_int
from numpy.typing import NDArray

from .histogram import Histogram

__all__ = ["Entropy"]

Int64 = NDArray[np.int64]

_SMOOTHING = 1e-4


@dataclass(frozen=True, kw_only=True)
class Entropy:
    """See the module. The thresholds are those of ONNX Runtime's calibration, bit for bit.

    That is: spread counts are whole numbers, bins that are left over behind equal levels have
    none, a range has one bin more above 0 than below (but for the widest), and the divergence is
    in float32; the first of equal ones wins. But where no range has a divergence, because all
    counts are in the outermost bins, it is what was seen, and nothing saturates.

    Parameters
    ----------
    levels : int
        At least 2; 128 for 8 bits. A histogram must have as many bins, and should have many more.

    Raises
    ------
    TypeError
        ``levels`` is not an int.
    ValueError
        There are too few levels, or (when called) bins.
    """

    levels: int = 128

    def __post_init__(self) -> None:
        require_int("levels", self.levels)
        if self.levels < 2:
            raise ValueError(f"levels must be at least 2, not {self.levels}")

    def __call__(self, seen: Histogram) -> tuple[float, float]:
        counts, middle = seen.counts, len(seen.counts) // 2
        if len(counts) < self.levels:
            raise ValueError(
                f"a histogram for {self.levels} levels must have at least {self.levels} bins, "
                f"not {len(counts)}"
            )
        halves = range(self.levels // 2, middle + 1)
        firsts = [middle - half for half in halves]
        ends = [min(middle + half + 1, len(counts)) for half in halves]
        divergences = [self._divergence(counts, a, b) for a, b in zip(firsts, ends)]
        best = int(np.argmin(divergences))
        if np.isinf(divergences[best]):
            return seen.low, seen.high
        low, high = seen.edges[firsts[best]], seen.edges[ends[best]]
        return max(float(low), seen.low), min(float(high), seen.high)

    def _divergence(self, counts: Int64, first: int, end: int) -> np.float32:
        inside = counts[first:end]
        reference = inside.copy()
        reference[0] += counts[:first].sum()
        reference[-1] += counts[end:].sum()
        bins = len(inside) // self.levels
        whole = bins * self.levels
        level = inside[:whole].reshape(self.levels, bins).sum(axis=1)
        level[-1] += inside[whole:].sum()
        occupied = (reference[:whole] != 0).reshape(self.levels, bins).sum(axis=1)
        spread = np.zeros_like(inside)
        spread[:whole] = np.repeat(level // np.maximum(occupied, 1) * (occupied > 0), bins)
        p, q = _smoothed(reference), _smoothed(spread)
        if p is None or q is None:
            return np.float32(np.inf)
        return (p * np.log(p / q)).sum()


def _smoothed(counts: Int64) -> NDArray[np.float32] | None:
    """Probabilities without a 0 among them; None where too few bins would have to give."""
    empty = counts == 0
    num_empty = int(empty.sum())
    num_occupied = len(counts) - num_empty
    if not num_occupied:
        return None
    change = np.where(empty, _SMOOTHING, -_SMOOTHING * num_empty / num_occupied)
    smooth = np.add(counts.astype(np.float32), change.astype(np.float32), dtype=np.float32)
    return np.divide(smooth, smooth.sum(), dtype=np.float32) if (smooth > 0).all() else None
