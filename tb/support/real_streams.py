"""Recordings of a real ALBERT's tensors for the streaming datapaths beside the arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alembert.config.adaptivfloat import QuantiserConfig
from alembert.config.early_exit import EntropyConfig
from alembert.config.ternary import (
    ActivationQuantiserConfig,
    Packing,
    RescaleConfig,
    WeightMemoryConfig,
)
from alembert_compiler.off_ramps import masked_logits
from alembert_golden.activation_quantiser import absmax_quantise
from alembert_golden.adaptivfloat import bias_of_fixed, encode_fixed
from alembert_golden.entropy import entropy
from alembert_golden.rescale import rescale, rescale_parameters
from alembert_golden.ternary import absmean, pack2, pack5
from numpy.typing import NDArray

from .real_tensors import model, workloads
from .replay import Recording
from .streams import pack

__all__ = [
    "StreamWorkload",
    "activation_quantiser_recording",
    "early_exit_recording",
    "quantiser_recording",
    "rescale_recording",
    "weight_memory_recording",
]

THRESHOLD_NATS = 0.6


@dataclass(frozen=True)
class StreamWorkload:
    """A recording for a streaming datapath, and what it amounts to."""

    recording: Recording
    values: int
    """Results compared."""
    beats: int
    """Beats that an ideal machine would take one a cycle."""
    source: str
    """Which tensors they are."""


def _hidden_states() -> NDArray[np.float32]:
    """Hidden states of 64 real tokens, [64, 256]."""
    return workloads()["query"].activations


def _fixed(values: NDArray[np.float32], width: int) -> tuple[NDArray[np.int64], int]:
    """Fixed point that uses ``width`` bits: integers and the weight exponent of their LSB."""
    exponent = int(np.frexp(np.abs(values).max())[1]) - (width - 1)
    half = 1 << (width - 1)
    integers = np.rint(np.ldexp(values.astype(np.float64), -exponent))
    return np.clip(integers, -half, half - 1).astype(np.int64), exponent


def _beats(values: NDArray[np.int64], width: int, lanes: int) -> list[int]:
    """The values in reading order, ``lanes`` a beat."""
    return [pack(row, width) for row in values.reshape(-1, lanes).tolist()]


def _with_last(beats: list[int], group: int, position: int) -> list[int]:
    """Set the bit at ``position`` in the last of every ``group`` beats."""
    return [beat | (i % group == group - 1) << position for i, beat in enumerate(beats)]


def quantiser_recording(config: QuantiserConfig) -> StreamWorkload:
    """Hidden states in fixed point, a buffer's worth a tensor, to AdaptivFloat codes."""
    values, exponent = _fixed(_hidden_states(), config.width)
    per_tensor = config.depth * config.lanes
    values = values.reshape(-1)[: values.size // per_tensor * per_tensor]
    tensors = values.reshape(-1, per_tensor)
    want: list[int] = []
    for tensor in tensors:
        bias = bias_of_fixed(tensor, exponent, config.fmt)
        codes = encode_fixed(tensor, exponent - bias, config.fmt)
        codes_width = config.fmt.width * config.lanes
        for beat, word in enumerate(_beats(codes, config.fmt.width, config.lanes)):
            last = int(beat == config.depth - 1)
            want.append(word | pack([bias], 8) << codes_width | last << (codes_width + 8))
    sent = _beats(values, config.width, config.lanes)
    recording = Recording(
        inputs={"i": _with_last(sent, config.depth, config.width * config.lanes)},
        outputs={"o": want},
        ports={"i_lsb_exponent": exponent & 0x3FF, "i_clear": 0},
        measure_from="i",
    )
    return StreamWorkload(recording, values.size, len(sent), "hidden states")


def weight_memory_recording(config: WeightMemoryConfig) -> StreamWorkload:
    """Ternary weights of the query projection, packed, written and read back decoded."""
    codes, _ = absmean(workloads()["query"].weights)
    rows = codes.T.reshape(-1)[: config.rows * config.lanes].reshape(-1, config.lanes)
    packed = (pack2 if config.packing is Packing.TWO_BIT else pack5)(rows)
    writes = [
        index | pack(row, 8) << config.address_width for index, row in enumerate(packed.tolist())
    ]
    recording = Recording(
        inputs={"i_write": writes, "i_read": [len(rows) << config.address_width]},
        outputs={"o": [pack(row, 2) for row in rows.tolist()]},
        ports={"i_clear": 0},
        after={"i_read": "i_write"},
        measure_from="i_read",
    )
    return StreamWorkload(recording, rows.size, len(rows), "query weights")


def activation_quantiser_recording(config: ActivationQuantiserConfig) -> StreamWorkload:
    """Hidden states in fixed point to INT8, each token at its own absmax."""
    values, _ = _fixed(_hidden_states(), config.width)
    codes, largest = absmax_quantise(values, config)
    per_token = values.shape[1] // config.lanes
    sent = _beats(values, config.width, config.lanes)
    codes_width = 8 * config.lanes
    want = [
        word | int(largest[beat // per_token]) << codes_width
        for beat, word in enumerate(_beats(codes, 8, config.lanes))
    ]
    recording = Recording(
        inputs={"i": _with_last(sent, per_token, config.width * config.lanes)},
        outputs={"o": _with_last(want, per_token, codes_width + config.width)},
        ports={"i_clear": 0},
        measure_from="i",
    )
    return StreamWorkload(recording, values.size, len(sent), "hidden states")


def rescale_recording(
    config: RescaleConfig, quantiser: ActivationQuantiserConfig
) -> StreamWorkload:
    """Exact accumulators of the ternary query projection to fixed point."""
    values, exponent = _fixed(_hidden_states(), quantiser.width)
    codes, largest = absmax_quantise(values, quantiser)
    weights, scale = absmean(workloads()["query"].weights)
    accumulators = codes @ weights.astype(np.int64)
    activation_lsb = float(np.ldexp(1.0, exponent))
    out_lsb = float(np.ldexp(1.0, exponent - 4))
    multiplier, shift = rescale_parameters(scale, activation_lsb, out_lsb, config)
    want = rescale(accumulators, largest, multiplier, shift, config)
    per_token = accumulators.shape[1] // config.lanes
    sums_width = config.accumulator_width * config.lanes
    sent = [
        word | int(largest[beat // per_token]) << sums_width
        for beat, word in enumerate(_beats(accumulators, config.accumulator_width, config.lanes))
    ]
    recording = Recording(
        inputs={"i": _with_last(sent, per_token, sums_width + config.max_width)},
        outputs={
            "o": _with_last(
                _beats(want, config.out_width, config.lanes),
                per_token,
                config.out_width * config.lanes,
            )
        },
        ports={"i_multiplier": multiplier, "i_shift": shift, "i_clear": 0},
        measure_from="i",
    )
    return StreamWorkload(recording, accumulators.size, len(sent), "query accumulators")


def early_exit_recording(config: EntropyConfig, *, vectors: int = 60) -> StreamWorkload:
    """Off-ramp logits of real masked tokens, every pass of each, at a threshold of 0.6 nats."""
    logits = masked_logits(model(), model().reactions[:2]).logits
    tokens = -(-vectors // logits.shape[0])
    rows = logits[:, :tokens].swapaxes(0, 1).reshape(-1, logits.shape[-1])[:vectors]
    half = 1 << (config.logit_width - 1)
    fixed = np.rint(np.ldexp(rows.astype(np.float64), config.logit_fraction))
    fixed = np.clip(fixed, -half, half - 1).astype(np.int64)[:, : config.max_classes]
    threshold = round(THRESHOLD_NATS * (1 << config.ENTROPY_FRACTION))
    got = entropy(fixed, threshold, config)
    widths = (
        (got.exit, 1),
        (got.argmax, config.index_width),
        (got.max_logit, config.logit_width),
        (got.entropy, config.ENTROPY_WIDTH),
        (np.broadcast_to(got.num_classes, len(fixed)), config.count_width),
    )
    want = [0] * len(fixed)
    position = 0
    for values, width in widths:
        mask = (1 << width) - 1
        want = [word | (int(v) & mask) << position for word, v in zip(want, values)]
        position += width
    sent = [pack([logit], config.logit_width) for logit in fixed.reshape(-1).tolist()]
    recording = Recording(
        inputs={"i": _with_last(sent, fixed.shape[1], config.logit_width)},
        outputs={"o": want},
        ports={"threshold": threshold},
        measure_from="i",
    )
    return StreamWorkload(recording, len(fixed), len(sent), "off-ramp logits, 12 passes")
