"""INT8 activations by absmax, one scale a token, exact in integers.

Source of the scheme: BitNet b1.58, arXiv 2402.17764.
"""

from __future__ import annotations

import numpy as np
from alembert.config import Rounding
from alembert.config.ternary import ActivationQuantiserConfig
from numpy.typing import ArrayLike, NDArray

from .fixed import rounding_shift_right

__all__ = ["absmax_quantise"]


def absmax_quantise(
    values: ArrayLike, config: ActivationQuantiserConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """INT8 codes of tokens (the last axis), and each token's max|x|: codes ≈ 127·x / max.

    With M = max·2^z, z such that 2^(w−1) ≤ M < 2^w, and s = w − 1 + k:
    R = floor((127·2^s + floor(M/2)) / M), code = round_half_even(x·2^z·R / 2^s). Hence
    |code − 127·x/max| < 1/2 + 2^−k, and x = ±max gives ±127. A token of zeros gives zeros and
    max = 0.

    Raises
    ------
    ValueError
        A value does not fit ``config.width`` signed bits.
    """
    values = np.asarray(values, dtype=np.int64)
    half = 1 << (config.width - 1)
    outside = (values < -half) | (values >= half)
    if outside.any():
        raise ValueError(
            f"activations must be between {-half} and {half - 1}, not {values[outside][0]}"
        )
    largest = np.abs(values).max(axis=-1, initial=0)
    # frexp's exponent is the bit length, exactly, below 2^53
    bits = np.frexp(largest.astype(np.float64))[1].astype(np.int64)
    normalise = np.where(largest == 0, 0, config.width - bits)
    divisor = np.where(largest == 0, 1, largest << normalise)
    shift = config.reciprocal_shift
    reciprocal = ((config.LIMIT << shift) + (divisor >> 1)) // divisor
    product = (values << normalise[..., np.newaxis]) * reciprocal[..., np.newaxis]
    return rounding_shift_right(product, shift, Rounding.HALF_EVEN), largest
