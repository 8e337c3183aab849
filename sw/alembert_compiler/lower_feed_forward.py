"""Instructions of the feed-forward network, ordered so that GELU runs beside products."""

from __future__ import annotations

from alembert.config.isa import LENGTH, Opcode, ResultKind

from .emitter import Emitter
from .program import Tensor, View
from .quantised_model import GeluLayer, QuantisedLayer

__all__ = ["emit_feed_forward"]

CODES, WIDE, TOKEN = ResultKind.CODES, ResultKind.WIDE, ResultKind.TOKEN


def emit_feed_forward(
    emitter: Emitter, layer: QuantisedLayer, ffn_input: Tensor, suffix: str
) -> tuple[Tensor, View | None]:
    """The first layer and its activation; returns what the second layer reads, and the rows'
    largest magnitudes if they have a scale a token."""
    length, columns, gelu = emitter.max_length, layer.ffn.columns, layer.gelu
    if layer.ffn_rescale is None:
        middle = emitter.code_tensor(f"ffn_intermediate{suffix}", length, columns)
        if gelu is None:
            emitter.linear(layer.ffn, "feed-forward, with ReLU", ffn_input, middle, CODES)
        else:
            _in_slices(emitter, layer, gelu, ffn_input, middle, suffix)
        return middle, None
    middle, largest = emitter.token_tensor(f"ffn_intermediate{suffix}", length, columns)
    total = emitter.wide_tensor(f"ffn_sum{suffix}", length, columns)
    emitter.linear(layer.ffn, "feed-forward", ffn_input, total, WIDE)
    # a row's scale is known once all of it is: no slice can begin before
    tokens = {"o": middle, "a": total, "rows": LENGTH, "columns": columns, "kind": TOKEN}
    if gelu is None:
        emitter.emit(Opcode.RESCALE, "ReLU's rows", multiplier=1, **tokens)
    else:
        shift = emitter.missing(layer.ffn.fraction, emitter.model.machine.special.gelu.fraction)
        emitter.emit(Opcode.GELU, "GELU", a_shift=shift, **tokens)
    return middle, largest


def _in_slices(
    emitter: Emitter,
    layer: QuantisedLayer,
    gelu: GeluLayer,
    ffn_input: Tensor,
    middle: Tensor,
    suffix: str,
) -> None:
    """GELU of a slice runs beside the products of the next."""
    length, columns = emitter.max_length, layer.ffn.columns
    machine, lifts = emitter.model.machine, emitter.parameters.get(gelu.name)
    width = emitter.slice_width(columns)
    starts = range(0, columns, width)
    sums = [emitter.wide_tensor(f"ffn_sum {first}{suffix}", length, width) for first in starts]

    def multiply(index: int) -> None:
        first = starts[index]
        part = layer.ffn.slice(first, min(first + width, columns))
        note = f"feed-forward, columns from {first}"
        emitter.linear(part, note, ffn_input, sums[index], WIDE)

    def activate(index: int) -> None:
        first = starts[index]
        emitter.emit(
            Opcode.GELU,
            f"GELU, columns from {first}",
            o=middle.at(first // machine.word_codes),
            a=sums[index],
            p=None if lifts is None else lifts.at(first // machine.word_wides),
            rows=LENGTH,
            columns=min(width, columns - first),
            kind=CODES,
            a_shift=emitter.missing(layer.ffn.fraction, machine.special.gelu.fraction),
            has_lifts=int(lifts is not None),
            exponent=gelu.exponent,
        )

    emitter.take_turns(len(starts), multiply, activate)
