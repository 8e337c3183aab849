"""A linear layer's weights on their way to a machine: real numbers, and codes if they have some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alembert.config import Format
from numpy.typing import ArrayLike, NDArray

from .coded_weight import CodedWeight

__all__ = ["Weights"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """x · W + b's W.

    Parameters
    ----------
    values : array [K, N]
        What it is in real numbers.
    coded : CodedWeight, optional
        The codes that it was given as, [N, K]: value = code · scale · ``factor``.
    factor : float
        What was folded into the weights since.
    """

    values: Float64
    coded: CodedWeight | None = None
    factor: float = 1.0

    # numpy then leaves x @ weights to this class
    __array_ufunc__ = None

    @classmethod
    def of(cls, weights: Weights | ArrayLike) -> Weights:
        """Those themselves, or an array's."""
        if isinstance(weights, Weights):
            return weights
        return cls(values=np.asarray(weights, dtype=np.float64))

    def codes_in(self, fmt: Format) -> tuple[NDArray[np.int64], Float64] | None:
        """Codes [K, N] as given and their scales [N], if a format has all of them."""
        if self.coded is None or not self.coded.fits(fmt):
            return None
        return self.coded.codes.T.astype(np.int64), self.coded.scales * self.factor

    def __mul__(self, factor: float) -> Weights:
        """All of them times a positive number: codes stay."""
        return Weights(
            values=self.values * factor, coded=self.coded, factor=self.factor * float(factor)
        )

    def __rmatmul__(self, row: ArrayLike) -> Float64:
        """A row [K] times the weights, [N], added from the first input on: in no BLAS's order."""
        column = np.asarray(row, dtype=np.float64)[:, np.newaxis]
        return np.add.reduce(column * self.values, axis=0)
