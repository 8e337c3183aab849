"""The pretrained ALBERT on real reactions with masked tokens: predicted beside true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from alembert.config.machine import MachineConfig
from alembert_compiler.compile import compile_model
from alembert_compiler.image import Image
from alembert_compiler.machine_answers import calibrate_masked
from alembert_compiler.workloads import ReactionModel
from numpy.typing import NDArray

from .answer import Answer
from .golden import GoldenDevice
from .session import Session

__all__ = [
    "MaskedReaction",
    "ReactionRun",
    "compile_reactions",
    "masked_reactions",
    "run_reactions",
]

MAX_TARGETS = 16
"""Most masked tokens of a reaction."""


@dataclass(frozen=True, kw_only=True)
class MaskedReaction:
    """A reaction, some of whose tokens are hidden.

    Parameters
    ----------
    tokens : array of int, [T]
        What the model sees.
    targets : array of int, [n]
        Positions of what is hidden.
    answers : array of int, [n]
        What is there.
    """

    tokens: NDArray[np.int64]
    targets: NDArray[np.int64]
    answers: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ReactionRun:
    """What a machine said about a reaction.

    Parameters
    ----------
    reaction : MaskedReaction
    answer : Answer
    is_golden : bool
        Whether answer, records, and all that was stored equal the golden machine's.
    """

    reaction: MaskedReaction
    answer: Answer
    is_golden: bool


def compile_reactions(model: ReactionModel, machine: MachineConfig) -> Image:
    """The pretrained ALBERT for a machine, calibrated on its reactions, for the longest of them."""
    longest = max(len(model.tokeniser.encode(reaction)) for reaction in model.reactions)
    return compile_model(
        model.albert,
        machine,
        calibrate_masked(model),
        max_length=longest,
        max_targets=MAX_TARGETS,
        keep_hidden=True,
    )


def masked_reactions(
    model: ReactionModel, masked: int, *, max_tokens: int = 64
) -> Iterator[MaskedReaction]:
    """The model's reactions, longest first, with tokens hidden at even distances.

    Parameters
    ----------
    model : ReactionModel
    masked : int
        Tokens that are hidden in each, 1…``MAX_TARGETS``.
    max_tokens : int
        Longer reactions are left out: they take their time in simulation.
    """
    different = dict.fromkeys(model.reactions)
    encoded = [np.asarray(model.tokeniser.encode(reaction)) for reaction in different]
    for ids in sorted((ids for ids in encoded if len(ids) <= max_tokens), key=len, reverse=True):
        inner = len(ids) - 2  # all but [CLS] and [SEP]
        count = min(masked, inner)
        targets = 1 + (2 * np.arange(count) + 1) * inner // (2 * count)
        tokens = ids.copy()
        tokens[targets] = model.tokeniser.mask_id
        yield MaskedReaction(tokens=tokens, targets=targets, answers=ids[targets])


def run_reactions(
    session: Session,
    machine: MachineConfig,
    reactions: list[MaskedReaction],
    threshold: float,
    *,
    begin: Callable[[int], None] | None = None,
) -> Iterator[ReactionRun]:
    """Each reaction on a device, and on the golden machine, whose every byte it must equal.

    Parameters
    ----------
    session : Session
    machine : MachineConfig
        What the session's device is.
    reactions : list of MaskedReaction
    threshold : float
        Nats below which all off-ramps of a reaction let it leave.
    begin : callable, optional
        Told the number of each reaction before it is run.
    """
    with Session(GoldenDevice(machine), session.image) as golden:
        for number, reaction in enumerate(reactions):
            if begin is not None:
                begin(number)
            given = (reaction.tokens, reaction.targets, threshold)
            answer, expected = session.run(*given), golden.run(*given)
            is_golden = answer == expected and bool((session.output() == golden.output()).all())
            yield ReactionRun(reaction=reaction, answer=answer, is_golden=is_golden)
