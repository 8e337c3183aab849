"""Recordings of a real ALBERT's tensors for every datapath, with golden's answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from alembert.config import AdaptivFloatFormat, IntegerFormat, VmacArrayConfig
from alembert_compiler.quantise import QuantisedTensor
from alembert_compiler.workloads import Matmul, ReactionModel, albert_workload, load_albert
from alembert_golden.adaptivfloat import bias_of_tensor
from alembert_golden.integer import absmax_scale, requantise_parameters
from alembert_golden.postprocess import ChannelParameters

from .matmul import Product
from .replay import Recording

__all__ = ["ArrayWorkload", "array_recording", "model", "workloads"]


@cache
def model() -> ReactionModel:
    """The pretrained ALBERT, fetched once."""
    return load_albert()


@cache
def workloads() -> dict[str, Matmul]:
    """The matrix products of one pass over a real reaction."""
    return albert_workload(model())


@dataclass(frozen=True)
class ArrayWorkload:
    """A recording for a matrix unit, and what it amounts to."""

    recording: Recording
    shape: tuple[int, int, int]

    @property
    def macs(self) -> int:
        """Multiplications of the product."""
        rows, depth, columns = self.shape
        return rows * depth * columns

    @property
    def values(self) -> int:
        """Results compared."""
        return self.shape[0] * self.shape[2]


def array_recording(
    matmul: Matmul, config: VmacArrayConfig, *, relu: bool = False, monitors: bool = True
) -> ArrayWorkload:
    """A real product through a matrix unit: quantised codes in, encoded results out."""
    activations, weights = matmul.quantise(config.vmac.pair)
    parameters = _parameters(matmul, activations, weights, config, relu=relu)
    product = Product.of(matmul.slug, activations.codes, weights.codes, parameters, config)
    return ArrayWorkload(
        Recording(
            inputs={
                "command": [product.command],
                "weights": product.weights,
                "activations": product.activations,
                "channels": product.channels,
            },
            outputs={"results": product.results},
            measure_from="activations",
            monitors=monitors,
        ),
        matmul.shape,
    )


def _parameters(
    matmul: Matmul,
    activations: QuantisedTensor,
    weights: QuantisedTensor,
    config: VmacArrayConfig,
    *,
    relu: bool,
) -> ChannelParameters:
    """Bias at the accumulator's scale; output scale or exponent bias from the float result."""
    columns = matmul.shape[2]
    result = matmul.product
    pair = config.vmac.pair
    if isinstance(pair.activation, AdaptivFloatFormat):
        assert isinstance(pair.weight, AdaptivFloatFormat)
        assert activations.bias is not None and weights.bias is not None
        lsb = (
            activations.bias
            + weights.bias
            - pair.activation.mantissa_width
            - pair.weight.mantissa_width
        )
        bias = np.rint(np.ldexp(matmul.bias.astype(np.float64), -lsb)).astype(np.int64)
        exponent = lsb - bias_of_tensor(result, pair.activation)
        return ChannelParameters.of(columns, bias=bias, relu=relu, exponent=exponent)
    assert isinstance(pair.activation, IntegerFormat)
    scale = np.asarray(activations.scale) * np.asarray(weights.scale)
    bias = np.rint(matmul.bias / scale.reshape(-1)).astype(np.int64)
    multiplier, shift = requantise_parameters(
        scale.reshape(-1) / absmax_scale(result, pair.activation)
    )
    return ChannelParameters.of(
        columns, bias=bias, relu=relu, multiplier=multiplier.astype(np.int64), shift=shift
    )
