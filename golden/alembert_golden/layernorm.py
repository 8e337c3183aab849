"""Layer normalisation, exact in integers: moments, one reciprocal root a row, γ and β."""

from __future__ import annotations

import numpy as np
from alembert.config import Overflow, Rounding
from alembert.config.layernorm import LayerNormConfig
from numpy.typing import ArrayLike, NDArray

from .fixed import overflow, rounding_shift_right
from .interpolation import chord

__all__ = ["inverse_root", "layernorm", "normalise", "scaled_variance"]


def scaled_variance(values: ArrayLike, epsilon: int, config: LayerNormConfig) -> list[int]:
    """D = n·Σx² − (Σx)² + ε of each row (n² times its variance, plus ε), as Python's integers.

    Raises
    ------
    ValueError
        A row is empty or too long, a value does not fit, or ε is out of its range.
    """
    rows = _rows(values, config)
    limit = (1 << config.EPSILON_WIDTH) - 1
    if not 0 <= epsilon <= limit:
        raise ValueError(f"epsilon must be between 0 and {limit}, not {epsilon}")
    n = rows.shape[1]
    totals, squares = rows.sum(axis=1).tolist(), (rows * rows).sum(axis=1).tolist()
    return [n * b - a * a + epsilon for a, b in zip(totals, squares)]


def inverse_root(
    variances: list[int], config: LayerNormConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(r, k) with 1/√D ≈ r·2^−k: D = 2^(2k)·m, 1 ≤ m < 4, r ≈ 1/√m; D = 0 gives r = 0 and k = 0.

    m is cut to ``TABLE_BITS`` + ``INTERPOLATION_BITS`` bits below its highest one; r is a point of
    a chord, rounded to nearest with ties up, of ``ROOT_FRACTION`` fraction bits. The relative
    error is below 2^−13.

    Raises
    ------
    ValueError
        A variance lies outside 0…2^``config.variance_width`` − 1.
    """
    limit = (1 << config.variance_width) - 1
    for variance in variances:
        if not 0 <= variance <= limit:
            raise ValueError(f"variance must be between 0 and {limit}, not {variance}")
    kept = config.TABLE_BITS + config.INTERPOLATION_BITS
    octaves = [max(variance.bit_length() - 1, 0) for variance in variances]
    octave = np.array(octaves, dtype=np.int64)
    # the highest one is left out: a number of `kept` bits
    fraction = np.array(
        [(d << kept >> e) & ((1 << kept) - 1) for d, e in zip(variances, octaves)], dtype=np.int64
    )
    # an odd octave's chords follow those of an even one
    argument = (octave & 1) << kept | fraction
    base, offset = chord(config.root_table, argument, config.INTERPOLATION_BITS)
    fall = rounding_shift_right(offset, config.INTERPOLATION_BITS, Rounding.HALF_UP)
    root = np.where(np.array([d == 0 for d in variances], dtype=bool), 0, base - fall)
    return root, octave >> 1


def normalise(values: ArrayLike, epsilon: int, config: LayerNormConfig) -> NDArray[np.int64]:
    """(x − mean) / √(variance + ε/n²) of each row, the last axis, in ``FRACTION`` fraction bits.

    c = n·x − Σx, z = round(c / 2^k) and round(z·r), both rounded to nearest with ties up. Within
    2^−8 of the exact quotient.

    Raises
    ------
    ValueError
        As :func:`scaled_variance`.
    """
    values = np.asarray(values, dtype=np.int64)
    root, exponent = inverse_root(scaled_variance(values, epsilon, config), config)
    rows = _rows(values, config)
    deviation = rows.shape[1] * rows - rows.sum(axis=1, keepdims=True)
    ratio = rounding_shift_right(
        deviation << config.FRACTION, exponent[:, np.newaxis], Rounding.HALF_UP
    )
    product = ratio * root[:, np.newaxis]
    return rounding_shift_right(product, config.ROOT_FRACTION, Rounding.HALF_UP).reshape(
        values.shape
    )


def layernorm(
    values: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    epsilon: int,
    config: LayerNormConfig,
) -> NDArray[np.int64]:
    """saturate(round_half_even(normalised · γ / 2^shift) + β), ``OUT_WIDTH`` signed bits.

    Parameters
    ----------
    values : array of int64
        Rows along the last axis, at any scale.
    gamma, beta : array of int64
        Of ``gamma_fraction`` and ``out_fraction`` fraction bits, broadcast against ``values``.
    epsilon : int
        In units of n² times the values' last bit squared.
    config : LayerNormConfig
        Widths.

    Raises
    ------
    ValueError
        As :func:`scaled_variance`, or a parameter does not fit.
    """
    gamma, beta = np.asarray(gamma, dtype=np.int64), np.asarray(beta, dtype=np.int64)
    _require_fit("gamma", gamma, config.PARAMETER_WIDTH)
    _require_fit("beta", beta, config.PARAMETER_WIDTH)
    product = normalise(values, epsilon, config) * gamma
    scaled = rounding_shift_right(product, config.out_shift, Rounding.HALF_EVEN)
    return overflow(scaled + beta, config.OUT_WIDTH, Overflow.SATURATE)


def _rows(values: ArrayLike, config: LayerNormConfig) -> NDArray[np.int64]:
    """The values as a matrix of rows, checked."""
    values = np.asarray(values, dtype=np.int64)
    n = values.shape[-1] if values.ndim else 0
    if not 1 <= n <= config.max_length:
        raise ValueError(f"row length must be between 1 and {config.max_length}, not {n}")
    _require_fit("values", values, config.width)
    return values.reshape(-1, n)


def _require_fit(name: str, values: NDArray[np.int64], width: int) -> None:
    half = 1 << (width - 1)
    outside = (values < -half) | (values >= half)
    if outside.any():
        raise ValueError(f"{name} must be between {-half} and {half - 1}, not {values[outside][0]}")
