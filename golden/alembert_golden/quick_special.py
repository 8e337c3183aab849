"""Softmax, normalisation and encoding, several times faster than their definitions; equal bits.

The definitions are :mod:`alembert_golden.softmax`, :mod:`alembert_golden.layernorm` and
:func:`encode_special`; the tests hold these against them. Values of 16 bits have their codes looked
up; normalisation is in float64 where that is exact.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from alembert.config import AdaptivFloatFormat, Format, IntegerFormat, Rounding
from alembert.config.gelu import GeluConfig
from alembert.config.layernorm import LayerNormConfig
from alembert.config.softmax import SoftmaxConfig
from alembert.config.tanh import TanhConfig
from numpy.typing import ArrayLike, NDArray

from .adaptivfloat import encode_fixed
from .fixed import rounding_shift_right
from .gelu import gelu
from .interpolation import chord
from .softmax import power, reciprocal
from .tanh import tanh

__all__ = [
    "code_table",
    "encode_special",
    "gelu_table",
    "layernorm_unclipped",
    "quick_layernorm",
    "quick_softmax",
    "tanh_table",
]

EXPONENT_MIN, EXPONENT_MAX = -512, 511
"""Of 10 signed bits."""


def encode_special(values: ArrayLike, exponent: ArrayLike, fmt: Format) -> NDArray[np.uint8]:
    """What a special function writes for values that become codes.

    * AdaptivFloat: the code of value · 2^exponent relative to the bias; exponents beyond −512…511
      count as these.
    * INT8: value · 2^exponent, rounded to nearest, ties to even, saturated to ±127; exponents above
      0 count as 0, those below −63 as −63.

    Parameters
    ----------
    values : array of int64
        |value| < 2^17.
    exponent : int or array of int
        Exponent of the instruction and, for GELU, the column's lift together.
    fmt : AdaptivFloatFormat or IntegerFormat
        The machine's codes.
    """
    values, exponent = np.asarray(values, dtype=np.int64), np.asarray(exponent, dtype=np.int64)
    if isinstance(fmt, AdaptivFloatFormat):
        clamped = np.clip(exponent, EXPONENT_MIN, EXPONENT_MAX)
        return encode_fixed(values, clamped, fmt).astype(np.uint8)
    assert isinstance(fmt, IntegerFormat)
    # below 2^17, a shift by 62 leaves 0 as one by 63 does
    shift = np.clip(-exponent, 0, 62)
    rounded = rounding_shift_right(values, shift, Rounding.HALF_EVEN)
    return np.clip(rounded, -fmt.max_value, fmt.max_value).astype(np.int8).view(np.uint8)


@lru_cache(maxsize=256)
def code_table(exponent: int, fmt: Format) -> NDArray[np.uint8]:
    """Codes of −2^15…2^15, value v in place v modulo 2^16 + 1: so that −1 is in the last."""
    values = np.concatenate([np.arange((1 << 15) + 1), np.arange(-(1 << 15), 0)])
    return _constant(encode_special(values, exponent, fmt))


@lru_cache(maxsize=16)
def gelu_table(config: GeluConfig, shift: int = 0) -> NDArray[np.int16]:
    """GELU of every value of 16 bits, in the place of its bits as an unsigned number."""
    values = gelu(np.arange(1 << 16).astype(np.int16), config, shift=shift)
    return _constant(values.astype(np.int16))


@lru_cache(maxsize=8)
def tanh_table(config: TanhConfig) -> NDArray[np.int16]:
    """tanh of every value of 16 bits, in the place of its bits as an unsigned number."""
    return _constant(tanh(np.arange(1 << 16).astype(np.int16), config).astype(np.int16))


@lru_cache(maxsize=16)
def _power_table(config: SoftmaxConfig, shift: int) -> NDArray[np.int32]:
    return _constant(power(np.arange(1 << config.width) << shift, config).astype(np.int32))


def quick_softmax(
    scores: NDArray[np.int16],
    config: SoftmaxConfig,
    keep: NDArray[np.bool_] | None = None,
    a_shift: int = 0,
) -> NDArray[np.int32]:
    """:func:`alembert_golden.softmax.softmax` of scores of 16 bits, [..., n]."""
    seen = scores if keep is None else np.where(keep, scores, np.int16(config.score_min))
    # differences wrap, and are right as unsigned numbers
    distance = (seen.max(axis=-1, keepdims=True) - scores).view(np.uint16)
    powers = _power_table(config, a_shift).take(distance)
    if keep is not None:
        powers *= keep
    total = powers.sum(axis=-1, keepdims=True, dtype=np.int64)
    factor, octave = reciprocal(np.maximum(total, 1 << config.power_fraction), config)
    drop = config.power_fraction - config.PROBABILITY_FRACTION
    if drop:
        powers += np.int32(1 << (drop - 1))
        powers >>= np.int32(drop)
    # at most 2^15 · 2^14, and the half of the last place no more than 2^29
    shift = (config.FACTOR_FRACTION + octave).astype(np.int32)
    powers *= factor.astype(np.int32)
    powers += np.int32(1) << (shift - np.int32(1))
    powers >>= shift
    return powers


def quick_layernorm(
    values: NDArray[np.float64],
    gamma: NDArray[np.int64],
    beta: NDArray[np.int64],
    epsilon: int,
    config: LayerNormConfig,
) -> NDArray[np.int16]:
    """:func:`alembert_golden.layernorm.layernorm` of integers in float64, [..., n]."""
    work = layernorm_unclipped(values, gamma, beta, epsilon, config)
    half = 1 << (config.OUT_WIDTH - 1)
    return np.clip(work, -half, half - 1, out=work).astype(np.int16)


def layernorm_unclipped(
    values: NDArray[np.float64],
    gamma: NDArray[np.int64],
    beta: NDArray[np.int64],
    epsilon: int,
    config: LayerNormConfig,
) -> NDArray[np.float64]:
    """The same before saturation: integers."""
    n = values.shape[-1]
    totals = values.sum(axis=-1)
    squares = np.einsum("...c,...c->...", values, values).astype(np.int64)
    # below 2^56: int64 holds what Python's integers do in the definition
    variance = n * squares - totals.astype(np.int64) ** 2 + epsilon
    root, exponent = _inverse_root(variance, config)
    # every step is exact: at most 35 bits, shifted by powers of two
    factor = np.ldexp(1.0, (config.FRACTION - exponent).astype(np.int32))
    work = values * n
    work -= totals[..., np.newaxis]
    work *= factor[..., np.newaxis]
    _round_half_up(work)
    work *= np.ldexp(root.astype(np.float64), -config.ROOT_FRACTION)[..., np.newaxis]
    _round_half_up(work)
    work *= gamma * 2.0**-config.out_shift
    np.rint(work, out=work)
    work += beta
    return work


def _inverse_root(
    variance: NDArray[np.int64], config: LayerNormConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """:func:`alembert_golden.layernorm.inverse_root` of an array below 2^62."""
    kept = config.TABLE_BITS + config.INTERPOLATION_BITS
    # two halves of at most 31 bits, which float64 holds
    upper = np.frexp((variance >> 31).astype(np.float64))[1] + 31
    lower = np.frexp((variance & 0x7FFF_FFFF).astype(np.float64))[1]
    octave = np.maximum(np.where(variance >> 31 > 0, upper, lower) - 1, 0).astype(np.int64)
    shifted = (variance >> np.maximum(octave - kept, 0)) << np.maximum(kept - octave, 0)
    argument = (octave & 1) << kept | shifted & ((1 << kept) - 1)
    base, offset = chord(config.root_table, argument, config.INTERPOLATION_BITS)
    fall = rounding_shift_right(offset, config.INTERPOLATION_BITS, Rounding.HALF_UP)
    return np.where(variance == 0, 0, base - fall), octave >> 1


def _round_half_up(work: NDArray[np.float64]) -> None:
    work += 0.5
    np.floor(work, out=work)


def _constant(table: NDArray) -> NDArray:
    table.flags.writeable = False
    return table
