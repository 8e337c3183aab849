"""A product of codes, several times faster than its definition, and the same in every bit.

The definition is :func:`alembert_golden.matrix_unit.matmul`. Here sums and results stay in float64
where these are exact; the tests hold one against the other.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from alembert.config import AdaptivFloatFormat, Format, VmacArrayConfig
from numpy.typing import NDArray

from .adaptivfloat import encode_relative
from .postprocess import ChannelParameters, biased, postprocess
from .saturation import count_products
from .scaler import scale
from .vmac import integers

__all__ = ["QuickProduct", "quick_encode"]

_FLOAT32_EXACT, _FLOAT64_EXACT = 1 << 24, 1 << 53
_FLOAT64_MANTISSA = 52
_DOUBT = 2.0**-30
"""Products this close to a tie may have been rounded to it: they are below 2^17 if they matter,
and wrong by 2^−53 of that."""


class QuickProduct:
    """Codes × weights, post-processed: uint8 codes, int16 wide numbers, or the bits of either.

    Parameters
    ----------
    parameters : ChannelParameters
        Of the N channels.
    depth : int
        K, terms of a dot product.
    array : VmacArrayConfig
        Formats.
    """

    def __init__(self, parameters: ChannelParameters, depth: int, array: VmacArrayConfig):
        self._parameters, self._array = parameters, array
        pair = array.vmac.pair
        self._largest = depth * pair.max_product + int(np.abs(parameters.bias).max())
        self._is_exact = self._largest < _FLOAT64_EXACT
        # every partial sum is an integer that the type holds
        small = depth * pair.max_product <= _FLOAT32_EXACT
        self._dtype = np.dtype(np.float32 if small else np.float64)
        self._scale, self._bias, self._weights = _channel_scale(parameters, array), None, None
        if array.encodes_adaptivfloat and self._is_exact:
            self._dtype = np.dtype(np.float64)
        if parameters.bias.any():
            self._bias = parameters.bias * (self._scale if array.encodes_adaptivfloat else 1.0)

    @classmethod
    def of_layer(
        cls, weights: NDArray[np.int64], parameters: ChannelParameters, array: VmacArrayConfig
    ) -> QuickProduct:
        """With weight codes [K, N] that stay."""
        product = cls(parameters, len(weights), array)
        numbers = integers(weights, array.vmac.pair.weight)
        if product._is_exact:
            product._weights = numbers.astype(product._dtype)
            if array.encodes_adaptivfloat:
                # a power of two: sums stay exact
                product._weights *= product._scale
        else:
            product._weights = numbers
        return product

    @property
    def left_kind(self) -> tuple[Format, np.dtype]:
        """What :meth:`left` reads and returns: products decode alike if it is the same."""
        dtype = self._dtype if self._is_exact else np.dtype(np.int64)
        return self._array.vmac.pair.activation, dtype

    def left(self, a: NDArray[np.uint8]) -> NDArray:
        """Codes a [batch, M, K], which may be strided, decoded."""
        return _decoded(a, _table(*self.left_kind, 1.0))

    def __call__(self, a: NDArray[np.uint8], b: NDArray[np.uint8] | None) -> NDArray:
        """Results [batch, M, N] of codes a [batch, M, K] and b [batch, N, K], which may be strided.

        There is no b if there are a layer's weights.
        """
        return self.of_left(self.left(a), b)[0]

    def of_left(
        self, left: NDArray, b: NDArray[np.uint8] | None
    ) -> tuple[NDArray, NDArray[np.int64]]:
        """The same for an operand that :meth:`left` has decoded, and how many wide results of each
        sentence were saturated."""
        pair = self._array.vmac.pair
        if not self._is_exact:
            return self._defined(left, b)
        if b is None:
            sums = (left.reshape(-1, left.shape[2]) @ self._weights).reshape(*left.shape[:2], -1)
        else:
            # all channels have the same scale
            factor = float(self._scale[0]) if self._array.encodes_adaptivfloat else 1.0
            right = _decoded(b, _table(pair.weight, self._dtype, factor))
            sums = left @ right.swapaxes(1, 2)
        total = sums.astype(np.float64, copy=False)
        if self._bias is not None:
            total += self._bias
        relu = self._parameters.relu
        if relu.any():
            np.maximum(total, np.where(relu, 0.0, -np.inf), out=total)
        results = self._finish(total)
        factor = self._scale if self._array.encodes_adaptivfloat else None
        return results, count_products(results, total, self._parameters, self._array, factor)

    def _finish(self, total: NDArray[np.float64]) -> NDArray:
        wide = self._parameters.wide
        fmt = self._array.vmac.pair.activation
        if not isinstance(fmt, AdaptivFloatFormat):
            rounded = self._rounded(total)
            if wide.all():
                return np.clip(rounded, -32768, 32767, out=rounded).astype(np.int16)
            low, high = np.where(wide, [[-32768], [32767]], [[-128], [127]])
            clipped = np.clip(rounded, low, high, out=rounded).astype(np.int16)
            if wide.any():
                return clipped & np.where(wide, -1, 0xFF).astype(np.int16)
            return clipped.astype(np.int8).view(np.uint8)
        if not wide.any():
            return quick_encode(total, fmt)
        if wide.all():
            return _wide(total)
        codes = quick_encode(total, fmt)
        return np.where(wide, _wide(total), codes)

    def _rounded(self, total: NDArray[np.float64]) -> NDArray[np.float64]:
        """total · multiplier / 2^shift, rounded to nearest, ties to even."""
        product = total * self._scale
        rounded = np.rint(product)
        multiplier = self._parameters.multiplier
        odd_part = multiplier // np.maximum(multiplier & -multiplier, 1)
        if self._largest * int(odd_part.max()) < _FLOAT64_EXACT:
            return rounded
        doubtful = np.abs(np.abs(product - rounded) - 0.5) < _DOUBT
        if doubtful.any():
            channel = np.nonzero(doubtful)[-1]
            shift = self._parameters.shift[channel]
            exact = scale(total[doubtful].astype(np.int64), multiplier[channel], shift, 18)
            rounded[doubtful] = exact
        return rounded

    def _defined(
        self, left: NDArray, b: NDArray[np.uint8] | None
    ) -> tuple[NDArray, NDArray[np.int64]]:
        """By integers of 64 bits, for formats with sums beyond float64's."""
        pair = self._array.vmac.pair
        if b is None:
            sums = left @ self._weights
        else:
            sums = left @ _table(pair.weight, np.dtype(np.int64), 1.0).take(b).swapaxes(1, 2)
        results = postprocess(sums, self._parameters, self._array)
        width, wide = pair.activation.width, self._parameters.wide
        results = np.where(wide, results, results & ((1 << width) - 1)).astype(np.int16)
        total = biased(sums, self._parameters)
        return results, count_products(results, total, self._parameters, self._array)


def _decoded(codes: NDArray[np.uint8], table: NDArray) -> NDArray:
    """What codes stand for; no code is beyond a table of 256, so that none need be looked for."""
    return table.take(codes, mode="clip")


def _wide(total: NDArray[np.float64]) -> NDArray[np.int16]:
    """Rounded to 16 bits."""
    rounded = np.rint(total)
    return np.clip(rounded, -32768, 32767, out=rounded).astype(np.int16)


def quick_encode(values: NDArray[np.float64], fmt: AdaptivFloatFormat) -> NDArray[np.uint8]:
    """:func:`alembert_golden.adaptivfloat.encode_relative` by one look-up, in 2^(14 + m) places.

    Sign, exponent, the mantissa that is kept and a bit more decide all but ties, and whether
    anything is left below decides these.
    """
    bits = np.ascontiguousarray(values).view(np.int64)
    drop = _FLOAT64_MANTISSA - fmt.mantissa_width - 2
    place = bits >> drop
    place |= bits & ((1 << drop) - 1) != 0
    return _code_table(fmt).take(place, mode="wrap")  # negative numbers are in the upper half


@lru_cache(maxsize=8)
def _code_table(fmt: AdaptivFloatFormat) -> NDArray[np.uint8]:
    width = 64 - _FLOAT64_MANTISSA + fmt.mantissa_width + 2
    places = np.arange(1 << width, dtype=np.uint64) << np.uint64(64 - width)
    return encode_relative(places.view(np.float64), fmt)


def _channel_scale(parameters: ChannelParameters, array: VmacArrayConfig) -> NDArray[np.float64]:
    """What a channel's sum is multiplied by before it is rounded; exact."""
    if array.encodes_adaptivfloat:
        exponent = np.where(parameters.wide, -parameters.exponent, parameters.exponent)
        return np.ldexp(1.0, exponent.astype(np.int32))
    return np.ldexp(parameters.multiplier.astype(np.float64), -parameters.shift.astype(np.int32))


@lru_cache(maxsize=64)
def _table(fmt: Format, dtype: np.dtype, factor: float) -> NDArray:
    """What each of the 256 codes in a byte stands for, times a power of two."""
    codes = np.arange(256)
    if isinstance(fmt, AdaptivFloatFormat):
        codes = codes & ((1 << fmt.width) - 1)
    else:
        codes = (codes ^ 128) - 128
    return (integers(codes, fmt) * factor).astype(dtype)
