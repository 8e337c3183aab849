"""A linear layer of codes with a scale a token: 127 · x / max|x|, rounded, and max|x| beside them.

LINEAR leaves Σ q·w, wide, at one scale for all channels; RESCALE multiplies by the row's max|x| and
adds the bias. Source of the scheme: BitNet b1.58, arXiv 2402.17764.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from alembert.config.machine import MachineConfig
from alembert.config.ternary import ActivationQuantiserConfig
from alembert_golden.postprocess import ChannelParameters
from alembert_golden.rescale import rescale_parameters
from numpy.typing import ArrayLike, NDArray

from .calibrate import Statistics
from .code_grid import codes_of
from .errors import CompileError
from .exact_products import product
from .layer_rounding import LinearInput, round_layer
from .linear_layer import LinearLayer, requantisation
from .quantisation import Quantisation
from .quantised_model import RescaleLayer
from .weights import Weights
from .wide_range import wide_fraction_of

__all__ = ["TokenInput", "quantise_token_linear"]

Float64 = NDArray[np.float64]

LIMIT = ActivationQuantiserConfig.LIMIT
"""The code of a row's largest magnitude."""
_BIAS_WIDTH = 16


@dataclass(frozen=True, kw_only=True)
class TokenInput:
    """The rows that a linear layer reads.

    Parameters
    ----------
    lsb : float
        What a 1 of the wide numbers stands for that codes are made of.
    seen : Statistics
        Of the rows, with their moments.
    """

    lsb: float
    seen: Statistics


def quantise_token_linear(
    name: str,
    weights: Weights | ArrayLike,
    bias: Float64,
    inputs: TokenInput,
    machine: MachineConfig,
    *,
    fraction_of: Callable[[float], int],
    quantisation: Quantisation | None = None,
) -> tuple[LinearLayer, RescaleLayer]:
    """Quantise x · weights + bias.

    Weights have one scale each output channel, ternary ones one a matrix; what x is scaled by is
    in neither. The sums' scale is chosen by the rows that were seen, each over its largest
    magnitude, with an octave left for others, or by the weights if these never reach as far.

    Parameters
    ----------
    name : str
        For messages.
    weights : Weights, or array [K, N]
        Codes that they were given as stay, if the machine has them.
    bias : array [N]
    inputs : TokenInput
    machine : MachineConfig
    fraction_of : callable
        Fraction bits of the results, by the largest magnitude of bias and results.
    quantisation : Quantisation, optional
        How weights are rounded.

    Raises
    ------
    CompileError
        The layer is too deep, or a bias or a factor between scales is out of the hardware's range.
    """
    seen, array = inputs.seen, machine.main
    weights = Weights.of(weights)
    ones = np.ones(len(weights.values))
    reads = LinearInput(scale=ones, mean=seen.mean, covariance=seen.covariance)
    integers, unit = round_layer(name, weights, reads, array, quantisation)
    rounded = integers * unit
    if weights.codes_in(array.vmac.pair.weight) is None:
        bias = bias + seen.mean @ Weights.of(weights.values - rounded)
    rows = seen.samples.astype(np.float64)
    fraction = fraction_of(max(_largest(bias), _largest(product(rows, rounded) + bias)))
    gain = wide_fraction_of(_reach(rows, rounded))
    try:
        multiplier, shift = rescale_parameters(
            math.ldexp(1, -gain), inputs.lsb, math.ldexp(1, -fraction), machine.special.rescale
        )
    except ValueError as error:
        raise CompileError(f"{name}: {error}") from None
    linear = LinearLayer(
        name=name,
        codes=codes_of(integers, array.vmac.pair.weight),
        parameters=ChannelParameters.of(
            len(bias), wide=True, **requantisation(name, np.ldexp(unit, gain), array, gain)
        ),
        unit=unit,
        fraction=gain,
    )
    rescale = RescaleLayer(
        name=f"the bias of {name}",
        multiplier=multiplier,
        shift=shift,
        bias=_bias(name, bias, fraction),
        fraction=fraction,
    )
    return linear, rescale


def _reach(rows: Float64, weights: Float64) -> float:
    """How large sums of codes times weights get."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    codes = np.rint(LIMIT * rows / np.where(largest > 0, largest, 1.0))
    never_more = LIMIT * float(np.abs(weights).sum(axis=0).max())
    return min(2 * _largest(product(codes, weights)), never_more)


def _bias(name: str, bias: Float64, fraction: int) -> NDArray[np.int64]:
    units, limit = np.rint(np.ldexp(bias, fraction)), 1 << (_BIAS_WIDTH - 1)
    if (wrong := np.abs(units) >= limit).any():
        channel = int(np.argmax(wrong))
        raise CompileError(
            f"bias of {name}, channel {channel}, must be below {math.ldexp(limit, -fraction):.4g} "
            f"to have {fraction} fraction bits, not {bias[channel]:.4g}"
        )
    return units.astype(np.int64)


def _largest(values: Float64) -> float:
    return float(np.abs(values).max())
