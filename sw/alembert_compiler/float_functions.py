"""The transformer's functions in float32, as the reference a quantised model is held against."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["erf", "gelu", "gelu_tanh", "layer_norm", "linear", "softmax"]

Float32 = NDArray[np.float32]

_STEPS = 64  # of the error function's table, per unit
_LIMIT = 6  # beyond which erf is ±1 in float64: 1 − erf(6) < 2^−55


def _taylor_coefficients() -> NDArray[np.float64]:
    """erf's value and its first four derivatives over 1!…4!, at i/64; [5, 385]."""
    a = np.arange(_LIMIT * _STEPS + 1) / _STEPS
    slope = 2 / math.sqrt(math.pi) * np.exp(-a * a)
    value = np.array([math.erf(x) for x in a])
    # erf'' = −2a·slope, erf''' = (4a² − 2)·slope, erf'''' = (12a − 8a³)·slope
    factors = np.stack([np.ones_like(a), -a, (2 * a**2 - 1) / 3, a / 2 - a**3 / 3])
    return np.concatenate([value[np.newaxis], factors * slope])


_TAYLOR = _taylor_coefficients()


def erf(x: ArrayLike) -> NDArray[np.float64]:
    """The error function, in float64, to 2^−38 absolute.

    Taylor's series to the fourth derivative around the nearest of 385 exact values: with
    |h| ≤ 2^−7 the next term is below 2^−38. numpy has no error function.
    """
    x = np.asarray(x, dtype=np.float64)
    scaled = np.minimum(np.abs(x), float(_LIMIT)) * _STEPS
    nearest = np.rint(scaled)
    h = (scaled - nearest) / _STEPS
    index = nearest.astype(np.int64)
    result = _TAYLOR[4].take(index)
    for coefficients in _TAYLOR[3::-1]:
        result *= h
        result += coefficients.take(index)
    return np.copysign(result, x)


def gelu(x: Float32) -> Float32:
    """x · Φ(x), the erf form."""
    return (x * (0.5 * (1 + erf(x * math.sqrt(0.5))))).astype(np.float32)


def gelu_tanh(x: Float32) -> Float32:
    """x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³))), for checkpoints that ask for ``gelu_new``."""
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return (0.5 * x * (1 + np.tanh(inner))).astype(np.float32)


def layer_norm(x: Float32, weight: Float32, bias: Float32, epsilon: float) -> Float32:
    """(x − μ) / √(σ² + ε) · weight + bias over the last axis, σ² the population's variance."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    return (centred / np.sqrt(variance + epsilon) * weight + bias).astype(np.float32)


def softmax(x: Float32) -> Float32:
    """e^x / Σ e^x over the last axis; −inf gives exactly 0."""
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def linear(
    x: Float32,
    weight: Float32,
    bias: Float32,
    multiply: Callable[[Float32, Float32], Float32] = np.matmul,
) -> Float32:
    """x · weightᵀ + bias, the weight stored as [out, in]; ``multiply`` is how two matrices are
    multiplied."""
    # one product of two matrices: numpy would do a batch of small ones one by one
    rows = x.reshape(-1, x.shape[-1])
    return (multiply(rows, weight.T) + bias).reshape(*x.shape[:-1], len(bias))
