"""Weights and parameters of channels at random."""

from __future__ import annotations

import numpy as np
from alembert.config import Format, TernaryFormat, VmacArrayConfig
from alembert_golden.postprocess import ChannelParameters
from support.formats import all_codes

__all__ = ["any_parameters", "any_weights"]


def any_weights(rng: np.random.Generator, fmt: Format, depth: int, columns: int) -> np.ndarray:
    codes = [-1, 0, 1] if isinstance(fmt, TernaryFormat) else all_codes(fmt)
    return rng.choice(codes, (depth, columns))


def any_parameters(
    rng: np.random.Generator, array: VmacArrayConfig, depth: int, columns: int, wide
) -> ChannelParameters:
    """Results of every size, some saturated; biases up to what the accumulator holds."""
    half = 1 << (array.vmac.accumulator_width - 1)
    size = max(int(depth * array.vmac.pair.max_product / 4), 2).bit_length()
    wide = np.broadcast_to(wide, (columns,))
    bias = rng.integers(-(1 << size), 1 << size, columns)
    bias = np.where(rng.random(columns) < 0.1, rng.choice([-half, half - 1], columns), bias)
    shift = rng.integers(size + 10, size + 32, columns) - 8 * wide
    multiplier = rng.integers(0, 1 << 32, columns)
    powers = 1 << rng.integers(0, 32, columns)
    return ChannelParameters.of(
        columns,
        bias=bias,
        relu=rng.random(columns) < 0.3,
        wide=wide,
        # powers of two make ties
        multiplier=np.where(rng.random(columns) < 0.5, powers, multiplier),
        shift=np.clip(shift, 0, 63),
        exponent=np.where(
            wide, rng.integers(0, min(size, 60), columns), rng.integers(-size - 6, 4, columns)
        ),
    )
