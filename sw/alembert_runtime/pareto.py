"""The Pareto front: what nothing else is better than in one respect and no worse in the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["pareto_front"]


def pareto_front(costs: ArrayLike, values: ArrayLike) -> NDArray[np.int64]:
    """Which of n points lie on the front, the cheapest first.

    A point is on the front if no other costs at most as much and is worth at least as much, one of
    the two strictly. Of points that are equal in both, the first is.

    Parameters
    ----------
    costs, values : array [n]
        Less is better; more is better.

    Raises
    ------
    ValueError
        They are not two rows of n finite numbers.
    """
    cost = np.asarray(costs, dtype=np.float64)
    value = np.asarray(values, dtype=np.float64)
    if cost.ndim != 1 or cost.shape != value.shape:
        raise ValueError(
            f"costs and values must be two rows of numbers, not {cost.shape} and {value.shape}"
        )
    if not (np.isfinite(cost).all() and np.isfinite(value).all()):
        raise ValueError("costs and values must be finite")
    order = np.lexsort((np.arange(len(cost)), -value, cost))
    best = np.maximum.accumulate(np.concatenate([[-np.inf], value[order]]))
    return order[value[order] > best[:-1]]
