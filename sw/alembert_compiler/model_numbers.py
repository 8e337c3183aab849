"""What choosing a model's numbers begins with: its tensors, what is known of them, a machine."""

from __future__ import annotations

import numpy as np
from alembert.config import TernaryFormat
from alembert.config.gelu import GeluForm
from alembert.config.machine import MachineConfig
from numpy.typing import NDArray

from .albert import Albert
from .calibrate import Calibration, Statistics
from .code_grid import fit_scale
from .errors import CompileError
from .linear_layer import LinearInput, LinearLayer, quantise_linear
from .norm_layer import NormLayer, quantise_norm, wide_fraction

__all__ = ["ModelNumbers"]

Float64 = NDArray[np.float64]


def _tensors_of(model: Albert) -> dict[str, Float64]:
    """Every tensor of a model by its name in the checkpoint."""
    found: dict[str, Float64] = {}

    def keep(name: str, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        found[name] = tensor.astype(np.float64)
        return tensor

    model.map_tensors(keep)
    return found


class ModelNumbers:
    """A model, its calibration, and a machine.

    Parameters
    ----------
    model : Albert
    calibration : Calibration
        Of this model.
    machine : MachineConfig

    Raises
    ------
    CompileError
        The machine has another GELU than the model.
    """

    def __init__(self, model: Albert, calibration: Calibration, machine: MachineConfig) -> None:
        self.config, self.calibration, self.machine = model.config, calibration, machine
        self.tensors = _tensors_of(model)
        self.fmt = machine.fmt
        # a ternary matrix has one scale, so its inputs must have one too
        self.per_channel = not isinstance(machine.main.vmac.pair.weight, TernaryFormat)
        form = machine.special.gelu.form
        known = {GeluForm.ERF: "gelu", GeluForm.TANH: "gelu_new"}[form]
        if self.config.hidden_act != known:
            raise CompileError(
                f"the machine's activation is {known!r}, the model's {self.config.hidden_act!r}"
            )

    def weight(self, name: str) -> Float64:
        """[K, N]."""
        return self.tensors[f"{name}.weight"].T

    def bias(self, name: str) -> Float64:
        """[N]."""
        return self.tensors[f"{name}.bias"]

    def fit(self, name: str, *, per_channel: bool = False, power_of_two: bool = False) -> Float64:
        """The scale of a tensor\'s codes, [channels]."""
        seen = self.calibration[name]
        return fit_scale(
            seen.samples,
            seen.largest,
            self.fmt,
            per_channel=per_channel,
            power_of_two=power_of_two,
        )

    def reads(self, scale: Float64, seen: Statistics) -> LinearInput:
        """Codes of a scale, as a linear layer reads them."""
        return LinearInput(scale=scale, mean=seen.mean, covariance=seen.covariance)

    def linear(
        self,
        name: str,
        weights: Float64,
        bias: Float64,
        inputs: LinearInput,
        *,
        scale: Float64 | None = None,
        fraction: int | None = None,
        may_coarsen: bool = False,
    ) -> LinearLayer:
        """See :func:`quantise_linear`; on the main array."""
        return quantise_linear(
            name,
            weights,
            bias,
            inputs,
            self.machine.main,
            scale=scale,
            fraction=fraction,
            may_coarsen=may_coarsen,
        )

    def norm(
        self,
        name: str,
        tensor: str,
        result: str,
        scale: Float64,
        fraction: int,
        residual: float | None = None,
    ) -> NormLayer:
        """The normalisation with the parameters ``tensor``, whose results are ``result``."""
        return quantise_norm(
            name,
            self.tensors[f"{tensor}.weight"],
            self.tensors[f"{tensor}.bias"],
            self.config.layer_norm_eps,
            self.machine.special.layernorm,
            fmt=self.fmt,
            fraction=fraction,
            scale=scale,
            largest=self.calibration[result].largest,
            residual=residual,
        )

    def summed(
        self, name: str, summand: str, residual: str, weights: Float64, bias: Float64,
        inputs: LinearInput,
    ) -> LinearLayer:  # fmt: skip
        """A linear layer whose wide results are added to codes and normalised."""
        a = float(self.calibration[summand].largest.max())
        b = float(self.calibration[residual].largest.max())
        fraction = wide_fraction(a, a + b, self.config.hidden_size, self.config.layer_norm_eps)
        return self.linear(name, weights, bias, inputs, fraction=fraction, may_coarsen=True)
