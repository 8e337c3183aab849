"""The numbers that codes stand for, as integers, and the scales at which a tensor fits them best.

A code stands for an integer (INT<n>: itself, AdaptivFloat: its significand shifted by its
exponent) times a scale. AdaptivFloat's scale is a power of two, 2^(bias − m).
"""

from __future__ import annotations

import numpy as np
from alembert.config import AdaptivFloatFormat, Format, IntegerFormat, TernaryFormat
from alembert_golden import adaptivfloat
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "codes_of",
    "fit_scale",
    "largest_integer",
    "mantissa_bits",
    "nearest",
    "reach_of",
    "top_scale",
]

Float64 = NDArray[np.float64]


def mantissa_bits(fmt: Format) -> int:
    """m of AdaptivFloat, 0 of integers: log2 of an encoder's unit over the integers' unit."""
    return fmt.mantissa_width if isinstance(fmt, AdaptivFloatFormat) else 0


def largest_integer(fmt: Format) -> int:
    """The largest integer that a code stands for, and with its sign changed the least."""
    return fmt.max_magnitude if isinstance(fmt, AdaptivFloatFormat) else fmt.max_value


def nearest(values: ArrayLike, fmt: Format) -> Float64:
    """The integers nearest to real numbers that codes stand for, as the encoders round.

    Equal to AdaptivFloat's ``encode`` and ``significand``, at the bias at which these are
    integers, and to INT<n>'s ``quantise`` at scale 1; but fast.
    """
    values = np.asarray(values, dtype=np.float64)
    limit = largest_integer(fmt)
    if not isinstance(fmt, AdaptivFloatFormat):
        return np.clip(np.rint(values), -limit, limit)
    m = fmt.mantissa_width
    magnitude = np.abs(values)
    least = float(1 << m) + 1 if m else 2.0  # v_min: E = 0, M = 1, or E = 1 without a mantissa
    step = np.ldexp(1.0, np.maximum(np.frexp(magnitude)[1] - 1 - m, -1))
    rounded = np.clip(np.rint(magnitude / step) * step, least, limit)
    return np.copysign(np.where(magnitude < least / 2, 0.0, rounded), values)


def codes_of(integers: ArrayLike, fmt: Format) -> NDArray[np.int64]:
    """The codes of integers of :func:`nearest`: bit patterns of AdaptivFloat, else the numbers."""
    if isinstance(fmt, AdaptivFloatFormat):
        return adaptivfloat.encode(integers, fmt.mantissa_width, fmt)
    return np.asarray(integers).astype(np.int64)


_REAL_STEPS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5)
_OCTAVES = (2.0, 1.0, 0.5)


def reach_of(largest: ArrayLike, *, per_channel: bool) -> Float64:
    """How far the codes of every channel reach, [C]: its max|x|, or that of all; 1 for zeros."""
    largest = np.asarray(largest, dtype=np.float64)
    reach = largest if per_channel else np.broadcast_to(largest.max(initial=0.0), largest.shape)
    return np.where(reach > 0, reach, 1.0)


def top_scale(reach: Float64, fmt: Format, *, power_of_two: bool = False) -> Float64:
    """The scale at which a magnitude takes the largest code, or one of the highest octave."""
    if isinstance(fmt, IntegerFormat) and not power_of_two:
        return reach / fmt.max_value
    # AdaptivFloat: the bias puts max|x| into the highest octave. INT<n>: it just fits
    bits = np.frexp(reach)[1] - (largest_integer(fmt)).bit_length()
    return np.ldexp(1.0, bits)


def fit_scale(
    samples: ArrayLike,
    largest: ArrayLike,
    fmt: Format,
    *,
    per_channel: bool,
    power_of_two: bool = False,
    weight: ArrayLike = 1.0,
) -> Float64:
    """The scale with the least squared error over some rows of a tensor.

    Tried are scales about the one at which the largest magnitude takes the largest code.

    Parameters
    ----------
    samples : array [n, C]
        Rows.
    largest : array [C]
        max|x| of every channel, of all rows.
    fmt : Format
        The codes'.
    per_channel : bool
        A scale for each channel, otherwise one for all.
    power_of_two : bool
        Of integer formats too; AdaptivFloat's always are.
    weight : array
        Of an element's squared error, broadcast against the samples.

    Returns
    -------
    array [C]
        Positive.
    """
    if isinstance(fmt, TernaryFormat):
        raise ValueError("ternary scales are those of absmean, not fitted")
    samples = np.asarray(samples, dtype=np.float64)
    largest = np.asarray(largest, dtype=np.float64)
    start = top_scale(reach_of(largest, per_channel=per_channel), fmt, power_of_two=power_of_two)
    is_real = isinstance(fmt, IntegerFormat) and not power_of_two
    steps = _REAL_STEPS if is_real else _OCTAVES
    best = np.array(start, dtype=np.float64)
    least = np.full(largest.shape, np.inf)
    for step in steps:
        scale = start * step
        off = nearest(samples / scale, fmt) * scale - samples
        error = np.sum(np.asarray(weight) * off * off, axis=0)
        if not per_channel:
            error = np.broadcast_to(error.sum(), error.shape)
        better = error < least
        best, least = np.where(better, scale, best), np.where(better, error, least)
    return best
