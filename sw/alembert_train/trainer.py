"""The training loop: epochs of steps, kept after each epoch, so that it goes on where it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .albert import Albert
from .batches import Batch, batches, hide_words
from .objective import Loss, joint_cross_entropy, of_labels
from .settings import Settings, learning_rate
from .technique import Technique
from .training_state import TrainingState

__all__ = ["Epoch", "train"]


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What an epoch came to.

    Parameters
    ----------
    number : int
        From 1.
    loss : float
        Mean of its steps.
    """

    number: int
    loss: float


def train(
    model: Albert,
    sentences: Sequence[NDArray[np.int64]],
    labels: NDArray[np.int64],
    settings: Settings,
    *,
    keep: Path | None = None,
    loss: Loss | None = None,
    techniques: Sequence[Technique] = (),
    after_step: Callable[[int, int], None] | None = None,
    after_epoch: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train a model in place, on one thread's numbers: the same ones whatever interrupts it.

    Parameters that need no gradient stay as they are.

    Parameters
    ----------
    model : Albert
    sentences : sequence of array of int
        Token ids.
    labels : array of int
        As many.
    settings : Settings
    keep : Path, optional
        A file with all that is needed to go on, written after every epoch; if it is there already
        the epochs in it are not run again.
    loss : callable, optional
        :func:`alembert_train.objective.joint_cross_entropy` otherwise, with the settings'
        smoothing.
    techniques : sequence of Technique, optional
        Of this model.
    after_step : callable, optional
        Told the steps done and the steps in all.
    after_epoch : callable, optional
        Told of each epoch that was run.

    Returns
    -------
    list of Epoch
        All, those found in ``keep`` among them.

    Raises
    ------
    ValueError
        There are no sentences or another number of labels, or ``keep`` is of other settings or
        another model.
    FloatingPointError
        The loss is no finite number; nothing of that epoch is kept.
    """
    if not len(sentences) or len(sentences) != len(labels):
        raise ValueError(
            f"there must be a label for each of one or more sentences, not {len(labels)} "
            f"for {len(sentences)}"
        )
    learned = [own for own in model.parameters() if own.requires_grad]
    optimiser = _optimiser(learned, techniques, settings)
    state = TrainingState(model, optimiser, techniques, settings)
    torch.manual_seed(settings.seed)
    done = [Epoch(**epoch) for epoch in state.load(keep)] if keep is not None else []
    measured = loss or of_labels(partial(joint_cross_entropy, smoothing=settings.smoothing))
    per_epoch = -(-len(sentences) // settings.batch)
    steps = settings.epochs * per_epoch
    model.train()
    for number in range(len(done) + 1, settings.epochs + 1):
        total = 0.0
        order = batches(sentences, labels, settings.batch, seed=settings.seed, epoch=number)
        for place, batch in enumerate(order):
            step = (number - 1) * per_epoch + place
            for technique in techniques:
                technique.before_step(step, steps)
            value = _loss_of(model, batch, step / steps, settings, measured, techniques)
            if not torch.isfinite(value):
                raise FloatingPointError(f"the loss of step {step + 1} is {value.item()}")
            rate = learning_rate(step, steps, settings)
            for group in optimiser.param_groups:
                group["lr"] = rate * group["factor"]
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(learned, settings.clip)
            optimiser.step()
            for technique in techniques:
                technique.after_step(step, steps)
            total += value.item()
            if after_step is not None:
                after_step(step + 1, steps)
        done.append(Epoch(number=number, loss=total / per_epoch))
        if keep is not None:
            state.save(keep, [vars(epoch) for epoch in done])
        if after_epoch is not None:
            after_epoch(done[-1])
    model.eval()
    for technique in techniques:
        technique.finish()
    return done


def _loss_of(
    model: Albert,
    batch: Batch,
    done: float,
    settings: Settings,
    loss: Loss,
    techniques: Sequence[Technique],
) -> Tensor:
    """Of a step, with a share done of all: its depth and the words it sees are drawn first."""
    passes = None
    if settings.shallow and torch.rand(()) >= 2 * settings.deep * done:
        passes = min(settings.shallow, model.config.num_hidden_layers)
    if settings.hidden:
        batch = hide_words(batch, settings.hidden)
    value = loss(model(batch.token_ids, batch.mask, passes).logits, batch)
    for technique in techniques:
        if (penalty := technique.penalty()) is not None:
            value = value + penalty
    return value


def _optimiser(
    learned: list[nn.Parameter], techniques: Sequence[Technique], settings: Settings
) -> torch.optim.Optimizer:
    """AdamW; ``factor`` of a group is its learning rate's, in the model's."""
    groups: list[dict[str, object]] = [{"params": learned, "factor": 1.0}]
    for technique in techniques:
        if own := list(technique.parameters()):
            groups.append({"params": own, "factor": technique.rate, "weight_decay": 0.0})
    return torch.optim.AdamW(
        groups, lr=settings.rate, betas=settings.betas, weight_decay=settings.weight_decay
    )
