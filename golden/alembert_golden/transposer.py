"""Rows of codes to columns, a block of V rows at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["transpose_blocks"]


def transpose_blocks(rows: ArrayLike, lanes: int) -> NDArray[np.int64]:
    """The beats that leave a transposer when ``rows`` enter and the last of them ends a block.

    Parameters
    ----------
    rows : array of int, [R, V]
        A beat a row.
    lanes : int
        V.

    Returns
    -------
    array of int64, [⌈R/V⌉ · V, V]
        Beat b·V + c has in lane r what row b·V + r had in lane c; 0 where there is no such row.

    Raises
    ------
    ValueError
        The rows are not of V codes.
    """
    rows = np.asarray(rows, dtype=np.int64)
    if rows.ndim != 2 or rows.shape[1] != lanes:
        raise ValueError(f"rows must be of shape [R, {lanes}], not {list(rows.shape)}")
    blocks = -(-len(rows) // lanes)
    padded = np.zeros((blocks * lanes, lanes), dtype=np.int64)
    padded[: len(rows)] = rows
    return padded.reshape(blocks, lanes, lanes).swapaxes(1, 2).reshape(-1, lanes)
