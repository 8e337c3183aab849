"""Losses by their definitions, in float64 numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from alembert_train.objective import distillation, joint_cross_entropy

RNG = np.random.default_rng(12)
PASSES, BATCH, CLASSES = 3, 5, 4
LOGITS = RNG.normal(size=(PASSES, BATCH, CLASSES)) * 3
TEACHER = RNG.normal(size=(BATCH, CLASSES)) * 3
LABELS = RNG.integers(0, CLASSES, BATCH)
DEPTH = np.array([1, 2, 3]) / 6


def _softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_later_off_ramps_weigh_more() -> None:
    right = _softmax(LOGITS)[:, np.arange(BATCH), LABELS]
    wanted = (DEPTH * -np.log(right).mean(axis=1)).sum()
    found = joint_cross_entropy(torch.tensor(LOGITS), torch.tensor(LABELS))
    assert found.item() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_distillation(temperature: float) -> None:
    wanted, answered = _softmax(TEACHER / temperature), _softmax(LOGITS / temperature)
    divergence = (wanted * np.log(wanted / answered)).sum(axis=-1).mean(axis=1)
    logits = torch.tensor(LOGITS, requires_grad=True)
    teacher = torch.tensor(TEACHER, requires_grad=True)
    found = distillation(logits, teacher, temperature)
    assert found.item() == pytest.approx(temperature**2 * (DEPTH * divergence).sum(), rel=1e-12)
    found.backward()
    assert teacher.grad is None
    # d/dz of τ² KL(p ‖ softmax(z / τ)) is τ (softmax(z / τ) − p)
    slope = temperature * (answered - wanted) * DEPTH[:, np.newaxis, np.newaxis] / BATCH
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), slope, atol=1e-12)


def test_a_teacher_that_says_the_same_costs_nothing() -> None:
    same = torch.tensor(TEACHER).expand(PASSES, -1, -1)
    assert distillation(same, torch.tensor(TEACHER), 2.0).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_out_of_range(temperature: float) -> None:
    with pytest.raises(ValueError, match=f"^temperature must be positive, not {temperature}$"):
        distillation(torch.tensor(LOGITS), torch.tensor(TEACHER), temperature)
