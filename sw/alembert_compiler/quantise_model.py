"""Every scale of a model chosen, and every tensor rounded, for one machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from alembert.config.machine import MachineConfig
from numpy.typing import ArrayLike, NDArray

from .calibrate import Calibration
from .classifier import Classifier
from .code_grid import codes_of, nearest
from .errors import CompileError
from .linear_layer import LinearLayer
from .model import Model
from .model_config import ModelConfig
from .model_numbers import ModelNumbers, bias_of, weight_of
from .norm_layer import NormLayer, wide_fraction
from .quantisation import Quantisation
from .quantise_heads import quantise_classifiers, quantise_masked_heads
from .quantise_layer import quantise_layer
from .quantised_model import QuantisedModel
from .scale_choice import choose_scale
from .spans import head_spans

__all__ = ["quantise_model"]

Float64 = NDArray[np.float64]

_STRAY = 2.0
"""How much further than all others' a row reaches that is left out of the choice of a scale."""


def quantise_model(
    model: Model,
    calibration: Calibration,
    machine: MachineConfig,
    *,
    classifier: Classifier | None = None,
    spans: ArrayLike | None = None,
    activations: str | None = None,
    quantisation: Quantisation | None = None,
) -> QuantisedModel:
    """Choose every scale, and round every tensor of the model.

    Parameters
    ----------
    model : Model
    calibration : Calibration
        Of this model, with the same spans.
    machine : MachineConfig
    classifier : Classifier, optional
        In place of the masked-language head.
    spans : array of int, optional
        How far heads see; see :func:`alembert_compiler.spans.head_spans`.
    activations : str, optional
        "static", or "token", in place of the quantisation's: see
        :func:`alembert_compiler.compile.compile_model`.
    quantisation : Quantisation, optional
        How tensors are rounded.

    Raises
    ------
    CompileError
        A layer does not fit the machine's numbers, its activation is another GELU, there is no
        head, the calibration was made with other spans, or the machine's codes do not allow the
        quantisation.
    """
    chosen = quantisation or Quantisation()
    if activations is not None:
        chosen = replace(chosen, activations=activations)
    chosen.check(machine)
    _check_activations(model.config, machine, chosen.activations)
    numbers = ModelNumbers(model.config, calibration, machine, quantisation=chosen)
    reach = head_spans(model.config, spans)
    if calibration.spans != reach:
        raise CompileError(f"spans must be those of the calibration, not {reach}")
    if classifier is None and model.decoder is None:
        raise CompileError("the checkpoint has no masked-language head")
    of_passes = [numbers.of_pass(index) for index in range(len(model.layers))]
    hidden = of_passes[0].fit("hidden")
    behind = [each.fit("output") for each in of_passes]
    layers = tuple(
        quantise_layer(own, layer, of_heads, before, after)
        for own, layer, of_heads, before, after in zip(
            of_passes, model.layers, reach, [hidden, *behind], behind
        )
    )
    embedded = hidden
    if model.mapping is not None:
        per_channel = numbers.scales_channels(model.mapping)
        embedded = numbers.fit("embeddings", per_channel=per_channel)
    words, word_scale, positions, embedding_norm = _embeddings(numbers, model, embedded)
    scales = {
        "words": np.full(numbers.config.embedding_size, word_scale),
        "embeddings": embedded,
        "hidden": hidden,
    }
    if classifier is None:
        off_ramps, scales["head_normalised"] = quantise_masked_heads(numbers, model, behind)
    else:
        off_ramps, pooled = quantise_classifiers(numbers, classifier, behind)
        scales |= {} if pooled is None else {"pooled": pooled}
    return QuantisedModel(
        config=numbers.config,
        machine=numbers.machine,
        words=words,
        positions=positions,
        embedding_norm=embedding_norm,
        mapping=_mapping(numbers, model, embedded, hidden),
        layers=layers,
        off_ramps=off_ramps,
        scales=scales,
    )


def _check_activations(config: ModelConfig, machine: MachineConfig, activations: str) -> None:
    if activations == "static":
        return
    if not machine.special.has_tokens:
        raise CompileError(
            f"activations are scaled token by token where codes are INT8, not {machine.fmt}"
        )
    if config.intermediate_size > machine.longest_row:
        raise CompileError(
            f"intermediate_size must be at most the {machine.longest_row} values of the longest "
            f"row to be scaled token by token, not {config.intermediate_size}"
        )


def _mapping(
    numbers: ModelNumbers, model: Model, embedded: Float64, hidden: Float64
) -> LinearLayer | None:
    if model.mapping is None:
        return None
    return numbers.linear(
        "the embedding's mapping",
        weight_of(model.mapping),
        bias_of(model.mapping),
        numbers.reads(embedded, numbers.calibration["embeddings"]),
        scale=hidden,
    )


def _embeddings(
    numbers: ModelNumbers, model: Model, scale: Float64
) -> tuple[NDArray[np.int64], float, NDArray[np.int64], NormLayer]:
    table = model.word_embeddings.astype(np.float64)
    positions = model.position_embeddings.astype(np.float64) + model.segment_embedding
    seen = numbers.calibration
    words_within = _within(numbers, "word embeddings", table, seen.occurs)
    is_used = np.arange(len(positions)) < seen.longest
    positions_within = _within(numbers, "position embeddings", positions, is_used)
    word_scale = choose_scale(
        words_within,
        np.abs(words_within).max(axis=0),
        numbers.fmt,
        numbers.quantisation.weight_range,
        per_channel=False,
    )
    integers = nearest(table / word_scale, numbers.fmt)
    largest = float(np.abs(positions_within).max())
    fraction = wide_fraction(
        largest,
        largest + float(np.abs(words_within).max()),
        numbers.config.embedding_size,
        numbers.config.layer_norm_eps,
    )
    wide = np.clip(np.rint(np.ldexp(positions, fraction)), -(1 << 15), (1 << 15) - 1)
    normalised = numbers.of_pass(0).calibration
    norm = numbers.norm(
        "the embeddings' normalisation",
        model.embedding_norm,
        normalised["hidden" if model.mapping is None else "embeddings"],
        scale,
        fraction,
        float(word_scale[0]),
    )
    return codes_of(integers, numbers.fmt), float(word_scale[0]), wide.astype(np.int64), norm


def _within(numbers: ModelNumbers, name: str, table: Float64, occurs: NDArray[np.bool_]) -> Float64:
    """Rows of a table that a scale is chosen by: not those that never occurred and reach more than
    ``_STRAY`` times as far as any that did, which would take the others' resolution."""
    reach = np.abs(table).max(axis=1)
    limit = _STRAY * reach[occurs].max(initial=0.0)
    strays = np.flatnonzero(~occurs & (reach > limit)) if limit > 0 else np.zeros(0, np.int64)
    if not len(strays):
        return table
    numbers.warn(
        f"{name}: {len(strays)} of {len(table)} rows, none of which the calibration has seen, are "
        f"clamped: row {strays[0]} reaches ±{reach[strays[0]]:.4g}, those seen "
        f"±{limit / _STRAY:.4g}"
    )
    return np.delete(table, strays, axis=0)
