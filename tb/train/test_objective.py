"""Losses by their definitions, in float64 numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from alembert_train.batches import Batch
from alembert_train.objective import (
    distillation,
    distilled,
    joint_cross_entropy,
    last_cross_entropy,
)

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


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_smoothed_labels(share: float) -> None:
    spread = np.full((BATCH, CLASSES), share / CLASSES)
    spread[np.arange(BATCH), LABELS] += 1 - share
    wanted = (DEPTH * -(spread * np.log(_softmax(LOGITS))).sum(axis=-1).mean(axis=1)).sum()
    found = joint_cross_entropy(torch.tensor(LOGITS), torch.tensor(LABELS), share)
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


def test_the_last_off_ramp_alone() -> None:
    right = _softmax(LOGITS)[-1, np.arange(BATCH), LABELS]
    found = last_cross_entropy(torch.tensor(LOGITS), torch.tensor(LABELS))
    assert found.item() == pytest.approx(-np.log(right).mean(), rel=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_batch_is_taught_by_its_own_answers(share: float) -> None:
    logits, labels = torch.tensor(LOGITS), torch.tensor(LABELS)
    answers = torch.tensor(RNG.normal(size=(9, CLASSES)))
    places = torch.tensor([7, 2, 0, 8, 2])
    batch = Batch(token_ids=places, mask=places > 0, labels=labels, places=places)
    found = distilled(answers, share=share, temperature=3.0)(logits, batch)
    taught = distillation(logits, answers[places], 3.0)
    wanted = (1 - share) * joint_cross_entropy(logits, labels) + share * taught
    assert found.item() == pytest.approx(wanted.item(), rel=1e-12)


def test_a_share_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"^share must be between 0 and 1, not 1.5$"):
        distilled(torch.tensor(TEACHER), share=1.5)
