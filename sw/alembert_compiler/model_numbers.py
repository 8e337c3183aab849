"""What choosing a model's numbers begins with: its shape, what is known of it, a machine."""

from __future__ import annotations

import math
import warnings

import numpy as np
from alembert.config import TernaryFormat
from alembert.config.machine import MachineConfig
from numpy.typing import NDArray

from .calibrate import Calibration, Statistics
from .errors import SaturationWarning
from .layer import Dense, Norm
from .linear_layer import LinearInput, LinearLayer, quantise_linear
from .model_config import ModelConfig
from .norm_layer import NormLayer, quantise_norm, wide_fraction
from .quantisation import Quantisation
from .quantised_model import RescaleLayer
from .scale_choice import choose_scale
from .token_linear import TokenInput, quantise_token_linear
from .weights import Weights
from .wide_range import range_shift

__all__ = ["ModelNumbers", "bias_of", "weight_of"]

Float64 = NDArray[np.float64]


class ModelNumbers:
    """A model's shape, statistics of its tensors, and a machine.

    Parameters
    ----------
    config : ModelConfig
    calibration : Calibration
        Of this model, or of one of its passes.
    machine : MachineConfig
    suffix : str
        Behind the name of every part, for messages and to tell layers apart.
    quantisation : Quantisation, optional
        How tensors are rounded.
    """

    def __init__(
        self,
        config: ModelConfig,
        calibration: Calibration,
        machine: MachineConfig,
        *,
        suffix: str = "",
        quantisation: Quantisation | None = None,
    ) -> None:
        self.config, self.calibration, self.machine = config, calibration, machine
        self.suffix, self.fmt = suffix, machine.fmt
        self.quantisation = quantisation or Quantisation()
        self.is_token = self.quantisation.activations == "token"
        """Contexts and what GELU makes are scaled token by token."""
        # a ternary matrix has one scale, so its inputs must have one too
        self.per_channel = not isinstance(machine.main.vmac.pair.weight, TernaryFormat)

    def of_pass(self, index: int) -> ModelNumbers:
        """The same of a pass, from 0, through a layer of its own."""
        return ModelNumbers(
            self.config,
            self.calibration.of_pass(index),
            self.machine,
            suffix="" if self.config.num_layers == 1 else f" of layer {index + 1}",
            quantisation=self.quantisation,
        )

    def fraction_of(
        self, what: str, largest: Float64, fraction: int, shift_width: int, unit: str
    ) -> list[int]:
        """Fraction bits of wide numbers, one for each ``unit``: ``fraction``, or so many fewer, up
        to what ``shift_width`` bits shift back, that the largest seen fits.

        What does not fit even then is warned of, and saturates.
        """
        most = (1 << shift_width) - 1
        limit = math.ldexp(1, 15 - fraction + most)
        beyond = np.flatnonzero(largest > limit)
        if len(beyond):
            worst = int(np.argmax(largest))
            self.warn(
                f"{what}{self.suffix} saturate at ±{limit:g}: {len(beyond)} of {len(largest)} "
                f"reach further in the calibration, {unit} {worst} ±{largest[worst]:.4g}"
            )
        return [fraction - range_shift(float(each), fraction, most) for each in largest]

    def warn(self, message: str) -> None:
        """Warn of numbers that leave their range."""
        warnings.warn(message, SaturationWarning, stacklevel=2)

    def fit(self, name: str, *, per_channel: bool = False, power_of_two: bool = False) -> Float64:
        """The scale of a tensor's codes, [channels]."""
        seen = self.calibration[name]
        return choose_scale(
            seen.samples,
            seen.largest,
            self.fmt,
            self.quantisation.activation_range,
            per_channel=per_channel,
            power_of_two=power_of_two,
        )

    def scales_channels(self, reader: Dense) -> bool:
        """What a layer reads may have a scale a channel: not where its codes are to stay."""
        fmt = self.machine.main.vmac.pair.weight
        return self.per_channel and weight_of(reader).codes_in(fmt) is None

    def reads(self, scale: Float64, seen: Statistics) -> LinearInput:
        """Codes of a scale, as a linear layer reads them."""
        return LinearInput(scale=scale, mean=seen.mean, covariance=seen.covariance)

    def linear(
        self,
        name: str,
        weights: Weights | Float64,
        bias: Float64,
        inputs: LinearInput,
        *,
        scale: Float64 | None = None,
        fraction: int | None = None,
        may_coarsen: bool = False,
        relu: bool = False,
    ) -> LinearLayer:
        """See :func:`quantise_linear`; on the main array."""
        return quantise_linear(
            f"{name}{self.suffix}",
            weights,
            bias,
            inputs,
            self.machine.main,
            scale=scale,
            fraction=fraction,
            may_coarsen=may_coarsen,
            relu=relu,
            quantisation=self.quantisation,
        )

    def norm(
        self,
        name: str,
        norm: Norm,
        seen: Statistics,
        scale: Float64,
        fraction: int,
        residual: float | None = None,
    ) -> NormLayer:
        """A normalisation whose results were ``seen``."""
        return quantise_norm(
            f"{name}{self.suffix}",
            norm.weight.astype(np.float64),
            norm.bias.astype(np.float64),
            norm.epsilon,
            self.machine.special.layernorm,
            fmt=self.fmt,
            fraction=fraction,
            scale=scale,
            largest=seen.largest,
            residual=residual,
        )

    def summed(
        self, name: str, summand: str, residual: str, weights: Weights, bias: Float64,
        inputs: LinearInput,
    ) -> LinearLayer:  # fmt: skip
        """A linear layer whose wide results are added to codes and normalised."""
        a = float(self.calibration[summand].largest.max())
        fraction = self._sum_fraction(a, residual)
        return self.linear(name, weights, bias, inputs, fraction=fraction, may_coarsen=True)

    def summed_tokens(
        self, name: str, summand: str, residual: str, weights: Weights, bias: Float64,
        inputs: TokenInput,
    ) -> tuple[LinearLayer, RescaleLayer]:  # fmt: skip
        """The same of inputs with a scale a token."""
        a = float(self.calibration[summand].largest.max())
        return quantise_token_linear(
            f"{name}{self.suffix}",
            weights,
            bias,
            inputs,
            self.machine,
            fraction_of=lambda largest: self._sum_fraction(max(a, largest), residual),
            quantisation=self.quantisation,
        )

    def _sum_fraction(self, largest: float, residual: str) -> int:
        """Of wide numbers that a residual is added to."""
        both = largest + float(self.calibration[residual].largest.max())
        return wide_fraction(largest, both, self.config.hidden_size, self.config.layer_norm_eps)


def weight_of(dense: Dense) -> Weights:
    """[K, N]; with the codes that a checkpoint gives."""
    return dense.weights


def bias_of(dense: Dense) -> Float64:
    """[N]."""
    return dense.bias.astype(np.float64)
