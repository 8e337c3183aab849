"""Ternary weights by absmean or sign, and their packings into bytes.

Sources: BitNet b1.58, arXiv 2402.17764 (absmean); BitNet, arXiv 2310.11453 (sign). Weights are
int8 arrays of −1, 0, +1; a packed tensor is a uint8 array whose last axis is bytes.
"""

from __future__ import annotations

import numpy as np
from alembert.config.ternary import Packing
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "absmean",
    "decode_bytes",
    "pack2",
    "pack5",
    "sign_weights",
    "unpack2",
    "unpack5",
]


def _mean_magnitude(weights: NDArray[np.float64]) -> float:
    """mean|W|, or 1 for a tensor that is empty or all zero, so that a scale is never 0."""
    if np.isnan(weights).any():
        raise ValueError(f"tensor holds NaN at {np.argwhere(np.isnan(weights))[0].tolist()}")
    if not weights.any():
        return 1.0
    with np.errstate(over="ignore"):
        scale = float(np.abs(weights).mean())
    if not 0.0 < scale < np.inf:
        raise ValueError(f"mean magnitude of the tensor must be positive and finite, not {scale}")
    return scale


def absmean(weights: ArrayLike) -> tuple[NDArray[np.int8], float]:
    """BitNet b1.58: codes = clip(round(W / mean|W|), −1, +1) and scale = mean|W|.

    Ties go to even, so W = ±mean|W|/2 gives 0. An all-zero or empty tensor has the codes 0 and
    the scale 1. Keep both results: absmean of codes · scale gives another scale.

    Raises
    ------
    ValueError
        The tensor holds NaN, or its mean magnitude is not finite (or underflows to 0).
    """
    weights = np.asarray(weights, dtype=np.float64)
    scale = _mean_magnitude(weights)
    return np.clip(np.round(weights / scale), -1, 1).astype(np.int8), scale


def sign_weights(weights: ArrayLike, *, centre: bool = False) -> tuple[NDArray[np.int8], float]:
    """BitNet with one bit a weight: codes = sign(W), with sign(0) = +1, and scale = mean|W|.

    ``centre`` takes the mean of W off before the sign, as in arXiv 2310.11453.

    Raises
    ------
    ValueError
        The tensor holds NaN, or its mean magnitude is not finite (or underflows to 0).
    """
    weights = np.asarray(weights, dtype=np.float64)
    scale = _mean_magnitude(weights)
    threshold = weights.mean() if centre and weights.size else 0.0
    return np.where(weights >= threshold, 1, -1).astype(np.int8), scale


def _grouped(codes: ArrayLike, group: int) -> NDArray[np.int64]:
    """The codes with their last axis cut into groups, the last one padded with zero weights."""
    codes = np.asarray(codes)
    wrong = ~np.isin(codes, (-1, 0, 1))
    if wrong.any():
        where = np.argwhere(wrong)[0]
        raise ValueError(
            f"ternary weights must be -1, 0 or +1, not {codes[tuple(where)]} at {where.tolist()}"
        )
    codes = codes.astype(np.int64)
    padding = [(0, 0)] * (codes.ndim - 1) + [(0, -codes.shape[-1] % group)]
    return np.pad(codes, padding).reshape(*codes.shape[:-1], -1, group)


def pack2(codes: ArrayLike) -> NDArray[np.uint8]:
    """Four weights a byte, along the last axis, the first in the lowest two bits.

    The code of a weight is its two's complement in two bits; the tail is padded with weights 0.

    Raises
    ------
    ValueError
        A weight is not −1, 0 or +1.
    """
    return ((_grouped(codes, 4) & 3) << np.arange(0, 8, 2)).sum(axis=-1).astype(np.uint8)


def pack5(codes: ArrayLike) -> NDArray[np.uint8]:
    """Five weights a byte, along the last axis: byte = Σ (w_i + 1)·3^i, so 0…242.

    The tail is padded with weights 0, whose trit is 1.

    Raises
    ------
    ValueError
        A weight is not −1, 0 or +1.
    """
    return ((_grouped(codes, 5) + 1) * 3 ** np.arange(5)).sum(axis=-1).astype(np.uint8)


def decode_bytes(packed: ArrayLike, packing: Packing) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Every byte decoded as the hardware does: its weights on a new last axis, and its error flag.

    All weights of an illegal byte are 0.
    """
    packed = np.asarray(packed, dtype=np.uint8).astype(np.int64)[..., np.newaxis]
    match packing:
        case Packing.TWO_BIT:
            fields = packed >> np.arange(0, 8, 2) & 3
            codes = np.array([0, 1, 0, -1], dtype=np.int8)[fields]
            illegal = (fields == 2).any(axis=-1)
        case Packing.FIVE_TRITS:
            codes = (packed // 3 ** np.arange(5) % 3 - 1).astype(np.int8)
            illegal = packed[..., 0] >= packing.num_legal_bytes
    return np.where(illegal[..., np.newaxis], np.int8(0), codes), illegal


def _unpack(packed: ArrayLike, count: int, packing: Packing, rule: str) -> NDArray[np.int8]:
    packed = np.asarray(packed, dtype=np.uint8)
    codes, illegal = decode_bytes(packed, packing)
    if illegal.any():
        where = np.argwhere(illegal)[0]
        raise ValueError(f"byte {packed[tuple(where)]:#04x} at {where.tolist()} {rule}")
    codes = codes.reshape(*packed.shape[:-1], -1)
    needed = -(-count // packing.codes_per_byte)
    if count < 0 or packed.shape[-1] != needed:
        raise ValueError(f"{count} weights need {needed} bytes, not {packed.shape[-1]}")
    return codes[..., :count]


def unpack2(packed: ArrayLike, count: int) -> NDArray[np.int8]:
    """The inverse of :func:`pack2`: ``count`` weights along the last axis; padding is ignored.

    Raises
    ------
    ValueError
        A byte holds the code 10 (also in the padding), or the number of bytes is not ⌈count/4⌉.
    """
    return _unpack(packed, count, Packing.TWO_BIT, "holds the illegal ternary code 10")


def unpack5(packed: ArrayLike, count: int) -> NDArray[np.int8]:
    """The inverse of :func:`pack5`: ``count`` weights along the last axis; padding is ignored.

    Raises
    ------
    ValueError
        A byte is above 242, or the number of bytes is not ⌈count/5⌉.
    """
    return _unpack(packed, count, Packing.FIVE_TRITS, "is not five trits: the largest is 0xf2")
