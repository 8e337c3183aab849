"""VMAC array: exact integer dot products of codes."""

from __future__ import annotations

import numpy as np
from alembert.config import AdaptivFloatFormat, Format, FormatPair
from numpy.typing import ArrayLike, NDArray

from .adaptivfloat import significand

__all__ = ["accumulate", "integers"]

_FLOAT64_EXACT = 1 << 53


def integers(codes: ArrayLike, fmt: Format) -> NDArray[np.int64]:
    """The integers that codes stand for.

    AdaptivFloat codes are given as unsigned bit patterns and become ±significand · 2^E; integer
    and ternary codes are given as the signed numbers they are.

    Raises
    ------
    ValueError
        A code is outside the format's range.
    """
    if isinstance(fmt, AdaptivFloatFormat):
        return significand(codes, fmt)
    codes = np.asarray(codes, dtype=np.int64)
    if codes.size and (codes.min() < fmt.min_value or codes.max() > fmt.max_value):
        raise ValueError(
            f"{fmt} codes must be between {fmt.min_value} and {fmt.max_value}, "
            f"not {codes.min()}…{codes.max()}"
        )
    return codes


def accumulate(
    activations: ArrayLike, weights: ArrayLike, pair: FormatPair, *, max_depth: int
) -> NDArray[np.int64]:
    """Exact accumulators of a matrix product, [M, K] × [K, N] → [M, N].

    The integers count units of 1 for integer formats, of 2^(b_a + b_w − m_a − m_w) for
    AdaptivFloat.

    Raises
    ------
    ValueError
        The shapes do not fit, K exceeds ``max_depth``, a dimension is zero, or a code is outside
        its format.
    """
    a = integers(activations, pair.activation)
    w = integers(weights, pair.weight)
    if a.ndim != 2 or w.ndim != 2 or a.shape[1] != w.shape[0]:
        raise ValueError(
            f"shapes of a matrix product must be M×K and K×N, not {a.shape}, {w.shape}"
        )
    depth = a.shape[1]
    if 0 in (*a.shape, *w.shape):
        raise ValueError(
            f"dimensions of a matrix product must be positive, not {a.shape}, {w.shape}"
        )
    if depth > max_depth:
        raise ValueError(
            f"depth K of a matrix product must be at most {max_depth}, which the accumulator is "
            f"made for, not {depth}"
        )
    if depth * pair.max_product < _FLOAT64_EXACT:
        # every partial sum is an integer below 2^53: BLAS in float64 is exact, and fast
        return (a.astype(np.float64) @ w.astype(np.float64)).astype(np.int64)
    return a @ w
