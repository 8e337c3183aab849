"""The training loop: epochs of steps, kept after each epoch, so that it goes on where it ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .albert import Albert
from .batches import Batch, batches
from .objective import joint_cross_entropy

__all__ = ["Epoch", "Settings", "learning_rate", "train"]

Loss = Callable[[Tensor, Batch], Tensor]
"""Of the off-ramps' logits [P, B, classes] on a batch."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train.

    Parameters
    ----------
    epochs : int
        At least 1.
    batch : int
        Sentences a step, at least 1.
    rate : float
        Highest learning rate.
    warm_up : float
        Share of the steps in which the rate rises, 0…1; then it falls to 0, both linearly.
    betas : tuple of float
        Of AdamW.
    weight_decay : float
    clip : float
        Largest norm of a step's gradient.
    seed : int
        Of weights, order and dropout.

    Raises
    ------
    ValueError
        A number is out of its range.
    """

    epochs: int = 6
    batch: int = 32
    rate: float = 1e-3
    warm_up: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if not 0 <= self.warm_up <= 1:
            raise ValueError(f"warm_up must be between 0 and 1, not {self.warm_up}")


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


def learning_rate(step: int, steps: int, settings: Settings) -> float:
    """The rate of a step, from 0, of so many: up to the highest, then down towards 0."""
    rising = max(1, round(settings.warm_up * steps))
    if step < rising:
        return settings.rate * (step + 1) / rising
    return settings.rate * (steps - step) / max(1, steps - rising)


def train(
    model: Albert,
    sentences: Sequence[NDArray[np.int64]],
    labels: NDArray[np.int64],
    settings: Settings,
    *,
    keep: Path | None = None,
    loss: Loss | None = None,
    after_step: Callable[[int, int], None] | None = None,
    after_epoch: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train a model in place, on one thread's numbers: the same ones whatever interrupts it.

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
        :func:`alembert_train.objective.joint_cross_entropy` otherwise.
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
    measured = loss or (lambda logits, batch: joint_cross_entropy(logits, batch.labels))
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=settings.rate,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
    )
    torch.manual_seed(settings.seed)
    per_epoch = -(-len(sentences) // settings.batch)
    steps = settings.epochs * per_epoch
    done = _resume(keep, model, optimiser, settings) if keep is not None else []
    model.train()
    for number in range(len(done) + 1, settings.epochs + 1):
        total = 0.0
        order = batches(sentences, labels, settings.batch, seed=settings.seed, epoch=number)
        for place, batch in enumerate(order):
            step = (number - 1) * per_epoch + place
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, steps, settings)
            value = measured(model(batch.token_ids, batch.mask).logits, batch)
            if not torch.isfinite(value):
                raise FloatingPointError(f"the loss of step {step + 1} is {value.item()}")
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
            optimiser.step()
            total += value.item()
            if after_step is not None:
                after_step(step + 1, steps)
        done.append(Epoch(number=number, loss=total / per_epoch))
        if keep is not None:
            _keep(keep, model, optimiser, settings, done)
        if after_epoch is not None:
            after_epoch(done[-1])
    model.eval()
    return done


def _keep(
    path: Path, model: Albert, optimiser: torch.optim.Optimizer, settings: Settings,
    done: list[Epoch],
) -> None:  # fmt: skip
    """All of a training's state in a file that is whole or not there."""
    unfinished = path.with_name(f"{path.name}.part")
    state = {
        "settings": asdict(settings),
        "scheme": model.scheme.name,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "random": torch.get_rng_state(),
        "epochs": [asdict(epoch) for epoch in done],
    }
    torch.save(state, unfinished)
    os.replace(unfinished, path)


def _resume(
    path: Path, model: Albert, optimiser: torch.optim.Optimizer, settings: Settings
) -> list[Epoch]:
    """The epochs that a file holds, and the state behind them; none if there is no file."""
    if not path.exists():
        return []
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
        kept = Settings(**{**state["settings"], "betas": tuple(state["settings"]["betas"])})
        if kept != settings or state["scheme"] != model.scheme.name:
            raise ValueError("it is of a training with other settings")
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        return [Epoch(**epoch) for epoch in state["epochs"]]
    except Exception as error:  # torch names many for a damaged file
        raise ValueError(f"{path.name} cannot be gone on from: {error}") from error
