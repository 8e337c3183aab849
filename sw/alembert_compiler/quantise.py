"""Tensors as codes of any number format, with what it takes to read them back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alembert.config import AdaptivFloatFormat, Format, IntegerFormat
from alembert_golden import adaptivfloat, integer
from alembert_golden.ternary import absmean
from numpy.typing import ArrayLike, NDArray

__all__ = ["QuantisedTensor", "quantise_tensor"]


@dataclass(frozen=True, kw_only=True)
class QuantisedTensor:
    """Codes of a tensor.

    Exactly one of ``scale`` and ``bias`` is there: AdaptivFloat has an exponent bias, the integer
    formats have scales.
    """

    fmt: Format
    """The format of the codes."""
    codes: NDArray[np.int64]
    """Signed numbers for INT<n> and ternary, bit patterns for AdaptivFloat."""
    scale: NDArray[np.float64] | None = None
    """What a code of 1 stands for; broadcasts against the codes."""
    bias: int | None = None
    """The exponent bias."""

    @property
    def values(self) -> NDArray[np.float64]:
        """What the codes stand for."""
        if isinstance(self.fmt, AdaptivFloatFormat):
            if self.bias is None:
                raise ValueError(f"{self.fmt} codes need an exponent bias")
            return adaptivfloat.decode(self.codes, self.bias, self.fmt)
        if self.scale is None:
            raise ValueError(f"{self.fmt} codes need a scale")
        return integer.dequantise(self.codes, self.scale)


def quantise_tensor(
    values: ArrayLike, fmt: Format, axis: int | tuple[int, ...] | None = None
) -> QuantisedTensor:
    """A tensor in ``fmt``: AdaptivFloat at its own bias, INT<n> by absmax, ternary by absmean.

    Parameters
    ----------
    values : array of float
        Any shape.
    fmt : Format
        The format of the codes.
    axis : int or tuple of int, optional
        INT<n> only: the axes that share a scale, one scale per tensor otherwise; see
        :func:`alembert_golden.integer.absmax_scale`.

    Raises
    ------
    ValueError
        The tensor holds NaN, or ``axis`` is given for a format with one scale or bias per tensor.
    """
    if isinstance(fmt, IntegerFormat):
        scale = integer.absmax_scale(values, fmt, axis)
        codes = integer.quantise(values, scale, fmt)
        return QuantisedTensor(fmt=fmt, codes=codes, scale=scale)
    if axis is not None:
        raise ValueError(f"{fmt} is quantised per tensor: axis must be None, not {axis!r}")
    if isinstance(fmt, AdaptivFloatFormat):
        bias = adaptivfloat.bias_of_tensor(values, fmt)
        codes = adaptivfloat.encode(values, bias, fmt)
        return QuantisedTensor(fmt=fmt, codes=codes, bias=bias)
    ternary, mean = absmean(values)
    return QuantisedTensor(fmt=fmt, codes=ternary.astype(np.int64), scale=np.asarray(mean))
