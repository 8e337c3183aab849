"""Zero points out of a dot product: what of them is a constant goes into the bias.

With inputs x = s·(q − z) and weights w = u·(c − v), codes q and c,

    Σ_k x_k·w_kn = s·u_n · (Σ_k q_k·c_kn − Σ_k z_k·c_kn − v_n·Σ_k q_k + v_n·Σ_k z_k).

The second and the last sum know no input: they are a constant of the output channel, exact in
integers. The third is there only where weights have zero points, and costs one sum a token.
Source: Jacob et al., arXiv 1712.05877, equations 7 to 9.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["FoldedZeroPoints", "fold_zero_points"]

Int64 = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class FoldedZeroPoints:
    """Σ_k (q_k − z_k)·(c_kn − v_n) = Σ_k q_k·c_kn + constant_n − per_input_sum_n · Σ_k q_k.

    Parameters
    ----------
    constant : array of int64, [N]
        Added to the accumulator's bias.
    per_input_sum : array of int64, [N]
        v: 0 where weights are symmetric.
    """

    constant: Int64
    per_input_sum: Int64

    def apply(self, products: ArrayLike, input_sum: ArrayLike) -> Int64:
        """The sums of real products, in integers.

        Parameters
        ----------
        products : array of int, […, N]
            Σ_k q_k·c_kn.
        input_sum : array of int, […]
            Σ_k q_k.
        """
        sums = np.asarray(input_sum, dtype=np.int64)[..., np.newaxis]
        return np.asarray(products, dtype=np.int64) + self.constant - sums * self.per_input_sum


def fold_zero_points(
    weight_codes: ArrayLike, input_zero: ArrayLike, weight_zero: ArrayLike = 0
) -> FoldedZeroPoints:
    """The constants of a linear layer's output channels.

    Parameters
    ----------
    weight_codes : array of int, [K, N]
        c.
    input_zero : int or array of int, [K]
        z, of all inputs or of each.
    weight_zero : int or array of int, [N]
        v, of all output channels or of each.

    Raises
    ------
    TypeError
        Something is not of integers.
    ValueError
        The shapes do not fit.
    """
    codes = _integers("weight codes", weight_codes)
    if codes.ndim != 2:
        raise ValueError(f"weight codes must be [K, N], not of shape {codes.shape}")
    K, N = codes.shape
    z = _channels("input zero points", _integers("input zero points", input_zero), K)
    v = _channels("weight zero points", _integers("weight zero points", weight_zero), N)
    return FoldedZeroPoints(constant=v * z.sum() - z @ codes, per_input_sum=v)


def _integers(name: str, values: ArrayLike) -> Int64:
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be ints, not {array.dtype}")
    return array.astype(np.int64)


def _channels(name: str, values: Int64, count: int) -> Int64:
    if values.shape not in ((), (count,)):
        raise ValueError(f"{name} must be of shape () or ({count},), not {values.shape}")
    return np.broadcast_to(values, (count,)).astype(np.int64)
