"""INT<n>: symmetric quantisation by absmax, and the multiplier that requantises.

A value is code · scale with codes in −(2^(n−1) − 1)…2^(n−1) − 1: the most negative code is never
made, so that a tensor and its negative have opposite codes. Scales are float64 and belong to the
compiler; the hardware sees codes and fixed-point multipliers alone.
"""

from __future__ import annotations

import numpy as np
from alembert.config import IntegerFormat
from numpy.typing import ArrayLike, NDArray

__all__ = ["absmax_scale", "dequantise", "quantise", "requantise_parameters"]

_MULTIPLIER_BITS = 32
_MAX_SHIFT = 63
_SMALLEST_SCALE = float(np.finfo(np.float64).tiny)


def _refuse_nan(values: NDArray[np.float64]) -> None:
    if np.isnan(values).any():
        raise ValueError(f"tensor holds NaN at {np.argwhere(np.isnan(values))[0].tolist()}")


def absmax_scale(
    values: ArrayLike, fmt: IntegerFormat, axis: int | tuple[int, ...] | None = None
) -> NDArray[np.float64]:
    """The scale at which the largest magnitude takes the largest code: max|x| / (2^(n−1) − 1).

    All-zero (or empty) values have the scale of values whose largest magnitude is 1. Infinities
    saturate when quantised and take no part in the choice. A scale is at least 2^−1022.

    Parameters
    ----------
    values : array
        Any shape.
    fmt : IntegerFormat
        The format of the codes.
    axis : int or tuple of int, optional
        The axes that share a scale; they stay, with length 1, so that the result broadcasts. For
        activations [M, K] axis −1 is a scale per token, for weights [K, N] axis 0 one per channel.
        Without it there is one scale per tensor, of shape ().

    Raises
    ------
    ValueError
        The tensor holds NaN.
    """
    values = np.asarray(values, dtype=np.float64)
    _refuse_nan(values)
    magnitude = np.where(np.isfinite(values), np.abs(values), 0.0)
    largest = np.asarray(magnitude.max(axis=axis, keepdims=axis is not None, initial=0.0))
    return np.where(largest == 0, 1.0, np.maximum(largest, _SMALLEST_SCALE * fmt.max_value)) / (
        fmt.max_value
    )


def quantise(values: ArrayLike, scale: ArrayLike, fmt: IntegerFormat) -> NDArray[np.int64]:
    """Codes of real numbers: values / scale, rounded to nearest, ties to even, saturated.

    The quotient is float64's, rounded once. Codes lie in ±(2^(n−1) − 1); infinities saturate.

    Parameters
    ----------
    values : array
        Any shape.
    scale : array
        Positive and finite, broadcast against ``values``.

    Raises
    ------
    ValueError
        The tensor holds NaN, or a scale is not a positive finite number.
    """
    values = np.asarray(values, dtype=np.float64)
    _refuse_nan(values)
    scale = _checked_scale(scale)
    with np.errstate(over="ignore"):  # a quotient beyond float64 saturates like infinity
        quotient = values / scale
    return np.rint(np.clip(quotient, -fmt.max_value, fmt.max_value)).astype(np.int64)


def dequantise(codes: ArrayLike, scale: ArrayLike) -> NDArray[np.float64]:
    """The codes' values, codes · scale, in float64.

    Raises
    ------
    ValueError
        A scale is not a positive finite number.
    """
    return np.asarray(codes, dtype=np.int64) * _checked_scale(scale)


def _checked_scale(scale: ArrayLike) -> NDArray[np.float64]:
    scale = np.asarray(scale, dtype=np.float64)
    good = np.isfinite(scale) & (scale > 0)
    if not good.all():
        raise ValueError(f"scale must be positive and finite, not {float(scale[~good][0])!r}")
    return scale


def requantise_parameters(
    real_multiplier: ArrayLike,
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Integers with which real_multiplier ≈ multiplier / 2^shift.

    The multiplier is normalised, 2^31 ≤ multiplier < 2^32, hence right to 2^−32 relative. Where
    that would take a shift beyond 63 (below 2^−32), the shift is 63 and the multiplier has the
    bits that are left, right to 2^−64 absolute, and at last 0.

    Parameters
    ----------
    real_multiplier : array
        Any shape; above 0 and at most 2^32 − 1. For a matrix product this is activation scale ×
        weight scale / output scale.

    Returns
    -------
    multiplier : array of uint32
        Rounded to nearest, ties to even.
    shift : array of uint8
        0…63.

    Raises
    ------
    ValueError
        A real multiplier is out of its range.
    """
    real = np.asarray(real_multiplier, dtype=np.float64)
    limit = (1 << _MULTIPLIER_BITS) - 1
    good = (real > 0) & (real <= limit)  # false for NaN
    if not good.all():
        raise ValueError(
            f"real multiplier must be above 0 and at most {limit}, not {float(real[~good][0])!r}"
        )
    # frexp: real = f · 2^x with ½ ≤ f < 1, so that f · 2^32 is normalised; all steps are exact
    exponent = np.frexp(real)[1].astype(np.int64)
    shift = np.minimum(_MULTIPLIER_BITS - exponent, _MAX_SHIFT)
    multiplier = np.rint(np.ldexp(real, shift)).astype(np.int64)
    carried = multiplier > limit  # 0.11…1 rounds up to 1.00…0
    multiplier = np.where(carried, multiplier >> 1, multiplier)
    shift = shift - carried
    return multiplier.astype(np.uint32), shift.astype(np.uint8)
