"""Every scale of an ALBERT chosen, and every tensor rounded, for one machine."""

from __future__ import annotations

import math

import numpy as np
from alembert.config.machine import MachineConfig
from numpy.typing import NDArray

from .albert import Albert
from .albert_config import EMBEDDINGS, HEAD, LAYER, MAPPING
from .attention_layers import matmul_numbers, quantise_projections
from .attention_scales import attention_scales
from .calibrate import Calibration
from .classifier import Classifier
from .code_grid import codes_of, fit_scale, mantissa_bits, nearest
from .linear_layer import LinearInput, LinearLayer, log2_exact
from .model_numbers import ModelNumbers
from .norm_layer import NormLayer, wide_fraction
from .quantised_albert import GeluLayer, HeadLayers, QuantisedAlbert

__all__ = ["quantise_albert"]

Float64 = NDArray[np.float64]

SCORE_FRACTION, GELU_FRACTION, LOGIT_FRACTION, PROBABILITY_FRACTION = 9, 11, 10, 15
"""Fraction bits that the machine's special functions ask for."""


def quantise_albert(
    model: Albert,
    calibration: Calibration,
    machine: MachineConfig,
    *,
    classifier: Classifier | None = None,
) -> QuantisedAlbert:
    """Choose every scale, and round every tensor of the model.

    Parameters
    ----------
    model : Albert
    calibration : Calibration
        Of this model.
    machine : MachineConfig
    classifier : Classifier, optional
        In place of the masked-language head.

    Raises
    ------
    CompileError
        A layer does not fit the machine's numbers, or its activation is another GELU.
    """
    numbers = ModelNumbers(model, calibration, machine)
    hidden, ffn_input = numbers.fit("hidden"), numbers.fit("ffn_input")
    embedded = numbers.fit("embeddings", per_channel=numbers.per_channel)
    attention = attention_scales(
        numbers.calibration,
        numbers.fmt,
        heads=numbers.config.num_attention_heads,
        value_bias=numbers.bias(f"{LAYER}.attention.value"),
        per_channel=numbers.per_channel,
    )
    words, word_scale, positions, embedding_norm = _embeddings(numbers, embedded)
    seen = numbers.calibration
    mapping = numbers.linear(
        "the embedding's mapping",
        numbers.weight(MAPPING),
        numbers.bias(MAPPING),
        numbers.reads(embedded, seen["embeddings"]),
        scale=hidden,
    )
    query, key, value, dense = quantise_projections(numbers, attention, hidden)
    gelu_scale = _gelu_scale(numbers)
    ffn = numbers.linear(
        "the first feed-forward layer",
        numbers.weight(f"{LAYER}.ffn"),
        numbers.bias(f"{LAYER}.ffn"),
        numbers.reads(ffn_input, seen["ffn_input"]),
        fraction=GELU_FRACTION,
    )
    ffn_output = numbers.summed(
        "the second feed-forward layer",
        "ffn_output",
        "ffn_input",
        numbers.weight(f"{LAYER}.ffn_output"),
        numbers.bias(f"{LAYER}.ffn_output"),
        numbers.reads(gelu_scale, seen["ffn_intermediate"]),
    )
    assert dense.fraction is not None and ffn_output.fraction is not None
    head, classifiers, head_scale = _head(numbers, hidden, classifier)
    scales = {
        "words": np.full(numbers.config.embedding_size, word_scale),
        "embeddings": embedded,
        "hidden": hidden,
        "query": attention.query,
        "key": attention.key,
        "value": attention.value,
        "probabilities": attention.probabilities,
        "context": attention.context,
        "ffn_input": ffn_input,
        "ffn_intermediate": gelu_scale,
    }
    if head_scale is not None:
        scales["head_normalised"] = head_scale
    return QuantisedAlbert(
        config=numbers.config,
        machine=numbers.machine,
        words=words,
        positions=positions,
        embedding_norm=embedding_norm,
        mapping=mapping,
        query=query,
        key=key,
        value=value,
        scores=matmul_numbers(numbers, "scores", attention.score_unit, SCORE_FRACTION),
        probability_exponents=tuple(
            -PROBABILITY_FRACTION - int(octave) - mantissa_bits(numbers.fmt)
            for octave in log2_exact(attention.probabilities)
        ),
        contexts=matmul_numbers(numbers, "contexts", attention.context_factor, None),
        attention_dense=dense,
        attention_norm=numbers.norm(
            "the attention's normalisation",
            f"{LAYER}.attention.LayerNorm",
            "ffn_input",
            ffn_input,
            dense.fraction,
            float(hidden[0]),
        ),
        ffn=ffn,
        gelu=_gelu(numbers, gelu_scale),
        ffn_output=ffn_output,
        output_norm=numbers.norm(
            "the layer's normalisation",
            f"{LAYER}.full_layer_layer_norm",
            "hidden",
            hidden,
            ffn_output.fraction,
            float(ffn_input[0]),
        ),
        head=head,
        classifiers=classifiers,
        scales=scales,
    )


def _embeddings(
    numbers: ModelNumbers, scale: Float64
) -> tuple[NDArray[np.int64], float, NDArray[np.int64], NormLayer]:
    table = numbers.tensors[f"{EMBEDDINGS}.word_embeddings.weight"]
    word_scale = fit_scale(table, np.abs(table).max(axis=0), numbers.fmt, per_channel=False)
    integers = nearest(table / word_scale, numbers.fmt)
    positions = (
        numbers.tensors[f"{EMBEDDINGS}.position_embeddings.weight"]
        + numbers.tensors[f"{EMBEDDINGS}.token_type_embeddings.weight"][0]
    )
    largest = float(np.abs(positions).max())
    fraction = wide_fraction(
        largest,
        largest + float(np.abs(table).max()),
        numbers.config.embedding_size,
        numbers.config.layer_norm_eps,
    )
    wide = np.clip(np.rint(np.ldexp(positions, fraction)), -(1 << 15), (1 << 15) - 1)
    norm = numbers.norm(
        "the embeddings' normalisation",
        f"{EMBEDDINGS}.LayerNorm",
        "embeddings",
        scale,
        fraction,
        float(word_scale[0]),
    )
    return codes_of(integers, numbers.fmt), float(word_scale[0]), wide.astype(np.int64), norm


def _gelu_scale(numbers: ModelNumbers) -> Float64:
    scale = numbers.fit("ffn_intermediate", per_channel=numbers.per_channel, power_of_two=True)
    # no channel is lifted beyond the last bit of GELU's result, nor by more than a lift holds
    return np.maximum(scale, math.ldexp(1, -GELU_FRACTION))


def _gelu(numbers: ModelNumbers, scale: Float64) -> GeluLayer:
    octaves = log2_exact(scale)
    lowest = int(octaves.max())
    return GeluLayer(
        exponent=-GELU_FRACTION - lowest - mantissa_bits(numbers.fmt), lifts=lowest - octaves
    )


def _head(
    numbers: ModelNumbers, hidden: Float64, classifier: Classifier | None
) -> tuple[HeadLayers | None, tuple[LinearLayer, ...], Float64 | None]:
    if classifier is not None:
        layers = tuple(
            numbers.linear(
                f"classifier {index}",
                weights,
                bias,
                LinearInput(scale=hidden),
                fraction=LOGIT_FRACTION,
            )
            for index, (weights, bias) in enumerate(classifier.arrays)
        )
        return None, layers, None
    seen = numbers.calibration
    dense = numbers.linear(
        "the head's dense layer",
        numbers.weight(f"{HEAD}.dense"),
        numbers.bias(f"{HEAD}.dense"),
        numbers.reads(hidden, seen["head_input"]),
        fraction=GELU_FRACTION,
    )
    scale = numbers.fit("head_normalised", per_channel=numbers.per_channel)
    norm = numbers.norm(
        "the head's normalisation",
        f"{HEAD}.LayerNorm",
        "head_normalised",
        scale,
        GELU_FRACTION,
    )
    decoder = numbers.linear(
        "the head's decoder",
        numbers.weight(f"{HEAD}.decoder"),
        numbers.bias(f"{HEAD}.decoder"),
        numbers.reads(scale, seen["head_normalised"]),
        fraction=LOGIT_FRACTION,
    )
    return HeadLayers(dense=dense, norm=norm, decoder=decoder), (), scale
