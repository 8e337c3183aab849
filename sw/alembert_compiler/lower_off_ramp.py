"""Instructions of an off-ramp: a head's logits, and the early-exit test."""

from __future__ import annotations

from alembert.config.isa import LENGTH, TARGETS, MemoryBase, Opcode, ResultKind

from .emitter import Emitter
from .program import Tensor
from .quantised_model import HeadLayers, OffRamp, PoolerLayer

__all__ = ["emit_off_ramp"]

CODES, WIDE = ResultKind.CODES, ResultKind.WIDE


def emit_off_ramp(emitter: Emitter, off_ramp: OffRamp, hidden: Tensor, suffix: str) -> None:
    """What follows a pass: logits, an early-exit test, its records to OUTPUT; or a value alone."""
    model = emitter.model
    hidden_words = emitter.words.codes(model.config.hidden_size)
    if emitter.output.hidden is not None:
        emitter.emit(
            Opcode.STORE,
            "hidden states, to be looked at",
            a=hidden,
            rows=LENGTH,
            columns=hidden_words,
            memory_base=MemoryBase.OUTPUT,
            memory_offset=emitter.output.hidden,
            pitch=emitter.output.hidden_pitch,
        )
    if off_ramp.classifier is not None:
        last, rows, columns = off_ramp.classifier, 1, off_ramp.classifier.columns
        logits = emitter.wide_tensor(f"logits{suffix}", 1, columns)
        pooler = off_ramp.pooler
        first = hidden if pooler is None else _pooled(emitter, pooler, hidden, suffix)
        emitter.linear(off_ramp.classifier, "logits", first, logits, WIDE, rows=1)
    else:
        assert off_ramp.masked is not None
        last, rows = off_ramp.masked.decoder, TARGETS
        logits, columns = _masked_head(emitter, off_ramp.masked, hidden, suffix)
    if columns == 1:  # a value: it has no entropy, and no early exit
        _store(emitter, "the value", logits, rows, 1)
        return
    records = emitter.program.tensor(f"records{suffix}", emitter.max_targets, emitter.words.record)
    emitter.emit(
        Opcode.ENTROPY,
        "early-exit test",
        o=records,
        a=logits,
        rows=rows,
        columns=columns,
        a_shift=emitter.missing(last.fraction, emitter.model.machine.entropy.logit_fraction),
    )
    _store(emitter, "records", records, rows, emitter.words.record)


def _store(emitter: Emitter, note: str, a: Tensor, rows: int, columns: int) -> None:
    """To where a pass has its records in OUTPUT."""
    emitter.emit(
        Opcode.STORE,
        note,
        a=a,
        rows=rows,
        columns=columns,
        memory_base=MemoryBase.OUTPUT,
        memory_offset=0,
        pitch=emitter.output.record_pitch,
    )


def _pooled(emitter: Emitter, pooler: PoolerLayer, hidden: Tensor, suffix: str) -> Tensor:
    columns = pooler.dense.columns
    total = emitter.wide_tensor(f"pooler_sum{suffix}", 1, columns)
    pooled = emitter.code_tensor(f"pooled{suffix}", 1, columns)
    emitter.linear(pooler.dense, "the pooler's dense layer", hidden, total, WIDE, rows=1)
    emitter.emit(
        Opcode.TANH,
        "the pooler's tanh",
        o=pooled,
        a=total,
        rows=1,
        columns=columns,
        kind=CODES,
        exponent=pooler.exponent,
    )
    return pooled


def _masked_head(
    emitter: Emitter, head: HeadLayers, hidden: Tensor, suffix: str
) -> tuple[Tensor, int]:
    targets = emitter.max_targets
    hidden_words = emitter.words.codes(emitter.model.config.hidden_size)
    chosen = emitter.code_tensor(f"targets{suffix}", targets, head.dense.depth)
    dense = emitter.wide_tensor(f"head_sum{suffix}", targets, head.dense.columns)
    normalised = emitter.code_tensor(f"head_normalised{suffix}", targets, head.dense.columns)
    logits = emitter.wide_tensor(f"logits{suffix}", targets, head.decoder.columns)
    emitter.emit(
        Opcode.STORE,
        "hidden states, to gather the targets from",
        a=hidden,
        rows=LENGTH,
        columns=hidden_words,
        memory_base=MemoryBase.SCRATCH,
        memory_offset=0,
    )
    emitter.emit(
        Opcode.GATHER,
        "hidden states of the targets",
        o=chosen,
        rows=TARGETS,
        columns=hidden_words,
        memory_base=MemoryBase.SCRATCH,
        memory_offset=0,
        index_base=MemoryBase.INPUT,
        index_offset=emitter.output.targets,
        index_limit=emitter.max_length,
    )
    emitter.linear(head.dense, "the head's dense layer", chosen, dense, WIDE, rows=TARGETS)
    if emitter.model.config.has_relu:
        active = dense
    else:
        gelu = emitter.model.machine.special.gelu
        active = emitter.wide_tensor(f"head_dense{suffix}", targets, head.dense.columns)
        emitter.emit(
            Opcode.GELU,
            "the head's GELU",
            o=active,
            a=dense,
            rows=TARGETS,
            columns=head.dense.columns,
            kind=WIDE,
            a_shift=emitter.missing(head.dense.fraction, gelu.fraction),
        )
    emitter.norm(head.norm, "the head's normalisation", normalised, active, rows=TARGETS)
    emitter.linear(head.decoder, "logits", normalised, logits, WIDE, rows=TARGETS)
    return logits, head.decoder.columns
