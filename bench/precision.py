"""Which tensors of the pretrained ALBERT may be eight bits wide.

Top-1 agreement with float32 on masked tokens of real reactions, and early exit at 0.6 nats, for
machines that keep tensors in one format or another. Takes some minutes; the calibration sees the
same reactions. What follows from it is on the page "The machine" of the documentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

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
from figures import Figure

__all__ = ["OPERANDS", "PLANS", "STATES", "SUMS", "UNITS", "Plan", "precision_figures"]

AF8, INT8 = AdaptivFloatFormat(), IntegerFormat()
WIDE = FixedPoint(width=16)
THRESHOLD = 0.6

SUMS: tuple[str, ...] = ("scores", "attention_output", "ffn_sum", "ffn_output", "head_sum")
"""What only a special function reads."""
STATES: tuple[str, ...] = ("hidden", "ffn_input")
"""The residual stream, which products read too."""
OPERANDS: tuple[str, ...] = (
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

UNITS = {
    "agreement_last": "%",
    "agreement_mean": "%",
    "top1": "%",
    "exit_top1": "%",
    "exit_mean_pass": "passes",
}
"""What is measured of a plan, and its unit."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a machine keeps of a model.

    Parameters
    ----------
    weights : AdaptivFloatFormat or IntegerFormat, optional
        Format of the matrices; float32 if absent.
    per_channel : bool
        A bias or scale for each output channel, otherwise one a matrix.
    rules : mapping of str to Codes or FixedPoint
        What is done to the tensors of a forward pass, by the names of ``Model.forward``'s tap.
    """

    weights: AdaptivFloatFormat | IntegerFormat | None = None
    per_channel: bool = True
    rules: Mapping[str, Codes | FixedPoint] = field(default_factory=dict)


def _plans() -> dict[str, Plan]:
    codes, integers = Codes(fmt=AF8), Codes(fmt=INT8)
    operands, states = dict.fromkeys(OPERANDS, codes), dict.fromkeys(STATES, codes)
    lifted = operands | {"ffn_intermediate": replace(codes, per_channel=True)}
    narrow_sums, wide_sums = dict.fromkeys(SUMS, codes), dict.fromkeys(SUMS, WIDE)
    wide_states = dict.fromkeys(STATES, WIDE)
    return {
        "float32": Plan(),
        "weights_by_matrix": Plan(weights=AF8, per_channel=False),
        "weights_by_channel": Plan(weights=AF8),
        "everywhere": Plan(weights=AF8, rules=operands | states | narrow_sums),
        "wide_sums": Plan(weights=AF8, rules=operands | states | wide_sums),
        "lifted_gelu": Plan(weights=AF8, rules=lifted | states | wide_sums),
        "wide_states": Plan(weights=AF8, rules=lifted | wide_states | wide_sums),
        "int8": Plan(weights=INT8, rules=dict.fromkeys((*OPERANDS, *STATES), integers) | wide_sums),
    }


PLANS = _plans()
"""By name; each takes one step further than the one before, but for the last."""


def _run(model: ReactionModel, plan: Plan, ranges: Ranges) -> MaskedLogits:
    albert = model.albert
    if plan.weights is not None:
        albert = quantise_weights(albert, plan.weights, per_channel=plan.per_channel)
    return masked_logits(replace(model, albert=albert), tap=rounding_tap(plan.rules, ranges))


def precision_figures(command: str) -> Iterator[Figure]:
    """``precision.<plan>.<measure>`` for every plan and every measure of :data:`UNITS`.

    Parameters
    ----------
    command : str
        What measures them again.
    """
    model, ranges = load_albert(), Ranges()
    answers = masked_logits(model, tap=ranges).logits.argmax(axis=-1)
    for name, plan in PLANS.items():
        found = _run(model, plan, ranges)
        agreement = 100 * (found.logits.argmax(axis=-1) == answers).mean(axis=-1)
        top1, mean_pass = found.early_exit(THRESHOLD)
        values = {
            "agreement_last": agreement[-1],
            "agreement_mean": np.mean(agreement),
            "top1": 100 * found.top1[-1],
            "exit_top1": 100 * top1,
            "exit_mean_pass": mean_pass,
        }
        for measure, unit in UNITS.items():
            yield Figure(
                name=f"precision.{name}.{measure}",
                value=round(float(values[measure]), 2),
                unit=unit,
                command=command,
            )
