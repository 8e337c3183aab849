"""AdaptivFloat<n,e>: bias, encode and decode, exact in integers.

Source: Tambe et al., arXiv 1909.13271, Algorithm 1. A code is ``sign | exponent | mantissa``; with
bias b its value is (−1)^s · 2^(E+b) · (1 + M/2^m), but E = 0, M = 0 is zero.
"""

from __future__ import annotations

import numpy as np
from alembert.config import AdaptivFloatFormat, Rounding
from numpy.typing import ArrayLike, NDArray

from .fixed import rounding_shift_right

__all__ = ["bias_of_fixed", "bias_of_tensor", "decode", "encode", "encode_fixed", "significand"]

_LARGEST_FIXED = 1 << 61


def _refuse_nan(values: NDArray[np.float64]) -> None:
    if np.isnan(values).any():
        raise ValueError(f"tensor holds NaN at {np.argwhere(np.isnan(values))[0].tolist()}")


def bias_of_tensor(values: ArrayLike, fmt: AdaptivFloatFormat) -> int:
    """The exponent bias of a tensor: floor(log2 max|x|) − (2^e − 1).

    An all-zero (or empty) tensor has ``fmt.zero_bias``, that of a tensor whose largest magnitude
    is 1. Infinities saturate when encoded and take no part in the choice.

    Raises
    ------
    ValueError
        The tensor holds NaN, or its bias does not fit the hardware's register.
    """
    values = np.asarray(values, dtype=np.float64)
    _refuse_nan(values)
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if finite.size else 0.0
    if largest == 0.0:
        return fmt.zero_bias
    # frexp: largest = f · 2^x with ½ ≤ f < 1, hence floor(log2) = x − 1, exactly
    bias = int(np.frexp(largest)[1]) - 1 - fmt.max_exponent
    if not fmt.bias_min <= bias <= fmt.bias_max:
        raise ValueError(
            f"exponent bias of the tensor must be between {fmt.bias_min} and {fmt.bias_max}, "
            f"not {bias} (its largest magnitude is {largest!r})"
        )
    return bias


def bias_of_fixed(values: ArrayLike, lsb_exponent: int, fmt: AdaptivFloatFormat) -> int:
    """The exponent bias of a fixed-point tensor whose integers count units of 2^lsb_exponent.

    The same rule as :func:`bias_of_tensor`, saturated to the register's range as the bias finder
    does it.
    """
    values = np.asarray(values, dtype=np.int64)
    largest = max((abs(int(v)) for v in (values.max(initial=0), values.min(initial=0))), default=0)
    if largest == 0:
        return fmt.zero_bias
    bias = largest.bit_length() - 1 + lsb_exponent - fmt.max_exponent
    return min(max(bias, fmt.bias_min), fmt.bias_max)


def significand(codes: ArrayLike, fmt: AdaptivFloatFormat) -> NDArray[np.int64]:
    """The codes' values as signed integers at scale 2^(b − m): ±(2^m + M) · 2^E, and 0.

    Raises
    ------
    ValueError
        A code lies outside 0…2^n − 1.
    """
    codes = np.asarray(codes, dtype=np.int64)
    if codes.size and (codes.min() < 0 or codes.max() >> fmt.width):
        raise ValueError(f"{fmt} codes must be between 0 and {(1 << fmt.width) - 1}")
    m = fmt.mantissa_width
    mantissa = codes & ((1 << m) - 1)
    exponent = (codes >> m) & fmt.max_exponent
    magnitude = np.where((mantissa == 0) & (exponent == 0), 0, (mantissa + (1 << m)) << exponent)
    return np.where(codes >> (fmt.width - 1), -magnitude, magnitude)


def decode(codes: ArrayLike, bias: int, fmt: AdaptivFloatFormat) -> NDArray[np.float64]:
    """The codes' values; exact."""
    return np.ldexp(significand(codes, fmt).astype(np.float64), bias - fmt.mantissa_width)


def encode_fixed(
    values: ArrayLike, exponent: ArrayLike, fmt: AdaptivFloatFormat
) -> NDArray[np.int64]:
    """Codes of the fixed-point numbers values · 2^exponent, the exponent relative to the bias.

    |x| < v_min/2 gives 0, v_min/2 ≤ |x| < v_min gives v_min; otherwise the mantissa is rounded to
    nearest, ties to even, with carry into the exponent; above v_max saturates. Zero encodes as
    +0 only.

    Parameters
    ----------
    values : array of int64
        |value| ≤ 2^61.
    exponent : int or array of int
        The weight of a value's least significant bit is 2^(exponent + b).

    Raises
    ------
    ValueError
        A value is out of its range.
    """
    values = np.asarray(values, dtype=np.int64)
    if values.size and (values.min() < -_LARGEST_FIXED or values.max() > _LARGEST_FIXED):
        raise ValueError(
            f"values must be between −2^61 and 2^61, not {values.min()}…{values.max()}"
        )
    exponent = np.broadcast_to(np.asarray(exponent, dtype=np.int64), values.shape)
    m = fmt.mantissa_width
    magnitude = np.abs(values)
    leading = _leading_one(magnitude)
    # mantissa with its leading one, at m fraction bits, and rounded to them
    drop = leading - m
    kept = np.where(
        drop > 0,
        rounding_shift_right(magnitude, np.maximum(drop, 0), Rounding.HALF_EVEN),
        magnitude << np.maximum(-drop, 0),
    )
    carry = kept >> (m + 1)
    field = leading + exponent + carry
    fraction = np.where(carry > 0, 0, kept & ((1 << m) - 1))
    largest = (1 << (fmt.width - 1)) - 1
    # the smallest nonzero body is 1: v_min is E = 0, M = 1, or E = 1 where there is no mantissa
    body = np.clip((field << m) + fraction, 1, largest)
    body = np.where(_below_half_v_min(magnitude, leading, leading + exponent, m), 0, body)
    return np.where((values < 0) & (body > 0), body + (1 << (fmt.width - 1)), body)


def _leading_one(magnitude: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of the highest one, −1 for 0: exact for int64 by way of two 31-bit halves."""
    high = magnitude >> 31
    upper = np.frexp(high.astype(np.float64))[1] + 30
    lower = np.frexp((magnitude & 0x7FFF_FFFF).astype(np.float64))[1] - 1
    return np.where(high > 0, upper, lower).astype(np.int64)


def _below_half_v_min(
    magnitude: NDArray[np.int64], leading: NDArray[np.int64], field: NDArray[np.int64], m: int
) -> NDArray[np.bool_]:
    """Whether magnitude = 1.f · 2^leading, worth 1.f · 2^(field + b), is less than v_min/2."""
    if m == 0:  # v_min/2 = 2^b
        return (magnitude == 0) | (field < 0)
    # v_min/2 = 2^(b−1) · (1 + 2^−m), and f ≥ 2^−m is an integer's compare once rounded up
    fraction = magnitude - (np.int64(1) << np.maximum(leading, 0))
    reached = fraction >= np.int64(1) << np.maximum(leading - m, 0)
    return (magnitude == 0) | (field < -1) | ((field == -1) & ~reached)


def encode(values: ArrayLike, bias: int, fmt: AdaptivFloatFormat) -> NDArray[np.int64]:
    """Codes of real numbers (float64, exactly as they are) at the exponent bias ``bias``.

    Raises
    ------
    ValueError
        The tensor holds NaN.
    """
    values = np.asarray(values, dtype=np.float64)
    _refuse_nan(values)
    infinite = np.isinf(values)
    fraction, exponent = np.frexp(np.where(infinite, 0.0, values))
    integers = np.ldexp(fraction, 53).astype(np.int64)
    codes = encode_fixed(integers, np.clip(exponent.astype(np.int64) - 53 - bias, -4096, 4096), fmt)
    largest = (1 << (fmt.width - 1)) - 1
    saturated = np.where(values > 0, largest, largest + (1 << (fmt.width - 1)))
    return np.where(infinite, saturated, codes)
