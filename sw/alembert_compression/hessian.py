"""What rounding a linear layer's weights costs: the Hessian of its squared output error."""

from __future__ import annotations

import numpy as np
from alembert.config.checks import require_int
from numpy.typing import ArrayLike, NDArray

from .checks import finite_array

__all__ = ["Hessian", "checked_hessian", "output_loss"]

Float64 = NDArray[np.float64]


class Hessian:
    """H = 2/n · Σ x·xᵀ over the n inputs of a calibration set, batch by batch.

    Source: Frantar et al., arXiv 2210.17323, section 3.1.

    Parameters
    ----------
    inputs : int
        K, at least 1.

    Raises
    ------
    TypeError
        K is not an int.
    ValueError
        K is less than 1.
    """

    def __init__(self, inputs: int) -> None:
        require_int("inputs", inputs)
        if inputs < 1:
            raise ValueError(f"inputs must be at least 1, not {inputs}")
        self._products = np.zeros((inputs, inputs))
        self._count = 0

    def add(self, batch: ArrayLike) -> None:
        """Add a batch, […, K].

        Raises
        ------
        TypeError
            It holds something else than real numbers.
        ValueError
            It holds NaN or infinity, or its last axis is not K long.
        """
        rows = finite_array(batch, "batch")
        K = len(self._products)
        if not rows.ndim or rows.shape[-1] != K:
            raise ValueError(f"a batch must be […, {K}], not of shape {rows.shape}")
        rows = rows.reshape(-1, K)
        self._products += rows.T @ rows
        self._count += len(rows)

    @property
    def matrix(self) -> Float64:
        """H, [K, K].

        Raises
        ------
        ValueError
            No input was added.
        """
        if not self._count:
            raise ValueError("a Hessian needs at least one input, and none was added")
        return self._products * (2 / self._count)


def checked_hessian(hessian: ArrayLike, inputs: int) -> Float64:
    """The Hessian of a layer of ``inputs`` inputs.

    Raises
    ------
    TypeError
        It holds something else than real numbers.
    ValueError
        It holds NaN or infinity, is not [K, K], or has a variance that no real input has.
    """
    matrix = finite_array(hessian, "Hessian")
    if matrix.shape != (inputs, inputs):
        raise ValueError(f"Hessian must be [{inputs}, {inputs}], not of shape {matrix.shape}")
    variance = np.diag(matrix)
    if (variance < 0).any():
        raise ValueError(f"Hessian's diagonal must not be negative, not {float(variance.min())!r}")
    mixed = (variance == 0) & (matrix.any(axis=0) | matrix.any(axis=1))
    if mixed.any():
        raise ValueError(f"Hessian's input {int(np.argmax(mixed))} has products, but no square")
    return matrix


def output_loss(weights: ArrayLike, rounded: ArrayLike, hessian: ArrayLike) -> float:
    """tr(EᵀHE) for E = weights − rounded, [K, N]: twice the mean squared output error, summed.

    Raises
    ------
    TypeError
        Something else than real numbers.
    ValueError
        NaN or infinity, or shapes that do not fit.
    """
    exact, found = finite_array(weights, "weights"), finite_array(rounded, "rounded weights")
    if exact.ndim != 2 or exact.shape != found.shape:
        raise ValueError(f"weights must be [K, N] both, not {exact.shape} and {found.shape}")
    error = exact - found
    return float(np.sum(error * (checked_hessian(hessian, len(error)) @ error)))
