"""Movement pruning by a threshold: how much goes is learned, too."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .albert import Albert
from .masked_weights import MaskedWeights
from .pruning import MovementPruning
from .pruning_schedule import CubicSchedule

__all__ = ["SoftMovementPruning"]


class SoftMovementPruning(MovementPruning):
    """Weights whose score falls below a threshold are masked (arXiv 2005.07683, section 4).

    M is 1 where σ(S) > τ_t, and the loss gets λ · τ_t / τ · mean σ(S) over all scores, which draws
    them down; the threshold τ_t rises from 0 to τ along the schedule, and the penalty with it. The
    gradient of M is given to S as in :class:`alembert_train.pruning.MovementPruning`. What
    share is masked in the end, λ decides.

    Parameters
    ----------
    model : Albert
    schedule : CubicSchedule
        Of the threshold.
    weight : float
        λ, not negative.
    threshold : float
        τ, more than 0 and less than 1; scores begin at σ(0) = ½.
    granularity, parts, within
        See :class:`alembert_train.pruning.Pruning`.

    Raises
    ------
    ValueError
        A number is out of its range, or what :class:`alembert_train.pruning.Pruning` refuses.
    """

    # σ moves by a quarter of what S does, and has to get from ½ to below τ
    rate = 10.0

    def __init__(
        self,
        model: Albert,
        *,
        schedule: CubicSchedule,
        weight: float,
        threshold: float = 0.1,
        granularity: str = "weight",
        parts: Sequence[str] | None = None,
        within: MaskedWeights | None = None,
    ) -> None:
        if not 0 < threshold < 1:
            raise ValueError(f"threshold must be between 0 and 1, both excluded, not {threshold}")
        if not 0 <= weight < float("inf"):
            raise ValueError(f"weight must be a number from 0, not {weight}")
        super().__init__(
            model,
            schedule=schedule,
            share=threshold,
            granularity=granularity,
            parts=parts,
            within=within,
        )
        self._weight, self._now = weight, 0.0

    def settings(self) -> dict[str, object]:
        return super().settings() | {"weight": self._weight}

    def before_step(self, step: int, steps: int) -> None:
        self._now = self.schedule.share(step, steps, self.share)
        super().before_step(step, steps)

    def penalty(self) -> Tensor | None:
        """λ · τ_t / τ · mean σ(S); None while it is 0."""
        factor = self._weight * self._now / self.share
        if factor == 0:
            return None
        return factor * torch.cat([each.flatten() for each in self.parameters()]).sigmoid().mean()

    def _choose(self, share: float) -> None:
        for group in self.groups:
            scores = self.importance(group)
            if not scores.isfinite().all():
                worst = scores[~scores.isfinite()][0].item()
                raise ValueError(f"importances must be finite, not {worst}")
            self._kept[group.name] = (scores.sigmoid() > share) & self._candidates(group)
