"""Products of matrices whose sums are exact, so that they do not depend on their order.

A BLAS library adds in an order that depends on how many threads it has, and on the processor. Here
both operands are rounded to integers, times a power of two for each row of the left one and each
column of the right one, narrow enough that no sum of K products leaves the integers that float64
has: b = ⌊(53 − ⌈log2 K⌉) / 2⌋ bits and a sign. What is left is right to

    2^−b−1 · Σ_k (|x_k|·‖w‖ + |w_k|·‖x‖) + K·2^−2b−2·‖x‖·‖w‖,

‖·‖ the power of two above the largest magnitude: about float32's own rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["gram", "multiply", "product"]

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_EXACT_BITS = 53
"""Of the integers that float64 has all of."""
_GRAM_ROWS = 4096


def product(left: ArrayLike, right: ArrayLike) -> Float64:
    """[..., M, K] times [..., K, N], in float64; NaN and infinity go through."""
    x, x_unit = _integers(left, axis=-1)
    w, w_unit = _integers(right, axis=-2)
    sums = x @ w
    sums *= x_unit
    sums *= w_unit
    return sums


def multiply(left: Float32, right: Float32) -> Float32:
    """The same in float32, rounded once."""
    return product(left, right).astype(np.float32)


def gram(rows: ArrayLike) -> Float64:
    """rowsᵀ · rows of [n, C], block by block from the first row."""
    exact = np.asarray(rows, dtype=np.float64)
    total = np.zeros((exact.shape[1], exact.shape[1]))
    for start in range(0, len(exact), _GRAM_ROWS):
        block = exact[start : start + _GRAM_ROWS]
        total += product(block.T, block)
    return total


def _integers(values: ArrayLike, *, axis: int) -> tuple[Float64, Float64]:
    """One operand of a product that sums over ``axis``, and what an integer 1 stands for."""
    exact = np.asarray(values, dtype=np.float64)
    bits = (_EXACT_BITS - max(exact.shape[axis] - 1, 0).bit_length()) // 2
    largest = np.maximum(
        exact.max(axis=axis, keepdims=True, initial=0.0),
        -exact.min(axis=axis, keepdims=True, initial=0.0),
    )
    exponents = np.frexp(largest)[1] - bits
    integers = exact * np.ldexp(1.0, -exponents)  # a power of two: exact
    return np.rint(integers, out=integers), np.ldexp(1.0, exponents)
