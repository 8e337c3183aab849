"""AdaptivFloat<n,e>: bias, encode and decode, exact in integers.

Source: Tambe et al., arXiv 1909.13271, Algorithm 1. A code is ``sign | exponent | mantissa``; with
bias b its value is (−1)^s · 2^(E+b) · (1 + M/2^m), but E = 0, M = 0 is zero.
"""

from __future__ import annotations

import numpy as np
from alembert.config import AdaptivFloatFormat
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "bias_of_fixed",
    "bias_of_tensor",
    "decode",
    "encode",
    "encode_fixed",
    "encode_relative",
    "significand",
]

_LARGEST_FIXED = 1 << 61
_FLOAT64_BIAS = 1023
_UPPER_MANTISSA = 20
"""Bits of a float64's mantissa in its upper half."""
_BLOCK = 1 << 15
"""Values encoded at a time, so that what is in between stays in the cache."""


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
    # ±500 is as good as any exponent beyond: all values saturate, or are 0
    exponents = np.clip(np.asarray(exponent, dtype=np.int64), -500, 500)
    numbers = values.astype(np.float64)
    large = np.abs(values) >> 53 != 0
    if large.any():
        # float64 would round: a bit on behalf of those that fall out decides every tie alike
        magnitude = np.abs(values)
        jammed = np.sign(values) * (magnitude >> 9 | (magnitude & 0x1FF != 0))
        numbers, exponents = np.where(large, jammed, numbers), exponents + 9 * large
    scaled = numbers * np.ldexp(1.0, exponents.astype(np.int32))
    return encode_relative(scaled, fmt).astype(np.int64)


def encode_relative(values: ArrayLike, fmt: AdaptivFloatFormat) -> NDArray[np.uint8]:
    """Codes of float64 numbers that count units of 2^b, exactly as they are; infinities saturate.

    What :func:`encode_fixed` and :func:`encode` come down to, in the bits of float64: exponent and
    mantissa are one number there too, so that a carry from rounding needs no case of its own.

    Parameters
    ----------
    values : array of float64
        Any shape; no NaN.
    """
    values = np.asarray(values, dtype="<f8", order="C")
    codes = np.empty(values.shape, dtype=np.uint8)
    flat, out = values.reshape(-1), codes.reshape(-1)
    for start in range(0, len(flat), _BLOCK):
        out[start : start + _BLOCK] = _encode_block(flat[start : start + _BLOCK], fmt)
    return codes


def _encode_block(values: NDArray[np.float64], fmt: AdaptivFloatFormat) -> NDArray[np.uint8]:
    m = fmt.mantissa_width
    drop = _UPPER_MANTISSA - m
    halves = values.view("<u4")
    lower, upper = halves[::2], halves[1::2]
    # a bit on behalf of the lower half, far below those that are kept
    magnitude = upper & np.uint32(0x7FFF_FFFF) | (lower != 0)
    # without a mantissa the leading one is the last place, and odd
    odd = magnitude >> np.uint32(drop) & np.uint32(1) if m else np.uint32(1)
    body = (magnitude + odd + np.uint32((1 << (drop - 1)) - 1)) >> np.uint32(drop)
    # the smallest nonzero body is 1: v_min is E = 0, M = 1, or E = 1 where there is no mantissa
    offset, largest = _FLOAT64_BIAS << m, (1 << (fmt.width - 1)) - 1
    body = np.clip(body, np.uint32(offset + 1), np.uint32(offset + largest)) - np.uint32(offset)
    sign = upper >> np.uint32(32 - fmt.width) & np.uint32(1 << (fmt.width - 1))
    # v_min / 2 = 2^−1 · (1 + 2^−m), or 1 where there is no mantissa
    half_v_min = (_FLOAT64_BIAS << m) - (1 << m) + 1 << drop
    return ((body | sign) * (magnitude >= np.uint32(half_v_min))).astype(np.uint8)


def encode(values: ArrayLike, bias: int, fmt: AdaptivFloatFormat) -> NDArray[np.int64]:
    """Codes of real numbers (float64, exactly as they are) at the exponent bias ``bias``.

    Raises
    ------
    ValueError
        The tensor holds NaN.
    """
    values = np.asarray(values, dtype=np.float64)
    _refuse_nan(values)
    # what over- or underflows here is saturated, or 0, as a code
    with np.errstate(over="ignore", under="ignore"):
        return encode_relative(np.ldexp(values, -bias), fmt).astype(np.int64)
