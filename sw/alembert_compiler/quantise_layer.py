"""Every scale of a transformer layer chosen, and every tensor rounded, for one machine."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .attention_layers import matmul_numbers, quantise_projections
from .attention_scales import attention_scales
from .calibrate import Statistics
from .code_grid import mantissa_bits
from .layer import Layer
from .linear_layer import LinearLayer, log2_exact
from .model_numbers import ModelNumbers, bias_of, weight_of
from .quantised_model import GeluLayer, QuantisedLayer, RescaleLayer
from .token_linear import TokenInput
from .wide_range import wide_fraction_of

__all__ = ["gelu_fraction_of", "quantise_layer", "relu_fraction_of"]

Float64 = NDArray[np.float64]

SCORE_FRACTION, GELU_FRACTION, PROBABILITY_FRACTION = 9, 11, 15
"""Fraction bits that the machine's special functions ask for."""


def quantise_layer(
    numbers: ModelNumbers,
    layer: Layer,
    spans: tuple[int, ...],
    hidden: Float64,
    output: Float64,
) -> QuantisedLayer:
    """Choose the scales of a layer, and round its tensors.

    Parameters
    ----------
    numbers : ModelNumbers
        Of the pass.
    layer : Layer
    spans : tuple of int
        By head.
    hidden, output : array [H]
        Scales of what enters and of what leaves it.

    Raises
    ------
    CompileError
        It does not fit the machine's numbers.
    """
    seen, ffn_input = numbers.calibration, numbers.fit("ffn_input")
    attention = attention_scales(
        seen,
        numbers.fmt,
        heads=numbers.config.num_attention_heads,
        value_bias=bias_of(layer.value),
        per_channel=numbers.scales_channels(layer.attention_dense),
        is_token=numbers.is_token,
        clip=numbers.quantisation.activation_range,
    )
    query, key, value, dense, dense_rescale = quantise_projections(
        numbers, layer, attention, hidden
    )
    ffn, gelu, middle = _first(numbers, layer, ffn_input)
    ffn_output, ffn_rescale = _second(numbers, layer, middle)
    return QuantisedLayer(
        query=query,
        key=key,
        value=value,
        scores=matmul_numbers(numbers, "scores", attention.score_unit, _score_fractions(numbers)),
        spans=spans,
        probability_exponents=tuple(
            -PROBABILITY_FRACTION - int(octave) - mantissa_bits(numbers.fmt)
            for octave in log2_exact(attention.probabilities)
        ),
        contexts=matmul_numbers(numbers, "contexts", attention.context_factor, [None] * len(spans)),
        attention_dense=dense,
        attention_norm=numbers.norm(
            "the attention's normalisation",
            layer.attention_norm,
            seen["ffn_input"],
            ffn_input,
            _fraction(dense, dense_rescale),
            float(hidden[0]),
        ),
        ffn=ffn,
        gelu=gelu,
        ffn_output=ffn_output,
        output_norm=numbers.norm(
            "the layer's normalisation",
            layer.output_norm,
            seen["output"],
            output,
            _fraction(ffn_output, ffn_rescale),
            float(ffn_input[0]),
        ),
        scales={
            "hidden": hidden,
            "query": attention.query,
            "key": attention.key,
            "value": attention.value,
            "probabilities": attention.probabilities,
            "context": attention.context,
            "ffn_input": ffn_input,
            "ffn_intermediate": middle,
            "output": output,
        },
        attention_rescale=dense_rescale,
        ffn_rescale=ffn_rescale,
    )


def _score_fractions(numbers: ModelNumbers) -> list[int]:
    """By head."""
    largest = numbers.calibration["scores"].largest * math.log2(math.e)
    width = numbers.machine.special.softmax.SHIFT_WIDTH
    return numbers.fraction_of("scores, to base 2,", largest, SCORE_FRACTION, width, "head")


def _fraction(linear: LinearLayer, rescale: RescaleLayer | None) -> int:
    """Fraction bits of what is normalised."""
    fraction = linear.fraction if rescale is None else rescale.fraction
    assert fraction is not None, "sums are wide"
    return fraction


def _first(
    numbers: ModelNumbers, layer: Layer, scale: Float64
) -> tuple[LinearLayer, GeluLayer | None, Float64]:
    """The first feed-forward layer, the GELU behind it, and the scale [F] of what comes of both."""
    weights, bias = weight_of(layer.ffn), bias_of(layer.ffn)
    inputs = numbers.reads(scale, numbers.calibration["ffn_input"])
    name = "the first feed-forward layer"
    if not numbers.config.has_relu:
        fraction = gelu_fraction_of(numbers, "inputs of GELU", numbers.calibration["ffn_sum"])
        middle = _gelu_scale(numbers, layer, fraction)
        ffn = numbers.linear(name, weights, bias, inputs, fraction=fraction)
        return ffn, _gelu(numbers, middle, fraction), middle
    if numbers.is_token:
        fraction = relu_fraction_of(numbers.calibration["ffn_intermediate"])
        middle = np.full(len(bias), math.ldexp(1, -fraction))
        ffn = numbers.linear(name, weights, bias, inputs, fraction=fraction, relu=True)
    else:
        per_channel = numbers.scales_channels(layer.ffn_output)
        middle = numbers.fit("ffn_intermediate", per_channel=per_channel)
        ffn = numbers.linear(name, weights, bias, inputs, scale=middle, relu=True)
    return ffn, None, middle


def _second(
    numbers: ModelNumbers, layer: Layer, scale: Float64
) -> tuple[LinearLayer, RescaleLayer | None]:
    """The second feed-forward layer, and what follows it."""
    names = ("the second feed-forward layer", "ffn_output", "ffn_input")
    weights, bias = weight_of(layer.ffn_output), bias_of(layer.ffn_output)
    seen = numbers.calibration["ffn_intermediate"]
    if not numbers.is_token:
        return numbers.summed(*names, weights, bias, numbers.reads(scale, seen)), None
    inputs = TokenInput(lsb=float(scale[0]), seen=seen)
    return numbers.summed_tokens(*names, weights, bias, inputs)


def gelu_fraction_of(numbers: ModelNumbers, what: str, seen: Statistics) -> int:
    """Of all of a GELU's inputs. How far they reach below 0 is no matter: GELU is 0 there."""
    width = numbers.machine.special.gelu.shift_width
    return min(numbers.fraction_of(what, seen.high, GELU_FRACTION, width, "channel"))


def relu_fraction_of(seen: Statistics) -> int:
    """Of wide numbers that ReLU has left."""
    return wide_fraction_of(float(seen.largest.max()))


def _gelu_scale(numbers: ModelNumbers, layer: Layer, fraction: int) -> Float64:
    if numbers.is_token:
        return np.full(numbers.config.intermediate_size, math.ldexp(1, -fraction))
    per_channel = numbers.scales_channels(layer.ffn_output)
    scale = numbers.fit("ffn_intermediate", per_channel=per_channel, power_of_two=True)
    # no channel is lifted beyond the last bit of GELU's result, nor by more than a lift holds
    return np.maximum(scale, math.ldexp(1, -fraction))


def _gelu(numbers: ModelNumbers, scale: Float64, fraction: int) -> GeluLayer:
    octaves = log2_exact(scale)
    lowest = int(octaves.max())
    return GeluLayer(
        name=f"GELU{numbers.suffix}",
        exponent=-fraction - lowest - mantissa_bits(numbers.fmt),
        lifts=lowest - octaves,
    )
