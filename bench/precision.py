"""``python bench/precision.py``: which tensors of the pretrained ALBERT may be eight bits wide.

Top-1 agreement with float32 on masked tokens of real reactions, and early exit at 0.6 nats, for
machines that keep tensors in one format or another. Takes some minutes; the calibration sees the
same reactions. What came out of it is on the page "The machine" of the documentation.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from alembert.config import AdaptivFloatFormat, IntegerFormat
from alembert_compiler.off_ramps import MaskedLogits, masked_logits
from alembert_compiler.precision import (
    Codes,
    FixedPoint,
    Ranges,
    quantise_weights,
    rounding_tap,
)
from alembert_compiler.workloads import ReactionModel, load_albert
from rich.console import Console
from rich.progress import track
from rich.table import Table

AF8, INT8 = AdaptivFloatFormat(), IntegerFormat()
WIDE = FixedPoint(width=16)
THRESHOLD = 0.6

SUMS = ("scores", "attention_output", "ffn_sum", "ffn_output", "head_sum")
"""What only a special function reads."""
STATES = ("hidden", "ffn_input")
"""The residual stream, which products read too."""
OPERANDS = (
    "embeddings",
    "query",
    "key",
    "value",
    "probabilities",
    "context",
    "ffn_intermediate",
    "head_dense",
    "head_normalised",
)
"""What products alone read."""

Rules = Mapping[str, Codes | FixedPoint]


def plans() -> dict[str, tuple[bool, AdaptivFloatFormat | IntegerFormat | None, Rules]]:
    """Name -> weights per channel, their format, what is done to the tensors."""
    codes, integers = Codes(fmt=AF8), Codes(fmt=INT8)
    operands = dict.fromkeys(OPERANDS, codes)
    gelu_by_channel = {"ffn_intermediate": replace(codes, per_channel=True)}
    wide_sums = dict.fromkeys(SUMS, WIDE)
    states = dict.fromkeys(STATES, codes)
    everything = {**operands, **states, **dict.fromkeys(SUMS, codes)}
    return {
        "float32": (True, None, {}),
        "AF<8,3> weights, a bias a matrix": (False, AF8, {}),
        "AF<8,3> weights, a bias a channel": (True, AF8, {}),
        "AF<8,3> everywhere": (True, AF8, everything),
        "… sums of 16 bits": (True, AF8, {**operands, **states, **wide_sums}),
        "… GELU's channels lifted too": (
            True,
            AF8,
            {**operands, **states, **wide_sums, **gelu_by_channel},
        ),
        "… residual stream of 16 bits too": (
            True,
            AF8,
            {**operands, **wide_sums, **gelu_by_channel, **dict.fromkeys(STATES, WIDE)},
        ),
        "INT8 everywhere but sums": (
            True,
            INT8,
            {**dict.fromkeys((*OPERANDS, *STATES), integers), **wide_sums},
        ),
    }


def _run(model: ReactionModel, name: str, ranges: Ranges) -> MaskedLogits:
    per_channel, fmt, rules = plans()[name]
    albert = model.albert
    if fmt is not None:
        albert = quantise_weights(albert, fmt, per_channel=per_channel)
    return masked_logits(replace(model, albert=albert), tap=rounding_tap(rules, ranges))


def main() -> int:
    """Measure every plan and print the table."""
    console = Console(width=max(Console().width, 110))
    model = load_albert()
    ranges = Ranges()
    reference = masked_logits(model, tap=ranges)
    table = Table(title=f"{len(reference.token_ids)} masked tokens, 12 passes")
    table.add_column("tensors")
    headings = ("agree, last pass %", "agree, mean %", "top-1 %", "exit top-1 %", "exit pass")
    for heading in headings:
        table.add_column(heading, justify="right")
    answers = reference.logits.argmax(axis=-1)
    for name in track(list(plans()), console=console, description="precision"):
        found = _run(model, name, ranges)
        agreement = 100 * (found.logits.argmax(axis=-1) == answers).mean(axis=-1)
        top1, layer = found.early_exit(THRESHOLD)
        figures = (agreement[-1], np.mean(agreement), 100 * found.top1[-1], 100 * top1, layer)
        table.add_row(name, *(f"{figure:.2f}" for figure in figures))
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
