"""A linear layer's weights as integers of a machine's codes: given, by absmean, or rounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alembert.config import AdaptivFloatFormat, IntegerFormat, TernaryFormat, VmacArrayConfig
from alembert_golden.ternary import absmean
from numpy.typing import NDArray

from .errors import CompileError
from .quantisation import Quantisation
from .scale_choice import choose_scale
from .weight_groups import round_groups
from .weight_rounding import round_weights
from .weights import Weights

__all__ = ["LinearInput", "round_layer"]

Float64 = NDArray[np.float64]

_UNIT_OF_ZEROS = 2.0**-16
"""Of a channel without weights: what its bias is counted in; any fraction can be made of it."""


@dataclass(frozen=True, kw_only=True)
class LinearInput:
    """The codes that a linear layer reads.

    Parameters
    ----------
    scale : array [K]
        What an integer 1 of every channel stands for.
    mean : array [K], optional
        The mean of what the codes stand for: makes up for rounded weights in the bias.
    covariance : array [K, K], optional
        Of the same: chooses how weights are rounded.
    """

    scale: Float64
    mean: Float64 | None = None
    covariance: Float64 | None = None


def round_layer(
    name: str,
    weights: Weights,
    inputs: LinearInput,
    array: VmacArrayConfig,
    quantisation: Quantisation | None = None,
) -> tuple[Float64, Float64]:
    """Integers [K, N] of the weights for inputs in integers, and their scales [N].

    Codes that the weights were given as are these integers, if the machine's format has them all;
    a scale is then theirs times the inputs'.

    Raises
    ------
    CompileError
        The layer is too deep, or inputs of weights that are given as codes have several scales.
    """
    depth = len(weights.values)
    if depth > array.vmac.max_depth:
        raise CompileError(
            f"{name} sums {depth} products, the machine's accumulators "
            f"{array.vmac.max_depth} at most"
        )
    fmt = array.vmac.pair.weight
    if (given := weights.codes_in(fmt)) is not None:
        return given[0].astype(np.float64), given[1] * _one_scale(name, inputs)
    if isinstance(fmt, TernaryFormat):
        codes, mean = absmean(weights.values)
        unit = np.full(weights.values.shape[1], mean * _one_scale(name, inputs))
        return codes.astype(np.float64), unit
    return _rounded(name, weights.values, inputs, fmt, quantisation or Quantisation())


def _rounded(
    name: str,
    weights: Float64,
    inputs: LinearInput,
    fmt: AdaptivFloatFormat | IntegerFormat,
    quantisation: Quantisation,
) -> tuple[Float64, Float64]:
    scaled = weights * inputs.scale[:, np.newaxis]
    covariance, importance = None, np.ones(1)
    if inputs.covariance is not None:
        covariance = inputs.covariance / np.outer(inputs.scale, inputs.scale)
        importance = np.diag(covariance)[:, np.newaxis]
    if quantisation.rounding == "nearest":
        covariance = None
    if isinstance(fmt, IntegerFormat):
        if quantisation.group_size != -1:
            integers, unit = round_groups(
                scaled, fmt, quantisation, covariance, importance, name=name
            )
            return integers, np.where(np.any(scaled, axis=0), unit, _UNIT_OF_ZEROS)
        fmt = IntegerFormat(width=quantisation.weight_bits or fmt.width)
    unit = choose_scale(
        scaled,
        np.abs(scaled).max(axis=0),
        fmt,
        quantisation.weight_range,
        per_channel=quantisation.granularity == "channel",
        weight=importance,
    )
    unit = np.where(np.any(scaled, axis=0), unit, _UNIT_OF_ZEROS)
    integers = round_weights(
        scaled, unit, fmt, covariance, act_order=quantisation.act_order, name=name
    )
    return integers, unit


def _one_scale(name: str, inputs: LinearInput) -> float:
    """That of all inputs: it cannot be multiplied into codes that stay."""
    scale = float(inputs.scale[0])
    if (inputs.scale != scale).any():
        raise CompileError(
            f"inputs of {name} must have one scale, since its codes are given, or of one scale: "
            f"not {len(np.unique(inputs.scale))}"
        )
    return scale
