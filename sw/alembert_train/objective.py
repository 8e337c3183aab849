"""What training minimises: off-ramps together, later ones weighing more, and a teacher's answers.

Sources: joint early exits weighted by depth (Kaya et al., arXiv 1810.07052); the last one first and
the others after it (Xin et al., DeeBERT, arXiv 2004.12993); distillation (Hinton et al., arXiv
1503.02531).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from .batches import Batch

__all__ = [
    "Loss",
    "distillation",
    "distilled",
    "joint_cross_entropy",
    "last_cross_entropy",
    "of_labels",
]

Loss = Callable[[Tensor, Batch], Tensor]
"""Of the off-ramps' logits [P, B, classes] on a batch."""


def joint_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Σ l · CE(logits of pass l, labels) / Σ l over the passes l = 1…P.

    Parameters
    ----------
    logits : Tensor [P, B, classes]
    labels : Tensor of int [B]
    smoothing : float
        Share ε of every label that is spread: (1 − ε) of its class, ε / classes of each.
    """
    passes = len(logits)
    weights = torch.arange(1, passes + 1, dtype=logits.dtype)
    losses = functional.cross_entropy(
        logits.flatten(0, 1), labels.repeat(passes), reduction="none", label_smoothing=smoothing
    ).view(passes, -1)
    return (weights * losses.mean(dim=1)).sum() / weights.sum()


def last_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """CE(logits of the last pass, labels); parameters as :func:`joint_cross_entropy`."""
    return functional.cross_entropy(logits[-1], labels)


def distillation(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """τ² · Σ l · KL(softmax(teacher / τ) ‖ softmax(logits of pass l / τ)) / Σ l.

    Parameters
    ----------
    logits : Tensor [P, B, classes]
    teacher : Tensor [B, classes]
        Logits of the teacher's last pass; no gradient goes there.
    temperature : float
        τ, positive.

    Raises
    ------
    ValueError
        τ is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, not {temperature}")
    passes = len(logits)
    weights = torch.arange(1, passes + 1, dtype=logits.dtype)
    wanted = functional.softmax(teacher.detach() / temperature, dim=-1)
    answered = functional.log_softmax(logits / temperature, dim=-1)
    divergence = functional.kl_div(answered, wanted.expand_as(answered), reduction="none")
    of_passes = divergence.sum(dim=-1).mean(dim=1)
    return temperature**2 * (weights * of_passes).sum() / weights.sum()


def of_labels(measure: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    """A loss of logits and labels as one of logits and batch."""
    return lambda logits, batch: measure(logits, batch.labels)


def distilled(teacher: Tensor, *, share: float, temperature: float = 2.0) -> Loss:
    """(1 − share) · :func:`joint_cross_entropy` + share · :func:`distillation`.

    Parameters
    ----------
    teacher : Tensor [n, classes]
        The teacher's logits on all sentences.
    share : float
        0…1.
    temperature : float
        τ.

    Raises
    ------
    ValueError
        The share is out of its range.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be between 0 and 1, not {share}")

    def loss(logits: Tensor, batch: Batch) -> Tensor:
        learned = joint_cross_entropy(logits, batch.labels)
        taught = distillation(logits, teacher[batch.places], temperature)
        return (1 - share) * learned + share * taught

    return loss
