"""Instructions of the feed-forward network, ordered so that GELU runs beside products."""

from __future__ import annotations

from alembert.config.isa import LENGTH, Opcode, ResultKind

from .emitter import Emitter
from .program import Tensor, View
from .quantised_model import QuantisedLayer

__all__ = ["emit_feed_forward"]

CODES, WIDE, TOKEN = ResultKind.CODES, ResultKind.WIDE, ResultKind.TOKEN


def emit_feed_forward(
    emitter: Emitter, layer: QuantisedLayer, ffn_input: Tensor, suffix: str
) -> tuple[Tensor, View | None]:
    """The first layer and GELU; returns what the second layer reads, and the rows' largest
    magnitudes if they have a scale a token."""
    if layer.ffn_rescale is None:
        return _in_slices(emitter, layer, ffn_input, suffix), None
    length, columns = emitter.max_length, layer.ffn.columns
    middle, largest = emitter.token_tensor(f"ffn_intermediate{suffix}", length, columns)
    total = emitter.wide_tensor(f"ffn_sum{suffix}", length, columns)
    emitter.linear(layer.ffn, "feed-forward", ffn_input, total, WIDE)
    # a row's scale is known once all of it is: no slice can begin before
    emitter.emit(
        Opcode.GELU,
        "GELU",
        o=middle,
        a=total,
        rows=LENGTH,
        columns=columns,
        kind=TOKEN,
        a_shift=emitter.missing(layer.ffn.fraction, emitter.model.machine.special.gelu.fraction),
    )
    return middle, largest


def _in_slices(emitter: Emitter, layer: QuantisedLayer, ffn_input: Tensor, suffix: str) -> Tensor:
    """GELU of a slice runs beside the products of the next."""
    length, columns = emitter.max_length, layer.ffn.columns
    middle = emitter.code_tensor(f"ffn_intermediate{suffix}", length, columns)
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
        _gelu(emitter, layer, sums[index], middle, first, min(first + width, columns))

    emitter.take_turns(len(starts), multiply, activate)
    return middle


def _gelu(
    emitter: Emitter, layer: QuantisedLayer, a: Tensor, o: Tensor, first: int, last: int
) -> None:
    lifts = emitter.parameters.get(layer.gelu.name)
    emitter.emit(
        Opcode.GELU,
        f"GELU, columns from {first}",
        o=o.at(first // emitter.model.machine.word_codes),
        a=a,
        p=None if lifts is None else lifts.at(first // emitter.model.machine.word_wides),
        rows=LENGTH,
        columns=last - first,
        kind=CODES,
        a_shift=emitter.missing(layer.ffn.fraction, emitter.model.machine.special.gelu.fraction),
        has_lifts=int(lifts is not None),
        exponent=layer.gelu.exponent,
    )
