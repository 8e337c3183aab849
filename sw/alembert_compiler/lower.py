"""Instructions for a model: embedding, a loop or row of passes, and an off-ramp after each."""

from __future__ import annotations

import numpy as np
from alembert.config.isa import LENGTH, MemoryBase, Opcode, ResultKind

from .emitter import Emitter, OutputLayout
from .layout import ImageData, code_rows, norm_words, wide_rows
from .lower_attention import emit_attention
from .lower_feed_forward import emit_feed_forward
from .lower_off_ramp import emit_off_ramp
from .norm_layer import NormLayer
from .program import ProgramBuilder, Tensor
from .quantised_model import QuantisedLayer, QuantisedModel

__all__ = ["lower"]

CODES, WIDE = ResultKind.CODES, ResultKind.WIDE


def lower(
    model: QuantisedModel,
    data: ImageData,
    *,
    max_length: int,
    output: OutputLayout,
    max_targets: int,
    is_pipelined: bool,
) -> ProgramBuilder:
    """The program of a model; its weights are appended to ``data``.

    A loop where all passes share layer and off-ramp. Otherwise one pass follows another: LOOP
    counts a pass and continues behind the HALT that follows it.

    Parameters
    ----------
    model : QuantisedModel
    data : ImageData
    max_length, max_targets : int
        Most tokens, and most of them that an off-ramp looks at.
    output : OutputLayout
    is_pipelined : bool
        Special functions run beside products.
    """
    emitter = Emitter(
        model,
        data,
        max_length=max_length,
        max_targets=max_targets,
        output=output,
        is_pipelined=is_pipelined,
    )
    passes, program, emit = model.config.num_hidden_layers, emitter.program, emitter.emit
    _load_parameters(emitter)
    hidden = _embed(emitter)
    if model.is_loop:
        program.label("pass")
        _emit_pass(emitter, hidden, 0, "")
        emit(Opcode.EXIT, "leave", target="end")
        emit(Opcode.LOOP, "next pass", target="pass", count=passes)
    else:
        for index in range(passes):
            program.label(f"pass {index}")
            _emit_pass(emitter, hidden, index, f" of pass {index + 1}")
            emit(Opcode.EXIT, "leave", target="end")
            if index + 1 < passes:
                emit(Opcode.LOOP, "next pass", target=f"pass {index + 1}", count=passes)
                emit(Opcode.HALT, "no more passes were asked for")
    program.label("end")
    emit(Opcode.HALT, "end")
    return program


def _load_parameters(emitter: Emitter) -> None:
    """What is the same in all passes, for the whole run."""
    model = emitter.model
    masked = model.off_ramps[0].masked
    shared = model.layers if len(model.layers) == 1 else ()
    norms = [model.embedding_norm]
    norms += [norm for layer in shared for norm in (layer.attention_norm, layer.output_norm)]
    norms += [masked.norm] if masked is not None else []
    for norm in norms:
        _load_norm(emitter, norm)
    for layer in shared:
        _load_lifts(emitter, layer)
        _load_biases(emitter, layer)


def _load_layer(emitter: Emitter, layer: QuantisedLayer) -> None:
    """What one pass alone reads."""
    _load_norm(emitter, layer.attention_norm)
    _load_norm(emitter, layer.output_norm)
    _load_lifts(emitter, layer)
    _load_biases(emitter, layer)


def _load_norm(emitter: Emitter, norm: NormLayer) -> None:
    emitter.load_parameters(norm.name, norm_words(norm, emitter.words))


def _load_lifts(emitter: Emitter, layer: QuantisedLayer) -> None:
    gelu = layer.gelu
    if gelu is not None and gelu.lifts.any():
        emitter.load_parameters(gelu.name, wide_rows(gelu.lifts[np.newaxis], emitter.words))


def _load_biases(emitter: Emitter, layer: QuantisedLayer) -> None:
    for rescale in (layer.attention_rescale, layer.ffn_rescale):
        if rescale is not None:
            content = wide_rows(rescale.bias[np.newaxis], emitter.words)
            emitter.load_parameters(rescale.name, content)


def _embed(emitter: Emitter) -> Tensor:
    model, width = emitter.model, emitter.model.config.embedding_size
    words = emitter.code_tensor("words", emitter.max_length, width)
    positions = emitter.wide_tensor("positions", emitter.max_length, width)
    hidden_size, position_words = model.config.hidden_size, emitter.words.wides(width)
    # A LENGTH above the image's most tokens is refused by the stride of the scores if tokens fill
    # its words, else by the pitch of what is loaded first, which moves nothing in the first pass.
    fills_words = emitter.max_length % model.machine.word_wides == 0
    embedded = None
    if model.mapping is not None:
        embedded = emitter.code_tensor("embedded", emitter.max_length, width)
    hidden = emitter.code_tensor("hidden", emitter.max_length, hidden_size)
    emitter.emit(
        Opcode.GATHER,
        "word embeddings",
        o=words,
        rows=LENGTH,
        columns=emitter.words.codes(width),
        memory_base=MemoryBase.IMAGE,
        memory_offset=emitter.data.add(code_rows(model.words, emitter.words)),
        index_base=MemoryBase.INPUT,
        index_offset=0,
        index_limit=len(model.words),
    )
    emitter.emit(
        Opcode.LOAD,
        "position embeddings",
        o=positions,
        rows=LENGTH,
        columns=position_words,
        memory_base=MemoryBase.IMAGE,
        memory_offset=emitter.data.add(
            wide_rows(model.positions[: emitter.max_length], emitter.words)
        ),
        pitch=0 if fills_words else emitter.max_length * position_words,
    )
    if embedded is None or model.mapping is None:
        emitter.norm(model.embedding_norm, "first hidden states", hidden, positions, words)
    else:
        emitter.norm(model.embedding_norm, "embeddings", embedded, positions, words)
        emitter.linear(model.mapping, "first hidden states", embedded, hidden, CODES)
    return hidden


def _emit_pass(emitter: Emitter, hidden: Tensor, index: int, suffix: str) -> None:
    model, length = emitter.model, emitter.max_length
    layer, width = model.layer_of(index), model.config.hidden_size
    if len(model.layers) > 1:
        _load_layer(emitter, layer)
    context, largest = emit_attention(emitter, layer, hidden, suffix)
    projection = emitter.wide_tensor(f"projection{suffix}", length, width)
    ffn_input = emitter.code_tensor(f"ffn_input{suffix}", length, width)
    if layer.attention_rescale is None or largest is None:
        emitter.linear(layer.attention_dense, "output projection", context, projection, WIDE)
    else:
        emitter.rescaled(
            layer.attention_dense,
            layer.attention_rescale,
            "output projection",
            context,
            largest,
            projection,
        )
    emitter.norm(layer.attention_norm, "after attention", ffn_input, projection, hidden)
    middle, largest = emit_feed_forward(emitter, layer, ffn_input, suffix)
    total = emitter.wide_tensor(f"ffn_output{suffix}", length, width)
    if layer.ffn_rescale is None or largest is None:
        emitter.linear(layer.ffn_output, "feed-forward output", middle, total, WIDE)
    else:
        emitter.rescaled(
            layer.ffn_output, layer.ffn_rescale, "feed-forward output", middle, largest, total
        )
    emitter.norm(layer.output_norm, "hidden states", hidden, total, ffn_input)
    emit_off_ramp(emitter, model.off_ramp_of(index), hidden, suffix)
