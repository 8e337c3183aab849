"""Pruning while a model learns: by the magnitude of its weights, or by how they move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import torch
from torch import Tensor, nn

from .albert import Albert
from .masked_weights import MaskedWeights
from .prunable import Group, groups_of
from .pruning_masks import keep_highest
from .pruning_schedule import CubicSchedule
from .technique import copy_state

__all__ = ["SCOPES", "MagnitudePruning", "MovementPruning", "Pruning"]

SCOPES = ("local", "global")


class Pruning(MaskedWeights, ABC):
    """The least important weights are masked, a share of them that rises with the steps.

    Before a step in which masks are due, of the n weights that can be masked exactly
    round(share · n) are, those of the lowest importance; of equal ones, those that come first.

    Parameters
    ----------
    model : Albert
    schedule : CubicSchedule
        How the share rises.
    share : float
        In the end, 0…1.
    granularity : str
        "weight", or "neuron": see :func:`alembert_train.prunable.groups_of`.
    scope : str
        "local": the share is that of every matrix. "global": that of all together.
    parts : sequence of str, optional
        Matrices of which weights are masked; the layer's six otherwise.
    within : MaskedWeights, optional
        Made before, of the same model, and told of steps before: weights that it has masked are
        masked, and do not count. So neurons go, and a share of the weights of those that stay.

    Raises
    ------
    ValueError
        A share, a granularity, a scope or a part is out of its range, or ``within`` is of another
        model or given with neurons.
    """

    def __init__(
        self,
        model: Albert,
        *,
        schedule: CubicSchedule,
        share: float,
        granularity: str = "weight",
        scope: str = "local",
        parts: Sequence[str] | None = None,
        within: MaskedWeights | None = None,
    ) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share must be between 0 and 1, not {share}")
        if schedule.initial > share:
            raise ValueError(
                f"share must be at least the schedule's initial {schedule.initial}, not {share}"
            )
        if scope not in SCOPES:
            raise ValueError(f"scope must be one of {', '.join(SCOPES)}, not {scope!r}")
        if within is not None and within.model is not model:
            raise ValueError("within must be of the same model, not of another")
        if within is not None and granularity != "weight":
            raise ValueError(f"within is for single weights, not for granularity {granularity!r}")
        super().__init__(model, groups_of(model, granularity, parts))
        self.schedule, self.share = schedule, share
        self._scope, self._within = scope, within

    def settings(self) -> dict[str, object]:
        own = {"schedule": asdict(self.schedule), "share": self.share, "scope": self._scope}
        return super().settings() | own | {"within": self._within is not None}

    @abstractmethod
    def importance(self, group: Group) -> Tensor:
        """Of every place of a group's mask."""

    def before_step(self, step: int, steps: int) -> None:
        """Make the masks that are due.

        Raises
        ------
        ValueError
            The model's scheme is binary, or an importance is no finite number.
        """
        super().before_step(step, steps)
        if self.schedule.due(step, steps):
            self._choose(self.schedule.share(step, steps, self.share))

    def _choose(self, share: float) -> None:
        alone = [(group,) for group in self.groups]
        for pool in alone if self._scope == "local" else (self.groups,):
            importances = [self.importance(group) for group in pool]
            masks = keep_highest(importances, share, [self._candidates(group) for group in pool])
            for group, mask in zip(pool, masks, strict=True):
                self._kept[group.name] = mask

    def _candidates(self, group: Group) -> Tensor:
        free = torch.ones(group.shape, dtype=torch.bool)
        if self._within is None:
            return free
        masked = self._within.kept_of(group.members[0])
        return free if masked is None else free & masked


class MagnitudePruning(Pruning):
    """The smallest magnitudes are masked; zeroth order.

    The importance of a weight is its magnitude, of a neuron the Euclidean norm of its weights and
    its bias. Masked weights get no gradient, and once the share has reached its end masks are not
    made anew (Zhu and Gupta, arXiv 1710.01878, section 3). EdgeBERT (Tambe et al., arXiv
    2011.14203) prunes the word embedding so: parts=["word_embeddings"].

    Parameters, errors: see :class:`Pruning`.
    """

    def importance(self, group: Group) -> Tensor:
        return group.magnitudes()

    def before_step(self, step: int, steps: int) -> None:
        if step <= self.schedule.rise(steps)[1]:
            super().before_step(step, steps)


class MovementPruning(Pruning):
    """Weights that move towards 0 are masked; first order (Sanh et al., arXiv 2005.07683).

    Every place has a score S, 0 at first, and M keeps the highest: Top-v. The gradient of M is
    given to S as if M were S, straight through,

        dL/dS = dL/dW' ⊙ W,    W' = W ⊙ M,    dL/dW = dL/dW' ⊙ M,

    so that with plain descent at the rate α, S = −Σ α · dL/dW' ⊙ W: it rises where a weight moves
    away from 0. Masked weights are scored, too, and may come back. A neuron's score is the sum over
    its weights and its bias, as parts that share a score (Lagunas et al., arXiv 2109.04838);
    a masked neuron is not active, so that its score stands still until others fall below it.

    Only the order of scores counts: with an optimiser that normalises gradients their rate hardly
    matters.

    Parameters, errors: see :class:`Pruning`. The word embedding cannot be pruned so: most of its
    rows take no part in a step.
    """

    def __init__(
        self,
        model: Albert,
        *,
        schedule: CubicSchedule,
        share: float,
        granularity: str = "weight",
        scope: str = "local",
        parts: Sequence[str] | None = None,
        within: MaskedWeights | None = None,
    ) -> None:
        if parts is not None and "word_embeddings" in parts:
            raise ValueError("movement pruning is of the layer's matrices, not of word_embeddings")
        super().__init__(
            model,
            schedule=schedule,
            share=share,
            granularity=granularity,
            scope=scope,
            parts=parts,
            within=within,
        )
        self._scores = {group.name: nn.Parameter(torch.zeros(group.shape)) for group in self.groups}

    def parameters(self) -> Iterable[nn.Parameter]:
        return tuple(self._scores.values())

    def scores(self, name: str) -> Tensor:
        """S of a group."""
        return self._scores[name].detach().clone()

    def importance(self, group: Group) -> Tensor:
        return self._scores[group.name].detach()

    def state(self) -> dict[str, object]:
        scores = {f"scores.{name}": each.detach().clone() for name, each in self._scores.items()}
        return {**super().state(), **scores}

    def restore(self, state: Mapping[str, object]) -> None:
        kept = {f"kept.{name}": mask for name, mask in self._kept.items()}
        scores = {f"scores.{name}": each for name, each in self._scores.items()}
        copy_state({**kept, **scores}, state)

    def _gate(self, name: str) -> Tensor:
        scores = self._scores[name]
        # the difference is 0: the mask forward, the scores' gradient backward
        return super()._gate(name) + (scores - scores.detach())
