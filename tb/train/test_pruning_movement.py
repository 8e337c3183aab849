"""Movement pruning against gradients and scores computed by hand, in numpy's float64."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from alembert_train.albert import Albert
from alembert_train.pruning import MovementPruning
from alembert_train.pruning_schedule import CubicSchedule
from alembert_train.soft_movement import SoftMovementPruning
from train.padded import padded
from train.small import small_albert

STEPS, RATE = 12, 0.1
SCHEDULE = CubicSchedule(warm_up=0.1, cool_down=0.3)


def _regression() -> tuple[Albert, torch.Tensor, torch.Tensor]:
    """A model of which one linear layer is used, its inputs and what they shall become."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(20, 16, generator=generator)
    wanted = torch.randn(20, 32, generator=generator)
    return small_albert(), x, wanted


def _least(scores: np.ndarray, count: int) -> np.ndarray:
    kept = np.ones(scores.size, bool)
    kept[np.argsort(scores.ravel(), kind="stable")[:count]] = False
    return kept.reshape(scores.shape)


def test_scores_and_masks_by_hand() -> None:
    model, x, wanted = _regression()
    pruning = MovementPruning(model, schedule=SCHEDULE, share=0.6, parts=["ffn"])
    part = model.layer.ffn
    optimiser = torch.optim.SGD([part.weight, *pruning.parameters()], lr=RATE)
    inputs, targets = x.double().numpy(), wanted.double().numpy()
    weights, scores = part.weight.detach().double().numpy().copy(), np.zeros((32, 16))
    for step in range(STEPS):
        pruning.before_step(step, STEPS)
        optimiser.zero_grad()
        error = x @ model.changed(part, "weight").T - wanted
        (error.square().sum() / len(x) / 2).backward()
        optimiser.step()
        # by hand: L = Σ (W' x − t)² / 2n
        mask = _least(scores, round(SCHEDULE.share(step, STEPS, 0.6) * 512))
        np.testing.assert_array_equal(pruning.kept("ffn").numpy(), mask)
        gradient = (inputs @ (weights * mask).T - targets).T @ inputs / len(inputs)
        scores = scores - RATE * gradient * weights
        weights = weights - RATE * gradient * mask
        np.testing.assert_allclose(pruning.scores("ffn").numpy(), scores, atol=2e-6)
        np.testing.assert_allclose(part.weight.detach().numpy(), weights, atol=2e-6)
    pruning.finish()
    assert int((part.weight == 0).sum()) == round(0.6 * 512)


def test_masked_weights_may_come_back() -> None:
    model, x, wanted = _regression()
    pruning = MovementPruning(model, schedule=SCHEDULE, share=0.6, parts=["ffn"])
    optimiser = torch.optim.SGD([model.layer.ffn.weight, *pruning.parameters()], lr=RATE)
    gone, back = torch.zeros(32, 16, dtype=torch.bool), 0
    for step in range(STEPS):
        pruning.before_step(step, STEPS)
        kept = pruning.kept("ffn")
        back += int((gone & kept).sum())
        gone = ~kept
        optimiser.zero_grad()
        error = x @ model.changed(model.layer.ffn, "weight").T - wanted
        (error.square().sum() / len(x) / 2).backward()
        optimiser.step()
    assert back > 10


@pytest.mark.parametrize("granularity", ["weight", "neuron"])
def test_scores_of_the_whole_model(granularity: str) -> None:
    """dL/dW' of a model that knows no technique, with zeros in it."""
    model, batch = small_albert(dropout=0.0), padded(8)
    pruning = MovementPruning(model, schedule=SCHEDULE, share=0.5, granularity=granularity)
    scores = {group.name: np.zeros(tuple(group.shape)) for group in pruning.groups}
    own = list(pruning.parameters())
    optimiser = torch.optim.SGD([*model.parameters(), *own], lr=RATE)
    for step in range(8):
        pruning.before_step(step, 8)
        bare = small_albert(dropout=0.0)
        bare.load_state_dict(model.state_dict())
        layer, held = bare.layer, model.layer
        with torch.no_grad():
            if granularity == "neuron":
                kept = pruning.kept("neurons")
                layer.ffn.weight[~kept] = 0
                layer.ffn.bias[~kept] = 0
                layer.ffn_output.weight[:, ~kept] = 0
            else:
                for name in scores:
                    owner = layer if hasattr(layer, name) else layer.attention
                    getattr(owner, name).weight[~pruning.kept(name)] = 0
        bare(batch.token_ids, batch.mask).logits.square().mean().backward()

        def moved(values: torch.Tensor, gradient: torch.Tensor | None) -> np.ndarray:
            assert gradient is not None
            return -RATE * gradient.double().numpy() * values.detach().double().numpy()

        if granularity == "neuron":
            rows = moved(held.ffn.weight, layer.ffn.weight.grad).sum(axis=1)
            columns = moved(held.ffn_output.weight, layer.ffn_output.weight.grad).sum(axis=0)
            added = rows + moved(held.ffn.bias, layer.ffn.bias.grad) + columns
            assert not added[~pruning.kept("neurons").numpy()].any()
            scores["neurons"] += added
        else:
            for name in scores:
                mine = getattr(held if hasattr(held, name) else held.attention, name)
                its = getattr(layer if hasattr(layer, name) else layer.attention, name)
                scores[name] += moved(mine.weight, its.weight.grad)
        optimiser.zero_grad()
        model(batch.token_ids, batch.mask).logits.square().mean().backward()
        optimiser.step()
        for name, wanted in scores.items():
            np.testing.assert_allclose(pruning.scores(name).numpy(), wanted, atol=2e-6)
    for name, wanted in scores.items():
        assert np.abs(wanted).max() > 1e-3, name


def test_soft_masks_and_the_penalty_by_hand() -> None:
    model, x, wanted = _regression()
    rate, weight = 3.0, 40.0
    pruning = SoftMovementPruning(
        model, schedule=SCHEDULE, weight=weight, threshold=0.3, parts=["ffn"]
    )
    assert pruning.rate == 10.0
    part = model.layer.ffn
    optimiser = torch.optim.SGD(pruning.parameters(), lr=rate)
    inputs, targets = x.double().numpy(), wanted.double().numpy()
    weights, scores = part.weight.detach().double().numpy(), np.zeros((32, 16))
    gone = []
    for step in range(STEPS):
        pruning.before_step(step, STEPS)
        optimiser.zero_grad()
        error = x @ model.changed(part, "weight").T - wanted
        loss, penalty = error.square().sum() / len(x) / 2, pruning.penalty()
        sigmoid = 1 / (1 + np.exp(-scores))
        now = SCHEDULE.share(step, STEPS, 0.3)
        if now == 0:
            assert penalty is None
        else:
            assert penalty is not None
            assert penalty.item() == pytest.approx(weight * now / 0.3 * sigmoid.mean(), rel=1e-5)
            loss = loss + penalty
        loss.backward()
        optimiser.step()
        mask = sigmoid > now
        np.testing.assert_array_equal(pruning.kept("ffn").numpy(), mask)
        gradient = (inputs @ (weights * mask).T - targets).T @ inputs / len(inputs)
        drawn = weight * now / 0.3 * sigmoid * (1 - sigmoid) / scores.size
        scores = scores - rate * (gradient * weights + drawn)
        np.testing.assert_allclose(pruning.scores("ffn").numpy(), scores, atol=2e-5)
        gone.append(int((~mask).sum()))
    assert gone[0] == 0 and 50 < gone[-1] < 500


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.0}, "threshold must be between 0 and 1, both excluded, not 0.0"),
        ({"threshold": 1.0}, "threshold must be between 0 and 1, both excluded, not 1.0"),
        ({"weight": -1.0}, "weight must be a number from 0, not -1.0"),
        ({"weight": float("inf")}, "weight must be a number from 0, not inf"),
    ],
)
def test_what_soft_masks_refuse(options: dict[str, Any], message: str) -> None:
    given = {"schedule": SCHEDULE, "weight": 1.0, **options}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        SoftMovementPruning(small_albert(), **given)


@pytest.mark.parametrize("kind", [MovementPruning, SoftMovementPruning])
def test_scores_that_are_no_numbers(kind: type[MovementPruning]) -> None:
    model = small_albert()
    options: dict[str, Any] = {"share": 0.5} if kind is MovementPruning else {"weight": 1.0}
    pruning = kind(model, schedule=SCHEDULE, **options)
    with torch.no_grad():
        next(iter(pruning.parameters()))[0, 0] = -torch.inf
    with pytest.raises(ValueError, match=r"^importances must be finite, not -inf$"):
        pruning.before_step(0, 1)


def test_words_do_not_move() -> None:
    message = "^movement pruning is of the layer's matrices, not of word_embeddings$"
    with pytest.raises(ValueError, match=message):
        MovementPruning(small_albert(), schedule=SCHEDULE, share=0.5, parts=["word_embeddings"])
