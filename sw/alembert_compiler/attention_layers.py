"""The projections of attention in a machine's numbers, and its products of activations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .attention_scales import AttentionScales, unbiased_contexts
from .layer import Layer
from .linear_layer import LinearLayer, requantisation
from .model_numbers import ModelNumbers, bias_of, weight_of
from .quantised_model import MatmulNumbers, RescaleLayer
from .token_linear import TokenInput

__all__ = ["matmul_numbers", "quantise_projections"]

Float64 = NDArray[np.float64]


def quantise_projections(
    numbers: ModelNumbers, layer: Layer, scales: AttentionScales, hidden: Float64
) -> tuple[LinearLayer, LinearLayer, LinearLayer, LinearLayer, RescaleLayer | None]:
    """The projections to queries, keys and values, and the output projection with what follows
    it."""
    inputs = numbers.reads(hidden, numbers.calibration["hidden"])
    # softmax is to base 2
    factor = math.log2(math.e) / math.sqrt(numbers.config.head_size)
    query = numbers.linear(
        "the query projection",
        weight_of(layer.query) * factor,
        bias_of(layer.query) * factor,
        inputs,
        scale=scales.query,
    )
    key = numbers.linear(
        "the key projection",
        weight_of(layer.key),
        bias_of(layer.key),
        inputs,
        scale=scales.key,
    )
    value_bias = bias_of(layer.value)
    value = numbers.linear(
        "the value projection",
        weight_of(layer.value),
        np.zeros_like(value_bias),
        inputs,
        scale=scales.value,
    )
    names = ("the output projection", "attention_output", "hidden")
    weights = weight_of(layer.attention_dense)
    # a row of probabilities sums to 1: the values' bias passes unchanged
    bias = bias_of(layer.attention_dense) + value_bias @ weights
    seen = unbiased_contexts(numbers.calibration, value_bias)
    if not numbers.is_token:
        dense = numbers.summed(*names, weights, bias, numbers.reads(scales.context, seen))
        return query, key, value, dense, None
    inputs = TokenInput(lsb=float(scales.context[0]), seen=seen)
    return query, key, value, *numbers.summed_tokens(*names, weights, bias, inputs)


def matmul_numbers(
    numbers: ModelNumbers, name: str, factors: Float64, fractions: Sequence[int | None]
) -> tuple[MatmulNumbers, ...]:
    """What each head's MATMUL does with its sums: a factor, and wide results, with so many
    fraction bits, or codes."""
    found = []
    for head, (factor, fraction) in enumerate(zip(factors, fractions)):
        scaled = factor if fraction is None else math.ldexp(factor, fraction)
        values = requantisation(
            f"{name} of head {head}{numbers.suffix}", scaled, numbers.machine.products, fraction
        )
        integers = {key: int(value) for key, value in values.items()}
        found.append(MatmulNumbers(**integers, fraction=fraction))
    return tuple(found)
