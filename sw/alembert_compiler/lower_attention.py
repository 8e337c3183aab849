"""Instructions of self-attention, ordered so that softmax runs beside products."""

from __future__ import annotations

from alembert.config.isa import LENGTH, Opcode, ResultKind

from .emitter import Emitter
from .program import Tensor, View
from .quantised_model import QuantisedLayer

__all__ = ["emit_attention"]

CODES, WIDE = ResultKind.CODES, ResultKind.WIDE
COLUMNS, TOKEN = ResultKind.COLUMNS, ResultKind.TOKEN


def emit_attention(
    emitter: Emitter, layer: QuantisedLayer, hidden: Tensor, suffix: str
) -> tuple[Tensor, View | None]:
    """Queries to contexts, head by head; returns the contexts, and the rows' largest magnitudes if
    they have a scale a token."""
    model, length = emitter.model, emitter.max_length
    softmax = model.machine.special.softmax
    unit = int(model.machine.attention is not None)
    heads, width = model.config.num_attention_heads, model.config.attention_size
    head_size = model.config.head_size
    head_words = emitter.words.codes(head_size)
    either = max(emitter.words.main_alignment, emitter.words.product_alignment)
    product = emitter.words.product_alignment
    query = emitter.code_tensor(f"query{suffix}", length, width, product)
    key = emitter.code_tensor(f"key{suffix}", length, width, product)
    value = emitter.code_tensor(f"value{suffix}", width, length, product)
    is_token = layer.attention_rescale is not None
    if is_token:
        context = emitter.wide_tensor(f"context sums{suffix}", length, width)
        context_words = emitter.words.wides(head_size)
    else:
        context = emitter.code_tensor(f"context{suffix}", length, width, either)
        context_words = head_words
    scores = [emitter.wide_tensor(f"scores {h}{suffix}", length, length) for h in range(heads)]
    probabilities = [
        emitter.code_tensor(f"probabilities {h}{suffix}", length, length, product)
        for h in range(heads)
    ]
    emitter.linear(layer.query, "query", hidden, query, CODES)
    emitter.linear(layer.key, "key", hidden, key, CODES)
    emitter.linear(layer.value, "value", hidden, value, COLUMNS)

    def score(head: int) -> None:
        numbers = layer.scores[head]
        emitter.emit(
            Opcode.MATMUL,
            f"scores of head {head}",
            o=scores[head],
            a=query.at(head * head_words),
            b=key.at(head * head_words),
            rows=LENGTH,
            columns=LENGTH,
            depth=head_size,
            kind=WIDE,
            unit=unit,
            multiplier=numbers.multiplier,
            shift=numbers.shift,
            exponent=numbers.exponent,
        )

    def normalise(head: int) -> None:
        emitter.emit(
            Opcode.SOFTMAX,
            f"probabilities of head {head}",
            o=probabilities[head],
            a=scores[head],
            rows=LENGTH,
            columns=LENGTH,
            kind=CODES,
            a_shift=emitter.missing(layer.scores[head].fraction, softmax.fraction),
            span=layer.spans[head],
            exponent=layer.probability_exponents[head],
        )

    def combine(head: int) -> None:
        numbers = layer.contexts[head]
        emitter.emit(
            Opcode.MATMUL,
            f"context of head {head}",
            o=context.at(head * context_words),
            a=probabilities[head],
            b=value.row(head * head_size),
            rows=LENGTH,
            columns=head_size,
            depth=LENGTH,
            kind=WIDE if is_token else CODES,
            unit=unit,
            multiplier=numbers.multiplier,
            shift=numbers.shift,
            exponent=numbers.exponent,
        )

    # softmax of a head runs beside scores of the next and contexts of the one before
    emitter.take_turns(heads, score, normalise, combine)
    if not is_token:
        return context, None
    tokens, largest = emitter.token_tensor(f"context{suffix}", length, width)
    emitter.emit(
        Opcode.RESCALE,
        "contexts",
        o=tokens,
        a=context,
        rows=LENGTH,
        columns=width,
        kind=TOKEN,
        multiplier=1,
    )
    return tokens, largest
