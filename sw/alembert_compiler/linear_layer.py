"""A linear layer as a machine computes it: weight codes, and what its channels do with the sums."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from alembert.config import AdaptivFloatFormat, Format, VmacArrayConfig
from alembert_golden.integer import requantise_parameters
from alembert_golden.postprocess import ChannelParameters
from numpy.typing import ArrayLike, NDArray

from .code_grid import codes_of, mantissa_bits, nearest
from .errors import CompileError
from .layer_rounding import LinearInput, round_layer
from .quantisation import Quantisation
from .weights import Weights

__all__ = [
    "LinearInput",
    "LinearLayer",
    "log2_exact",
    "quantise_linear",
    "requantisation",
]

Float64 = NDArray[np.float64]

_BIAS_MARGIN = 1.0 + 2.0**-8
"""Of a bias, for what rounded weights add to it."""


@dataclass(frozen=True, kw_only=True)
class LinearLayer:
    """What LINEAR needs besides addresses.

    Parameters
    ----------
    name : str
    codes : array of int64, [K, N]
        Of the weights; bit patterns of AdaptivFloat, else signed numbers.
    parameters : ChannelParameters
        Of the N output channels.
    unit : array [N]
        What a 1 in the accumulator of every channel stands for.
    fraction : int or None
        Fraction bits of wide results.
    """

    name: str
    codes: NDArray[np.int64]
    parameters: ChannelParameters
    unit: Float64
    fraction: int | None = None

    @property
    def columns(self) -> int:
        """N."""
        return self.codes.shape[1]

    @property
    def depth(self) -> int:
        """K."""
        return self.codes.shape[0]

    def slice(self, first: int, last: int) -> LinearLayer:
        """The layer with the output channels first … last − 1 alone."""
        part = {
            name: getattr(self.parameters, name)[first:last]
            for name in ("bias", "relu", "wide", "multiplier", "shift", "exponent")
        }
        return LinearLayer(
            name=f"{self.name}[{first}:{last}]",
            codes=self.codes[:, first:last],
            parameters=ChannelParameters(**part),
            unit=self.unit[first:last],
            fraction=self.fraction,
        )


def log2_exact(values: ArrayLike) -> NDArray[np.int64]:
    """log2 of powers of two."""
    fraction, exponent = np.frexp(np.asarray(values, dtype=np.float64))
    assert np.all(fraction == 0.5), "AdaptivFloat's scales are powers of two"
    return exponent.astype(np.int64) - 1


def quantise_linear(
    name: str,
    weights: Weights | ArrayLike,
    bias: ArrayLike,
    inputs: LinearInput,
    array: VmacArrayConfig,
    *,
    scale: ArrayLike | None = None,
    fraction: int | None = None,
    may_coarsen: bool = False,
    relu: bool = False,
    quantisation: Quantisation | None = None,
) -> LinearLayer:
    """Quantise x · weights + bias.

    The inputs' scales are multiplied into the weights; these have one scale each output channel,
    ternary ones one a matrix.

    Parameters
    ----------
    name : str
        For messages.
    weights : Weights, or array [K, N]
        Codes that they were given as stay, if the machine has them.
    bias : array [N]
    inputs : LinearInput
    array : VmacArrayConfig
        What computes it.
    scale : array [N]
        For results in codes: what an integer 1 of each channel shall stand for.
    fraction : int
        For wide results: their fraction bits.
    may_coarsen : bool
        Wide results of AdaptivFloat sums may have fewer, where the sums do.
    relu : bool
        Negative sums become 0.
    quantisation : Quantisation, optional
        How weights are rounded.

    Raises
    ------
    CompileError
        The layer is too deep, wide results have more fraction bits than sums, a factor between
        scales is out of the hardware's range, or inputs of weights that are given as codes have
        several scales.
    """
    weights = Weights.of(weights)
    bias = np.asarray(bias, dtype=np.float64)
    limit = 1 << (array.vmac.accumulator_width - 1)
    lsb = np.asarray(scale) if fraction is None else math.ldexp(1, -fraction)
    mean = 0.0 if inputs.mean is None else np.abs(inputs.mean @ weights)
    integers, unit = _coarsened(
        *round_layer(name, weights, inputs, array, quantisation),
        # all of an accumulator is a last bit of the result, and the bias fits
        np.maximum(lsb, (np.abs(bias) + mean) * _BIAS_MARGIN) / limit,
        array.vmac.pair.weight,
    )
    if inputs.mean is not None and weights.codes_in(array.vmac.pair.weight) is None:
        exact = inputs.mean @ weights
        bias = bias + exact - (inputs.mean / inputs.scale) @ Weights.of(integers * unit)
    sums = np.rint(bias / unit)
    if fraction is not None and may_coarsen and array.encodes_adaptivfloat:
        fraction = min(fraction, -int(log2_exact(unit).max()))
    factor = unit / np.asarray(scale) if fraction is None else np.ldexp(unit, fraction)
    parameters = ChannelParameters.of(
        len(bias),
        bias=sums.astype(np.int64),
        relu=relu,
        wide=fraction is not None,
        **requantisation(name, factor, array, fraction),
    )
    codes = codes_of(integers, array.vmac.pair.weight)
    return LinearLayer(name=name, codes=codes, parameters=parameters, unit=unit, fraction=fraction)


def _coarsened(
    integers: Float64, unit: Float64, least: Float64, fmt: Format
) -> tuple[Float64, Float64]:
    """Weights of channels whose unit is below the least, in a unit above it: mostly zeros.

    Such a channel is nearly dead: its weights are small beside its bias, or beside the result's
    last bit.
    """
    dead = unit < least
    if not dead.any():
        return integers, unit
    coarse = np.where(dead, np.ldexp(1.0, np.frexp(least)[1]), unit)
    return np.where(dead, nearest(integers * (unit / coarse), fmt), integers), coarse


def requantisation(
    name: str, factor: ArrayLike, array: VmacArrayConfig, fraction: int | None
) -> dict[str, NDArray[np.int64]]:
    """The channel parameters that multiply sums by ``factor``, before a code or a wide number.

    Raises
    ------
    CompileError
        The factor is out of the hardware's range.
    """
    fmt = array.vmac.pair.activation
    factor = np.asarray(factor, dtype=np.float64)
    if not isinstance(fmt, AdaptivFloatFormat):
        try:
            multiplier, shift = requantise_parameters(factor)
        except ValueError as error:
            raise CompileError(f"{name}: {error}") from None
        return {"multiplier": multiplier.astype(np.int64), "shift": shift.astype(np.int64)}
    exponent = log2_exact(factor)
    if fraction is None:
        return {"exponent": exponent - mantissa_bits(fmt)}
    most = (1 << array.SHIFT_WIDTH) - 1
    if exponent.max() > 0 or exponent.min() < -most:
        raise CompileError(
            f"{name} must be shifted right by 0…{most} to have {fraction} fraction bits, "
            f"not by {-exponent.max()}…{-exponent.min()}"
        )
    return {"exponent": -exponent}
