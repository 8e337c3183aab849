"""FP16 and BF16: IEEE 754 floats of 16 bits, as baselines.

A code is ``sign | exponent | mantissa``; with bias B = 2^(e−1) − 1 its value is
(−1)^s · 2^(E−B) · (1 + M/2^m), or (−1)^s · 2^(1−B) · M/2^m for E = 0 (subnormals), and infinity or
NaN for E = 2^e − 1. Source: IEEE 754-2019, section 3.4.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from alembert.config.checks import require_between
from numpy.typing import ArrayLike, NDArray

from .checks import real_array

__all__ = ["BF16", "FP16", "Beyond", "NarrowFloat", "decode_float", "encode_float", "round_float"]

Float64 = NDArray[np.float64]


class Beyond(enum.Enum):
    """What a number becomes that rounds to more than the largest."""

    INFINITY = "infinity"
    """As IEEE 754 has it."""
    SATURATE = "saturate"
    """The largest finite number; infinities too."""


@dataclass(frozen=True, kw_only=True)
class NarrowFloat:
    """A float of at most 16 bits.

    Parameters
    ----------
    exponent_width : int
        e, 2…8.
    mantissa_width : int
        m, 1…10; with the exponent at most 15.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range.
    """

    exponent_width: int
    mantissa_width: int

    def __post_init__(self) -> None:
        require_between("exponent width", self.exponent_width, 2, 8)
        require_between("mantissa width", self.mantissa_width, 1, 10)
        if self.width > 16:
            raise ValueError(f"a narrow float must have at most 16 bits, not {self.width}")

    @property
    def width(self) -> int:
        """Bits of a code."""
        return 1 + self.exponent_width + self.mantissa_width

    @property
    def min_exponent(self) -> int:
        """Of the least normal number, and of all subnormals: 1 − B."""
        return 2 - (1 << (self.exponent_width - 1))

    @property
    def infinity(self) -> int:
        """The code of +infinity: all ones in the exponent."""
        return ((1 << self.exponent_width) - 1) << self.mantissa_width

    @property
    def largest(self) -> float:
        """The largest finite number, (2 − 2^−m) · 2^B."""
        return float(np.ldexp(2.0 - 0.5**self.mantissa_width, 1 - self.min_exponent))


FP16 = NarrowFloat(exponent_width=5, mantissa_width=10)
BF16 = NarrowFloat(exponent_width=8, mantissa_width=7)


def round_float(values: ArrayLike, fmt: NarrowFloat, beyond: Beyond = Beyond.INFINITY) -> Float64:
    """Real numbers rounded once, to nearest, ties to even; the sign of 0 stays.

    Raises
    ------
    TypeError
        The tensor holds something else than real numbers.
    ValueError
        The tensor holds NaN.
    """
    array = real_array(values)
    magnitude = np.minimum(np.abs(array), 2 * fmt.largest)  # so that infinity has an exponent
    step = _last_place(magnitude, fmt)
    rounded = np.rint(magnitude / step) * step
    limit = np.inf if beyond is Beyond.INFINITY else fmt.largest
    return np.copysign(np.where(rounded > fmt.largest, limit, rounded), array)


def encode_float(
    values: ArrayLike, fmt: NarrowFloat, beyond: Beyond = Beyond.INFINITY
) -> NDArray[np.uint16]:
    """The bit patterns of :func:`round_float`'s results.

    Raises
    ------
    TypeError
        The tensor holds something else than real numbers.
    ValueError
        The tensor holds NaN.
    """
    rounded = round_float(values, fmt, beyond)
    is_finite = np.isfinite(rounded)
    magnitude = np.where(is_finite, np.abs(rounded), 0.0)
    step = _last_place(magnitude, fmt)
    octave = np.frexp(step)[1] - 1 - (fmt.min_exponent - fmt.mantissa_width)
    # the leading one of a normal number, added to its exponent, makes it one more
    codes = (octave << fmt.mantissa_width) + (magnitude / step).astype(np.int64)
    codes = np.where(is_finite, codes, fmt.infinity)
    return (codes | np.signbit(rounded).astype(np.int64) << (fmt.width - 1)).astype(np.uint16)


def decode_float(codes: ArrayLike, fmt: NarrowFloat) -> Float64:
    """What bit patterns stand for: exact, infinities and NaN too.

    Raises
    ------
    TypeError
        The codes are not ints.
    ValueError
        A code has more bits than the format.
    """
    array = np.asarray(codes)
    if array.dtype.kind not in "iu":
        raise TypeError(f"codes must be ints, not {array.dtype}")
    array = array.astype(np.int64)
    if (wrong := (array < 0) | (array >> fmt.width != 0)).any():
        raise ValueError(
            f"codes must be between 0 and {(1 << fmt.width) - 1}, not {array[wrong].flat[0]}"
        )
    mantissa = array & ((1 << fmt.mantissa_width) - 1)
    body = array & ((1 << (fmt.width - 1)) - 1)
    exponent = body >> fmt.mantissa_width
    significand = np.where(exponent > 0, mantissa + (1 << fmt.mantissa_width), mantissa)
    place = np.maximum(exponent, 1) - 1 + fmt.min_exponent - fmt.mantissa_width
    magnitude = np.ldexp(significand.astype(np.float64), place)
    special = np.where(mantissa == 0, np.inf, np.nan)
    magnitude = np.where(body >= fmt.infinity, special, magnitude)
    return np.where(array >> (fmt.width - 1), -magnitude, magnitude)


def _last_place(magnitude: Float64, fmt: NarrowFloat) -> Float64:
    """2^(exponent − m), the exponent no less than that of subnormals."""
    exponent = np.where(magnitude > 0, np.frexp(magnitude)[1] - 1, fmt.min_exponent)
    return np.ldexp(1.0, np.maximum(exponent, fmt.min_exponent) - fmt.mantissa_width)
