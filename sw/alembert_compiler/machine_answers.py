"""What a compiled ALBERT says about masked tokens of real reactions, on the golden machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from alembert.config.machine import MachineConfig
from alembert_golden.machine import Machine
from numpy.typing import ArrayLike, NDArray

from .calibrate import Calibration, calibrate
from .early_exit import early_exit
from .errors import CompileError
from .image import Image
from .workloads import ReactionModel

__all__ = ["MachineAnswers", "MaskedRuns", "calibrate_masked", "machine_answers", "masked_runs"]


@dataclass(frozen=True)
class MaskedRuns:
    """A reaction with some of its tokens hidden, in several ways; as ``masked_logits`` does it.

    Parameters
    ----------
    token_ids : array [T]
        What the reaction is.
    runs : array [R, T]
        What the model sees.
    hidden : array of bool, [R, T]
        Which tokens are hidden in which run.
    """

    token_ids: NDArray[np.int64]
    runs: NDArray[np.int64]
    hidden: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class MachineAnswers:
    """Records of n masked tokens after each of L passes, in the order of ``masked_logits``."""

    classes: NDArray[np.int64]
    """[L, n], the token of the largest logit."""
    entropies: NDArray[np.float64]
    """[L, n], in nats."""
    token_ids: NDArray[np.int64]
    """[n], the right answers."""

    @property
    def top1(self) -> NDArray[np.float64]:
        """[L], the share of tokens that each off-ramp gets right."""
        return (self.classes == self.token_ids).mean(axis=-1)

    def agreement(self, logits: ArrayLike) -> NDArray[np.float64]:
        """[L], the share of tokens for which the largest of ``logits`` [L, n, V] is the same."""
        return (self.classes == np.asarray(logits).argmax(axis=-1)).mean(axis=-1)

    def early_exit(self, threshold: float) -> tuple[float, float]:
        """Top-1 and mean pass of leaving below ``threshold`` nats; see ``MaskedLogits``."""
        return early_exit(self.classes, self.entropies, self.token_ids, threshold)


def masked_runs(
    model: ReactionModel, reactions: Iterable[str] | None = None, *, every: int = 7
) -> Iterator[MaskedRuns]:
    """Each reaction with each of its tokens hidden once, every seventh at a time.

    Parameters
    ----------
    model : ReactionModel
    reactions : iterable of str, optional
        The model's own otherwise.
    every : int
        Distance of masked tokens.
    """
    for reaction in model.reactions if reactions is None else reactions:
        ids = np.asarray(model.tokeniser.encode(reaction))
        inner = np.arange(len(ids) - 2)
        hidden = np.zeros((min(every, len(inner)), len(ids)), dtype=bool)
        hidden[inner % every, inner + 1] = True
        yield MaskedRuns(ids, np.where(hidden, model.tokeniser.mask_id, ids), hidden)


def calibrate_masked(
    model: ReactionModel, reactions: Iterable[str] | None = None, *, every: int = 7
) -> Calibration:
    """Statistics of a model's tensors on masked reactions; the head's, on masked tokens alone."""
    runs = list(masked_runs(model, reactions, every=every))
    return calibrate(
        model.albert, [each.runs for each in runs], targets=[each.hidden for each in runs]
    )


def machine_answers(
    image: Image,
    machine: MachineConfig,
    model: ReactionModel,
    reactions: Iterable[str] | None = None,
    *,
    every: int = 7,
    workers: int = 1,
) -> MachineAnswers:
    """Hide each token of each reaction once, and ask every off-ramp of the machine.

    Parameters
    ----------
    image : Image
        Of this model, with a masked-language head.
    machine : MachineConfig
        What it was compiled for.
    model : ReactionModel
    reactions : iterable of str, optional
        The model's own otherwise.
    every : int
        Distance of masked tokens.
    workers : int
        Threads that share the sentences of a reaction.

    Raises
    ------
    CompileError
        There are no reactions, one is too long for the image, or a run ends with a fault.
    """
    golden = Machine(machine)
    classes, entropies, answers = [], [], []
    for each in masked_runs(model, reactions, every=every):
        found = _run(golden, image, each, workers)
        classes.append(found["class"])
        entropies.append(found["entropy"])
        answers.append(np.broadcast_to(each.token_ids, each.hidden.shape)[each.hidden])
    if not answers:
        raise CompileError("there must be at least one reaction")
    return MachineAnswers(
        classes=np.concatenate(classes, axis=1).astype(np.int64),
        entropies=np.concatenate(entropies, axis=1),
        token_ids=np.concatenate(answers),
    )


def _run(golden: Machine, image: Image, each: MaskedRuns, workers: int) -> NDArray[np.void]:
    """Records [L, n] of a reaction's runs: those with as many targets at a time."""
    counts = each.hidden.sum(axis=1)
    records: dict[int, NDArray[np.void]] = {}
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        targets = np.stack([np.flatnonzero(each.hidden[row]) for row in rows])
        result = golden.run(
            image.data,
            image.input_bytes(each.runs[rows], targets),
            program=image.program,
            length=each.runs.shape[1],
            targets=int(count),
            threshold=0,
            output_bytes=image.output_words * image.word_bytes,
            scratch_bytes=image.scratch_words * image.word_bytes,
            workers=workers,
        )
        for row, fault, reason in zip(rows, result.fault, result.reason):
            if fault:
                raise CompileError(f"run {row} ended with {fault.name}: {reason}")
        for row, found in zip(rows, image.records(result.output, int(count))):
            records[int(row)] = found
    return np.concatenate([records[row] for row in range(len(each.runs))], axis=1)
