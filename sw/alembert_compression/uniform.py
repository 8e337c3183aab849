"""Affine integer quantisation: code = round(x / scale) + zero.

Sources: Jacob et al., arXiv 1712.05877, equation 1; Nagel et al., arXiv 2106.08295, section 2.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from alembert.config.checks import require_between
from numpy.typing import ArrayLike, NDArray

from .checks import finite_array, real_array
from .granularity import Granularity, PerTensor
from .quantised import Quantised

__all__ = ["Codes", "Uniform", "codes_at", "extremes", "quantise_uniform", "scale_of_range"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

_SMALLEST_SCALE = float(np.finfo(np.float64).tiny)


class Codes(enum.Enum):
    """Which integers of n bits are codes."""

    NARROW = "narrow"
    """−(2^(n−1) − 1)…2^(n−1) − 1: a tensor and its negative have opposite codes."""
    SIGNED = "signed"
    """−2^(n−1)…2^(n−1) − 1."""
    UNSIGNED = "unsigned"
    """0…2^n − 1."""


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """A grid of integers.

    Parameters
    ----------
    width : int
        n, bits of a code, 2…8.
    codes : Codes
        Which integers are made. INT<n> of the gateware is ``NARROW``.
    symmetric : bool
        Zero is code 0, and the scale is that of the largest magnitude; unsigned codes then hold
        no negative numbers. Otherwise zero has a code of its own, and the least and the largest
        value take the ends of the grid.

    Raises
    ------
    TypeError
        A field is of the wrong kind.
    ValueError
        The width is out of its range.
    """

    width: int = 8
    codes: Codes = Codes.NARROW
    symmetric: bool = True

    def __post_init__(self) -> None:
        require_between("code width", self.width, 2, 8)
        if not isinstance(self.codes, Codes):
            raise TypeError(f"codes must be a Codes, not {self.codes!r}")
        if not isinstance(self.symmetric, bool):
            raise TypeError(f"symmetric must be a bool, not {self.symmetric!r}")

    @property
    def min_code(self) -> int:
        """The least code."""
        match self.codes:
            case Codes.NARROW:
                return 1 - (1 << (self.width - 1))
            case Codes.SIGNED:
                return -(1 << (self.width - 1))
            case Codes.UNSIGNED:
                return 0

    @property
    def max_code(self) -> int:
        """The largest code."""
        return (1 << (self.width - (self.codes is not Codes.UNSIGNED))) - 1


def extremes(values: Float64, granularity: Granularity) -> tuple[Float64, Float64]:
    """The least value and the largest, or 0 where that lies beyond, of all that share a scale.

    Infinities, which saturate, take no part.
    """
    finite = np.where(np.isfinite(values), values, 0.0)
    return granularity.reduce(np.minimum, finite), granularity.reduce(np.maximum, finite)


def scale_of_range(low: ArrayLike, high: ArrayLike, grid: Uniform) -> tuple[Float64, Int64]:
    """The scale and zero point at which a range fills the grid.

    Symmetric: scale = max(−low, high) / max_code (unsigned: high / max_code), zero = 0.
    Otherwise, with 0 taken into the range, scale = (high − low) / (max_code − min_code) and
    zero = round(min_code − low / scale), ties to even. A range of 0 alone is taken for one of
    length 1; a scale is at least 2^−1022.

    Parameters
    ----------
    low, high : array
        Broadcast against each other; their shape is the result's.

    Raises
    ------
    ValueError
        A range holds NaN or infinity, ends before it begins, or is longer than float64 can say.
    """
    low, high = np.broadcast_arrays(
        finite_array(low, "lower end of a range"), finite_array(high, "upper end of a range")
    )
    if (wrong := low > high).any():
        raise ValueError(
            f"a range must not end before it begins: {float(low[wrong].flat[0])!r}…"
            f"{float(high[wrong].flat[0])!r}"
        )
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    if grid.symmetric:
        reach = high if grid.codes is Codes.UNSIGNED else np.maximum(-low, high)
        steps = grid.max_code
    else:
        with np.errstate(over="ignore"):
            reach = high - low
        steps = grid.max_code - grid.min_code
        if (wrong := np.isinf(reach)).any():
            raise ValueError(
                f"a range must be at most {np.finfo(np.float64).max} long, not "
                f"{float(low[wrong].flat[0])!r}…{float(high[wrong].flat[0])!r}"
            )
    scale = np.where(reach == 0, 1.0, np.maximum(reach, _SMALLEST_SCALE * steps)) / steps
    zero = np.zeros(scale.shape, dtype=np.int64)
    if not grid.symmetric:
        place = np.rint(grid.min_code - low / scale)
        zero = np.clip(place, grid.min_code, grid.max_code).astype(np.int64)
    return scale, zero


def codes_at(values: ArrayLike, scale: ArrayLike, zero: ArrayLike, grid: Uniform) -> Int64:
    """Codes clip(round(values / scale) + zero), ties to even; infinities saturate.

    Of symmetric narrow codes equal to :func:`alembert_golden.integer.quantise`.

    Parameters
    ----------
    values : array
    scale, zero : array
        Broadcast against the values; scales are positive and finite.

    Raises
    ------
    TypeError
        The tensor holds something else than real numbers.
    ValueError
        The tensor holds NaN.
    """
    with np.errstate(over="ignore"):  # a quotient beyond float64 saturates like infinity
        place = np.rint(real_array(values) / np.asarray(scale)) + np.asarray(zero)
    return np.clip(place, grid.min_code, grid.max_code).astype(np.int64)


def quantise_uniform(
    values: ArrayLike,
    grid: Uniform,
    granularity: Granularity | None = None,
    *,
    clip: tuple[ArrayLike, ArrayLike] | None = None,
) -> Quantised:
    """A tensor in affine integers.

    Parameters
    ----------
    values : array
        Any shape.
    grid : Uniform
    granularity : Granularity, optional
        What shares a scale; all of the tensor without it.
    clip : pair of array, optional
        The range that fills the grid, from a calibration, of the granularity's compact shape or
        less; what lies beyond saturates. The tensor's own extremes without it.

    Raises
    ------
    TypeError
        The tensor holds something else than real numbers.
    ValueError
        The tensor holds NaN, has not the axis of the granularity, or the range is none of it.
    """
    array = real_array(values)
    granularity = PerTensor() if granularity is None else granularity
    low, high = extremes(array, granularity)
    if clip is not None:
        ends = [finite_array(end, "clipping range") for end in clip]
        try:
            low, high = (np.broadcast_to(end, low.shape) for end in ends)
        except ValueError:
            raise ValueError(
                f"clipping range of shapes {ends[0].shape} and {ends[1].shape} does not fit "
                f"scales of shape {low.shape}"
            ) from None
    scale, zero = scale_of_range(low, high, grid)
    groups = granularity.groups(array.shape)
    spread = (scale, zero) if groups is None else (groups.spread(scale), groups.spread(zero))
    return Quantised(codes=codes_at(array, *spread, grid), scale=scale, zero=zero, groups=groups)
