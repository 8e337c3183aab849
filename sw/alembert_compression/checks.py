"""What every function of this package asks of a tensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["finite_array", "real_array", "require_float"]

Float64 = NDArray[np.float64]


def real_array(values: ArrayLike, name: str = "tensor") -> Float64:
    """The values in float64.

    Raises
    ------
    TypeError
        They are not real numbers.
    ValueError
        They hold NaN.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    array = array.astype(np.float64)
    if np.isnan(array).any():
        raise ValueError(f"{name} holds NaN at {np.argwhere(np.isnan(array))[0].tolist()}")
    return array


def finite_array(values: ArrayLike, name: str = "tensor") -> Float64:
    """The same, of finite numbers.

    Raises
    ------
    TypeError
        They are not real numbers.
    ValueError
        They hold NaN or infinity.
    """
    array = real_array(values, name)
    if np.isinf(array).any():
        raise ValueError(f"{name} holds infinity at {np.argwhere(np.isinf(array))[0].tolist()}")
    return array


def require_float(name: str, value: object) -> float:
    """The value as a float; the message names it.

    Raises
    ------
    TypeError
        It is not a real number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}")
    return float(value)
