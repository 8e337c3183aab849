"""What training minimises: off-ramps together, later ones weighing more, and a teacher's answers.

Sources: joint early exits weighted by depth (Kaya et al., arXiv 1810.07052; Xin et al., DeeBERT,
arXiv 2004.12993); distillation (Hinton et al., arXiv 1503.02531).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["distillation", "joint_cross_entropy"]


def joint_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Σ l · CE(logits of pass l, labels) / Σ l over the passes l = 1…P.

    Parameters
    ----------
    logits : Tensor [P, B, classes]
    labels : Tensor of int [B]
    """
    passes = len(logits)
    weights = torch.arange(1, passes + 1, dtype=logits.dtype)
    losses = functional.cross_entropy(
        logits.flatten(0, 1), labels.repeat(passes), reduction="none"
    ).view(passes, -1)
    return (weights * losses.mean(dim=1)).sum() / weights.sum()


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
