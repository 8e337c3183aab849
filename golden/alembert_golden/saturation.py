"""How many wide results were brought back to the ends of their range, by sentence.

A value is beyond 16 bits if it lies below −2^15, or rounds to 2^15 or more: at 2^15 − 1/2 the tie
goes to the even one. ``docs/numerics.md`` says which values are counted.
"""

from __future__ import annotations

import numpy as np
from alembert.config import VmacArrayConfig
from numpy.typing import NDArray

from .postprocess import ChannelParameters
from .scaler import scale

__all__ = ["WIDE_MAX", "WIDE_MIN", "clip_and_count", "count_products"]

WIDE_MIN, WIDE_MAX = -(1 << 15), (1 << 15) - 1
"""Ends of the range of a wide number."""


def clip_and_count(integers: NDArray, low: int, high: int) -> NDArray[np.int64]:
    """Clip integers in place; how many of each sentence, the first axis, were beyond the limits.

    Mostly none is: to see that takes no longer than clipping would.
    """
    if not integers.size or (integers.min() >= low and integers.max() <= high):
        return np.zeros(len(integers), dtype=np.int64)
    beyond = (integers < low) | (integers > high)
    np.clip(integers, low, high, out=integers)
    return beyond.reshape(len(integers), -1).sum(axis=1, dtype=np.int64)


def count_products(
    results: NDArray,
    total: NDArray,
    parameters: ChannelParameters,
    array: VmacArrayConfig,
    factor: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """How many wide results of a product were saturated, by sentence.

    Those at the ends of their range may have been; what they were rounded from decides. Results are
    narrow, so that to look for such is several times faster than to look at sums.

    Parameters
    ----------
    results : array of int16 or uint8, [batch, M, N]
        Channels that are not wide are codes.
    total : array of int64 or float64, [batch, M, N]
        Sums with their bias, after ReLU.
    parameters : ChannelParameters
    array : VmacArrayConfig
        Formats.
    factor : array of float64, [N], optional
        Powers of two that the sums have been multiplied by; without, they are integers.
    """
    none = np.zeros(len(results), dtype=np.int64)
    if not parameters.wide.any() or not results.size:
        return none
    if results.min() > WIDE_MIN and results.max() < WIDE_MAX:
        return none
    which = ((results == WIDE_MIN) | (results == WIDE_MAX)) & parameters.wide
    sentence, _, channel = np.nonzero(which)
    if not len(sentence):
        return none
    if array.encodes_adaptivfloat:
        multiplier, shift = np.ones_like(channel), parameters.exponent[channel]
    else:
        multiplier, shift = parameters.multiplier[channel], parameters.shift[channel]
    sums = total[which] if factor is None else total[which] / factor[channel]
    beyond = _beyond(sums.astype(np.int64), multiplier, shift)
    return np.bincount(sentence[beyond], minlength=len(results)).astype(np.int64)


def _beyond(
    sums: NDArray[np.int64], multiplier: NDArray[np.int64], shift: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which sum · multiplier / 2^shift are beyond 16 bits."""
    rounded = scale(sums, multiplier, shift, 18)
    beyond = (rounded < WIDE_MIN) | (rounded > WIDE_MAX)
    for place in np.nonzero(rounded == WIDE_MIN)[0]:  # it may have been rounded up to it
        product = int(sums[place]) * int(multiplier[place])
        beyond[place] = product < WIDE_MIN << int(shift[place])
    return beyond
