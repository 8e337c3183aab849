"""Off-ramps in a machine's numbers: the masked-language head, or classifiers of token 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .classifier import Classifier
from .code_grid import fit_scale, largest_integer, mantissa_bits
from .linear_layer import LinearInput, LinearLayer, log2_exact
from .model import Model
from .model_numbers import ModelNumbers, bias_of, weight_of
from .quantise_layer import gelu_fraction_of, relu_fraction_of
from .quantised_model import HeadLayers, OffRamp, PoolerLayer
from .weights import Weights
from .wide_range import wide_fraction_of

__all__ = ["quantise_classifiers", "quantise_masked_heads"]

Float64 = NDArray[np.float64]

LOGIT_FRACTION, TANH_FRACTION = 10, 11
"""Fraction bits of what the early-exit test reads, and of a tanh."""


def quantise_masked_heads(
    numbers: ModelNumbers, model: Model, hidden: list[Float64]
) -> tuple[tuple[OffRamp, ...], Float64]:
    """Off-ramps with a dense layer for every scale of hidden states, and all else in common.

    Parameters
    ----------
    numbers : ModelNumbers
        Of the model.
    model : Model
        It has the head.
    hidden : list of array [H]
        The scale behind every pass, or behind all of them.

    Returns
    -------
    off_ramps : tuple of OffRamp
        As many.
    scale : array
        Of what the decoder reads.
    """
    assert model.head_dense is not None and model.head_norm is not None
    assert model.decoder is not None
    per_channel = numbers.scales_channels(model.decoder)
    scale = numbers.fit("head_normalised", per_channel=per_channel)
    seen = numbers.calibration["head_normalised"]
    has_relu, all_passes = numbers.config.has_relu, numbers.calibration
    if has_relu:
        fraction = relu_fraction_of(all_passes["head_dense"])
    else:
        fraction = gelu_fraction_of(numbers, "inputs of the head's GELU", all_passes["head_sum"])
    norm = numbers.norm("the head's normalisation", model.head_norm, seen, scale, fraction)
    decoder = _logits(
        numbers,
        "the head's decoder",
        weight_of(model.decoder),
        bias_of(model.decoder),
        numbers.reads(scale, seen),
        numbers.calibration["logits"].largest,
    )
    off_ramps = []
    for index, of_pass in enumerate(hidden):
        own = numbers.of_pass(index)
        dense = own.linear(
            "the head's dense layer",
            weight_of(model.head_dense),
            bias_of(model.head_dense),
            own.reads(of_pass, own.calibration["head_input"]),
            fraction=fraction,
            relu=has_relu,
        )
        off_ramps.append(OffRamp(masked=HeadLayers(dense=dense, norm=norm, decoder=decoder)))
    return tuple(off_ramps), scale


def quantise_classifiers(
    numbers: ModelNumbers, classifier: Classifier, hidden: list[Float64]
) -> tuple[tuple[OffRamp, ...], Float64 | None]:
    """Off-ramps that classify; parameters and results as :func:`quantise_masked_heads`.

    There are as many as are needed for all to be different: of weights, or of scales.
    """
    poolers, layers = classifier.poolers, classifier.layers
    count = max(len(hidden), len(poolers), len(layers))
    if not poolers:
        return tuple(
            OffRamp(classifier=_classify(numbers, classifier, index, hidden[index % len(hidden)]))
            for index in range(count)
        ), None
    scale = _tanh_scale(numbers, classifier.width)
    classified = [_classify(numbers, classifier, index, scale) for index in range(len(layers))]
    pooled = [
        _pool(numbers.of_pass(index), classifier, index, hidden[index % len(hidden)], scale)
        for index in range(max(len(hidden), len(poolers)))
    ]
    off_ramps = (
        OffRamp(pooler=pooled[index % len(pooled)], classifier=classified[index % len(classified)])
        for index in range(count)
    )
    return tuple(off_ramps), scale


def _classify(
    numbers: ModelNumbers, classifier: Classifier, index: int, scale: Float64
) -> LinearLayer:
    weights, bias = classifier.layer_of(index)
    inputs = LinearInput(scale=scale)
    if classifier.classes == 1:  # a value, which no entropy reads: as fine as it may be large
        reach = scale * largest_integer(numbers.fmt)
        fraction = wide_fraction_of(float((reach @ np.abs(weights.values) + np.abs(bias))[0]))
        return numbers.linear(
            f"classifier {index}", weights, bias, inputs, fraction=fraction, may_coarsen=True
        )
    largest = _largest_logits(numbers, classifier, index)
    return _logits(numbers, f"classifier {index}", weights, bias, inputs, largest)


def _largest_logits(numbers: ModelNumbers, classifier: Classifier, index: int) -> Float64:
    """max|logit| by class, of all that the calibration kept behind the passes that a layer is of.

    Where passes share a layer their hidden states were kept together.
    """
    largest = np.zeros(classifier.classes)
    count = len(classifier.layers)
    for each in range(index % count, numbers.config.num_hidden_layers, count):
        seen = numbers.calibration.of_pass(each)["pooler_input"].samples.astype(np.float64)
        largest = np.maximum(largest, np.abs(classifier.logits(each, seen)).max(axis=0))
    return largest


def _logits(
    numbers: ModelNumbers,
    name: str,
    weights: Weights,
    bias: Float64,
    inputs: LinearInput,
    largest: Float64,
) -> LinearLayer:
    """A layer whose results are logits, of which the calibration's ``largest`` [N] fit."""
    width = numbers.machine.entropy.SHIFT_WIDTH
    found = numbers.fraction_of(f"logits of {name}", largest, LOGIT_FRACTION, width, "class")
    return numbers.linear(name, weights, bias, inputs, fraction=min(found))


def _pool(
    numbers: ModelNumbers, classifier: Classifier, index: int, hidden: Float64, scale: Float64
) -> PoolerLayer:
    weights, bias = classifier.pooler_of(index)
    inputs = numbers.reads(hidden, numbers.calibration["pooler_input"])
    dense = numbers.linear(f"pooler {index}", weights, bias, inputs, fraction=TANH_FRACTION)
    octave = int(log2_exact(scale[0]))
    return PoolerLayer(dense=dense, exponent=-TANH_FRACTION - octave - mantissa_bits(numbers.fmt))


def _tanh_scale(numbers: ModelNumbers, width: int) -> Float64:
    """A power of two, the same whatever is seen: −1…1 is not much."""
    samples = np.linspace(-1, 1, 255)[:, np.newaxis]
    scale = fit_scale(samples, np.ones(1), numbers.fmt, per_channel=False, power_of_two=True)
    return np.full(width, scale[0])
