"""Softmax in base 2, exact in integers: largest score, powers of two, one reciprocal a row."""

from __future__ import annotations

import numpy as np
from alembert.config import Rounding
from alembert.config.checks import require_between
from alembert.config.softmax import SoftmaxConfig
from numpy.typing import ArrayLike, NDArray

from .fixed import rounding_shift_right
from .interpolation import chord

__all__ = ["power", "reciprocal", "softmax"]


def power(distance: ArrayLike, config: SoftmaxConfig) -> NDArray[np.int64]:
    """⌊2^−d⌋ as integers of ``config.power_fraction`` fraction bits; d = 0 gives exactly 1.

    d = n + f: the fall along a chord of 2^−f, rounded to nearest, ties up, and between its ends
    ``POWER_SAG`` more, is taken off its beginning. The result is shifted right by n; what falls
    out is cut off.

    Parameters
    ----------
    distance : array of int64
        d ≥ 0 with ``config.fraction`` fraction bits, below 2^``config.distance_width``.

    Raises
    ------
    ValueError
        A distance lies outside its range.
    """
    distance = np.asarray(distance, dtype=np.int64)
    limit = (1 << config.distance_width) - 1
    if distance.size and (distance.min() < 0 or distance.max() > limit):
        raise ValueError(
            f"distance must be between 0 and {limit}, not {distance.min()}…{distance.max()}"
        )
    fraction = distance & ((1 << config.fraction) - 1)
    base, offset = chord(config.power_table, fraction, config.position_bits)
    fall = rounding_shift_right(offset, config.position_bits, Rounding.HALF_UP)
    fall += config.POWER_SAG * (offset != 0)  # no step is 0: this is where the position is not
    significand = (base - fall) << (config.power_fraction - config.POWER_TABLE_FRACTION)
    return significand >> np.minimum(distance >> config.fraction, 62)


def reciprocal(
    total: ArrayLike, config: SoftmaxConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(R, k) with R / 2^``FACTOR_FRACTION`` / 2^k ≈ 1/S; S = 2^k gives exactly R = 1.

    S = 2^k·(1 + f): f is cut to ``RECIPROCAL_TABLE_BITS`` + ``RECIPROCAL_POSITION_BITS`` bits, and
    a point of a chord of 1/(1 + f) is rounded to nearest, ties up.

    Parameters
    ----------
    total : array of int64
        S with ``config.power_fraction`` fraction bits, 1…``config.positions``.

    Raises
    ------
    ValueError
        A sum lies outside its range.
    """
    total = np.asarray(total, dtype=np.int64)
    low, high = 1 << config.power_fraction, config.positions << config.power_fraction
    if total.size and (total.min() < low or total.max() > high):
        raise ValueError(
            f"sum of powers must be between {low} and {high}, not {total.min()}…{total.max()}"
        )
    # sums have at most 46 bits: exact in float64, hence floor(log2) is exact too
    octave = np.frexp(total.astype(np.float64))[1].astype(np.int64) - 1 - config.power_fraction
    position_bits = config.RECIPROCAL_POSITION_BITS
    kept = config.RECIPROCAL_TABLE_BITS + position_bits
    fraction = ((total << kept) >> (config.power_fraction + octave)) & ((1 << kept) - 1)
    base, offset = chord(config.reciprocal_table, fraction, position_bits)
    drop = position_bits + config.RECIPROCAL_TABLE_FRACTION - config.FACTOR_FRACTION
    return rounding_shift_right((base << position_bits) - offset, drop, Rounding.HALF_UP), octave


def softmax(
    scores: ArrayLike, config: SoftmaxConfig, *, keep: ArrayLike = True, shift: int = 0
) -> NDArray[np.int64]:
    """2^x / Σ 2^x along the last axis, as integers of ``PROBABILITY_FRACTION`` fraction bits.

    e = 2^−((m − x) · 2^``shift``) is summed with ``config.power_fraction`` fraction bits, and
    multiplied with ``PROBABILITY_FRACTION``; p = round(e · R / 2^(``FACTOR_FRACTION`` + k)). Both
    roundings are to nearest, ties up.

    Parameters
    ----------
    scores : array of int64, (…, n)
        x with ``config.fraction`` fraction bits; those not kept may be anything in range.
    keep : array of bool
        Positions that exist, broadcast against ``scores``; the others' probability is 0.
    shift : int
        0…7: the scores are x / 2^``shift``, for rows that reach further than ``config.width``
        bits do.

    Raises
    ------
    ValueError
        A score or the shift is out of range, or there are more positions than
        ``config.positions``.
    """
    require_between("shift of softmax", shift, 0, (1 << config.SHIFT_WIDTH) - 1)
    scores, keep = np.broadcast_arrays(np.asarray(scores, dtype=np.int64), np.asarray(keep, bool))
    if not scores.size:
        return np.zeros(scores.shape, dtype=np.int64)
    if scores.min() < config.score_min or scores.max() > config.score_max:
        raise ValueError(
            f"scores must be between {config.score_min} and {config.score_max}, "
            f"not {scores.min()}…{scores.max()}"
        )
    if scores.shape[-1] > config.positions:
        raise ValueError(
            f"a row must have at most {config.positions} positions, not {scores.shape[-1]}"
        )
    largest = np.where(keep, scores, config.score_min).max(axis=-1, keepdims=True)
    powers = np.where(keep, power(np.maximum(largest - scores, 0) << shift, config), 0)
    total = powers.sum(axis=-1, keepdims=True)
    factor, octave = reciprocal(np.maximum(total, 1 << config.power_fraction), config)
    drop = config.power_fraction - config.PROBABILITY_FRACTION
    rounded = rounding_shift_right(powers, drop, Rounding.HALF_UP)
    return rounding_shift_right(rounded * factor, config.FACTOR_FRACTION + octave, Rounding.HALF_UP)
