"""Scales of groups folded into codes: the array has one scale an output channel, and no zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .granularity import PerChannel
from .quantised import Quantised
from .ranges import least_squares
from .uniform import Uniform, quantise_uniform

__all__ = ["FoldedGroups", "fold_groups"]


@dataclass(frozen=True, kw_only=True)
class FoldedGroups:
    """What folding gave, and what it cost.

    Parameters
    ----------
    quantised : Quantised
        Codes [K, N] with scales [1, N].
    error : array [K, N]
        The values before less those after: at most half the new scale, but for float64's rounding.
    """

    quantised: Quantised
    error: NDArray[np.float64]

    @property
    def largest(self) -> float:
        """max |error|."""
        return float(np.abs(self.error).max(initial=0.0))


def fold_groups(weights: Quantised, width: int = 8) -> FoldedGroups:
    """Weights in groups as symmetric narrow codes with one scale an output channel.

    The values v = s_gn·(c − z) are rounded once more, at the scale u_n with the least squared error
    of max_k |v| / m for the upper half of all codes m, 127…64 at 8 bits. Codes of 4 bits thus take
    8, and keep what GPTQ made of them but for the error that is reported; it is 0, but for
    float64's rounding, where a channel has one scale and no |c − z| above the largest code.

    Parameters
    ----------
    weights : Quantised
        [K, N].
    width : int
        Bits of the new codes, 2…8.

    Raises
    ------
    TypeError
        ``width`` is not an int.
    ValueError
        It is out of its range, or the weights are not [K, N].
    """
    if weights.codes.ndim != 2:
        raise ValueError(f"weights must be [K, N], not of shape {weights.codes.shape}")
    values = weights.values
    grid, channels = Uniform(width=width), PerChannel(axis=1)
    tops = range(grid.max_code, grid.max_code // 2, -1)
    clip = least_squares(values, grid, channels, shrinks=tuple(grid.max_code / m for m in tops))
    folded = quantise_uniform(values, grid, channels, clip=clip)
    return FoldedGroups(quantised=folded, error=values - folded.values)
