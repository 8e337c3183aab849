"""Instructions for an ALBERT: embedding, the layer's loop, and an off-ramp after every pass."""

from __future__ import annotations

import numpy as np
from alembert.config.isa import LENGTH, MemoryBase, Opcode, ResultKind

from .emitter import Emitter, OutputLayout
from .layout import ImageData, code_rows, norm_words, wide_rows
from .linear_layer import LinearLayer
from .lower_attention import emit_attention
from .lower_feed_forward import emit_feed_forward
from .lower_off_ramp import emit_off_ramp
from .program import ProgramBuilder, Tensor
from .quantised_albert import QuantisedAlbert

__all__ = ["lower"]

CODES, WIDE = ResultKind.CODES, ResultKind.WIDE


def lower(
    model: QuantisedAlbert,
    data: ImageData,
    *,
    max_length: int,
    output: OutputLayout,
    max_targets: int,
    is_pipelined: bool,
) -> ProgramBuilder:
    """The program of a model; its weights are appended to ``data``.

    A loop where all passes share an off-ramp. Otherwise one pass follows another: LOOP counts a
    pass and continues behind the HALT that follows it.

    Parameters
    ----------
    model : QuantisedAlbert
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
    passes, layers = model.config.num_hidden_layers, model.classifiers
    program, emit = emitter.program, emitter.emit
    _load_parameters(emitter)
    hidden = _embed(emitter)
    if len(layers) <= 1:
        program.label("pass")
        _emit_pass(emitter, hidden, "", layers[0] if layers else None)
        emit(Opcode.EXIT, "leave", target="end")
        emit(Opcode.LOOP, "next pass", target="pass", count=passes)
    else:
        for index, layer in enumerate(layers):
            program.label(f"pass {index}")
            _emit_pass(emitter, hidden, f" of pass {index + 1}", layer)
            emit(Opcode.EXIT, "leave", target="end")
            if index + 1 < passes:
                emit(Opcode.LOOP, "next pass", target=f"pass {index + 1}", count=passes)
                emit(Opcode.HALT, "no more passes were asked for")
    program.label("end")
    emit(Opcode.HALT, "end")
    return program


def _load_parameters(emitter: Emitter) -> None:
    model = emitter.model
    norms = [model.embedding_norm, model.attention_norm, model.output_norm]
    if model.head is not None:
        norms.append(model.head.norm)
    for norm in norms:
        emitter.load_parameters(norm.name, norm_words(norm, emitter.words))
    if model.gelu.lifts.any():
        emitter.load_parameters("GELU", wide_rows(model.gelu.lifts[np.newaxis], emitter.words))


def _embed(emitter: Emitter) -> Tensor:
    model, width = emitter.model, emitter.model.config.embedding_size
    words = emitter.code_tensor("words", emitter.max_length, width)
    positions = emitter.wide_tensor("positions", emitter.max_length, width)
    embedded = emitter.code_tensor("embedded", emitter.max_length, width)
    hidden = emitter.code_tensor("hidden", emitter.max_length, model.config.hidden_size)
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
        columns=emitter.words.wides(width),
        memory_base=MemoryBase.IMAGE,
        memory_offset=emitter.data.add(
            wide_rows(model.positions[: emitter.max_length], emitter.words)
        ),
    )
    emitter.norm(model.embedding_norm, "embeddings", embedded, positions, words)
    emitter.linear(model.mapping, "first hidden states", embedded, hidden, CODES)
    return hidden


def _emit_pass(
    emitter: Emitter, hidden: Tensor, suffix: str, classifier: LinearLayer | None
) -> None:
    model, length = emitter.model, emitter.max_length
    width = model.config.hidden_size
    context = emit_attention(emitter, hidden, suffix)
    projection = emitter.wide_tensor(f"projection{suffix}", length, width)
    ffn_input = emitter.code_tensor(f"ffn_input{suffix}", length, width)
    emitter.linear(model.attention_dense, "output projection", context, projection, WIDE)
    emitter.norm(model.attention_norm, "after attention", ffn_input, projection, hidden)
    middle = emit_feed_forward(emitter, ffn_input, suffix)
    total = emitter.wide_tensor(f"ffn_output{suffix}", length, width)
    emitter.linear(model.ffn_output, "feed-forward output", middle, total, WIDE)
    emitter.norm(model.output_norm, "hidden states", hidden, total, ffn_input)
    emit_off_ramp(emitter, hidden, suffix, classifier)
