"""Codes scaled to a wide tensor's last place and added to it, exact in integers."""

from __future__ import annotations

import numpy as np
from alembert.config import AdaptivFloatFormat, Overflow
from alembert.config.checks import require_between
from alembert.config.residual import ResidualConfig
from numpy.typing import ArrayLike, NDArray

from .adaptivfloat import significand
from .fixed import overflow
from .scaler import scale

__all__ = ["residual_add"]


def residual_add(
    codes: ArrayLike, wide: ArrayLike, multiplier: int, shift: int, config: ResidualConfig
) -> NDArray[np.int64]:
    """saturate(wide + round_half_even(integer(code) · multiplier / 2^shift)).

    Parameters
    ----------
    codes : array of int64
        Codes of ``config.fmt``: bit patterns of AdaptivFloat, else signed numbers; any shape.
    wide : array of int64
        Signed, of ``config.WIDE_WIDTH`` bits, of the same shape.
    multiplier : int
        0…65535.
    shift : int
        0…63.

    Raises
    ------
    TypeError
        The multiplier or the shift is not an int.
    ValueError
        A code, a wide number, the multiplier or the shift is out of its range.
    """
    require_between("residual multiplier", multiplier, 0, (1 << config.MULTIPLIER_WIDTH) - 1)
    require_between("residual shift", shift, 0, (1 << config.SHIFT_WIDTH) - 1)
    wide = np.asarray(wide, dtype=np.int64)
    half = 1 << (config.WIDE_WIDTH - 1)
    _require_range("residual wide numbers", wide, -half, half - 1)
    scaled = scale(_integers(codes, config), multiplier, shift, 63)
    return overflow(wide + scaled, config.out_width, Overflow.SATURATE)


def _integers(codes: ArrayLike, config: ResidualConfig) -> NDArray[np.int64]:
    if isinstance(config.fmt, AdaptivFloatFormat):
        return significand(codes, config.fmt)
    codes = np.asarray(codes, dtype=np.int64)
    _require_range(f"{config.fmt} codes", codes, config.fmt.min_value, config.fmt.max_value)
    return codes


def _require_range(name: str, values: NDArray[np.int64], low: int, high: int) -> None:
    if values.size and (values.min() < low or values.max() > high):
        raise ValueError(
            f"{name} must be between {low} and {high}, not {values.min()}…{values.max()}"
        )
