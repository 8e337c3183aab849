"""Instructions of the feed-forward network, ordered so that GELU runs beside products."""

from __future__ import annotations

from alembert.config.isa import LENGTH, Opcode, ResultKind

from .emitter import Emitter
from .program import Tensor
from .quantised_model import GeluLayer, QuantisedLayer

__all__ = ["emit_feed_forward"]

CODES, WIDE = ResultKind.CODES, ResultKind.WIDE


def emit_feed_forward(
    emitter: Emitter, layer: QuantisedLayer, ffn_input: Tensor, suffix: str
) -> Tensor:
    """The first layer and GELU, slice by slice; returns what the second layer reads."""
    length, columns = emitter.max_length, layer.ffn.columns
    middle = emitter.code_tensor(f"ffn_intermediate{suffix}", length, columns)
    width = _slice_width(emitter, columns)
    starts = range(0, columns, width)
    sums = [emitter.wide_tensor(f"ffn_sum {first}{suffix}", length, width) for first in starts]

    def multiply(index: int) -> None:
        first = starts[index]
        part = layer.ffn.slice(first, min(first + width, columns))
        note = f"feed-forward, columns from {first}"
        emitter.linear(part, note, ffn_input, sums[index], WIDE)

    def activate(index: int) -> None:
        first = starts[index]
        _gelu(emitter, layer.gelu, sums[index], middle, first, min(first + width, columns))

    # GELU of a slice runs beside the products of the next
    lag = emitter.lag
    for step in range(len(starts) + lag):
        for stage, index in ((multiply, step), (activate, step - lag)):
            if 0 <= index < len(starts):
                stage(index)
    return middle


def _slice_width(emitter: Emitter, columns: int) -> int:
    """Columns of a slice: whole words and tiles, 64 if there are so many, else a quarter."""
    unit = emitter.model.machine.word_codes
    return min(max(64 // unit, 1), -(-columns // (4 * unit))) * unit


def _gelu(emitter: Emitter, gelu: GeluLayer, a: Tensor, o: Tensor, first: int, last: int) -> None:
    lifts = emitter.parameters.get(gelu.name)
    emitter.emit(
        Opcode.GELU,
        f"GELU, columns from {first}",
        o=o.at(first // emitter.model.machine.word_codes),
        a=a,
        p=None if lifts is None else lifts.at(first // emitter.model.machine.word_wides),
        rows=LENGTH,
        columns=last - first,
        kind=CODES,
        has_lifts=int(lifts is not None),
        exponent=gelu.exponent,
    )
