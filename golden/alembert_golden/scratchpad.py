"""Addresses of nested loops: what a walker puts out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from alembert.config.memory import WalkerConfig
from numpy.typing import NDArray

__all__ = ["walk"]


def walk(
    address: int, counts: Sequence[int], increments: Sequence[int], config: WalkerConfig
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The addresses of nested loops, in order, and which loops end with each.

    Address (k_0, …, k_n−1) is address + Σ k_i · increment_i modulo 2^address_width; k_n−1 runs
    fastest.

    Parameters
    ----------
    address : int
        The first one.
    counts, increments : sequence of int, [levels]
        Iterations of each loop, at least 1, and the distance between two; outermost first.
    config : WalkerConfig
        Levels and widths.

    Returns
    -------
    addresses : int64, [Π counts]
    last : bool, [Π counts, levels]
        Loop i, and with it every loop inside, ends with this address.

    Raises
    ------
    ValueError
        A value does not fit, or there is not one for each level.
    """
    _require("address", [address], 0, (1 << config.address_width) - 1)
    half = 1 << (config.increment_width - 1)
    for name, values, low, high in (
        ("counts", counts, 1, (1 << config.count_width) - 1),
        ("increments", increments, -half, half - 1),
    ):
        if len(values) != config.levels:
            raise ValueError(f"{name} must be {config.levels}, not {len(values)}")
        _require(name, values, low, high)
    positions = np.indices(counts).reshape(config.levels, -1)
    addresses = address + np.asarray(increments, np.int64) @ positions
    is_end = positions == np.reshape(counts, (-1, 1)) - 1
    # a loop ends where it and all that is inside it are in their last iteration
    last = np.logical_and.accumulate(is_end[::-1], axis=0)[::-1].T
    return addresses % (1 << config.address_width), last


def _require(name: str, values: Sequence[int], low: int, high: int) -> None:
    for value in values:
        if not low <= value <= high:
            raise ValueError(f"{name} must be between {low} and {high}, not {value}")
