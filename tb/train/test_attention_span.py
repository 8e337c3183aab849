"""Learned spans: the soft mask against its formula, the hard one against the numpy model."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from alembert_compiler.compaction import compact
from alembert_compiler.load_model import load_model
from alembert_train.albert import Albert
from alembert_train.attention_span import LearnedSpan
from alembert_train.export import save_model
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from train.padded import padded
from train.small import CLASSES, SMALL, sentences, small_albert

LENGTH, HEADS = SMALL.max_position_embeddings, SMALL.num_attention_heads
BATCH = padded(6)


def _with_spans(z: list[float], *, ramp: float, weight: float = 1.0) -> tuple[Albert, LearnedSpan]:
    """The small model, with as many heads as spans."""
    torch.manual_seed(4)
    model = Albert(replace(SMALL, num_attention_heads=len(z)), CLASSES).eval()
    with torch.no_grad():
        for values in model.parameters():
            values.add_(0.05 * torch.randn_like(values))
    learned = LearnedSpan(model, ramp=ramp, weight=weight)
    reach = (np.array(z) + ramp) / (LENGTH + ramp)
    learned.restore(
        {"reach": torch.tensor(reach, dtype=torch.float32), "hard": torch.tensor(False)}
    )
    return model, learned


def _soft(z: float, ramp: float, scores: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A head's context [T, d] by the paper's formula, times m(0), in float64."""
    distance = np.abs(np.arange(len(scores))[:, None] - np.arange(len(scores)))
    mask = np.minimum(np.maximum((ramp + z - distance) / ramp, 0), 1)
    weights = mask * np.exp(scores)
    total = weights.sum(axis=1, keepdims=True)
    context = np.where(total > 0, weights / np.where(total > 0, total, 1), 0) @ values
    return context * min(max((ramp + z) / ramp, 0), 1)


def _attend(model: Albert, scores: Tensor, values: Tensor) -> Tensor:
    """Contexts [N, T, d] of scores [N, T, T] in a sentence without padding."""
    assert model.sight is not None
    bias, gates = model.sight(torch.ones(1, scores.shape[-1], dtype=torch.bool))
    return (scores + bias[0]).softmax(dim=-1) @ values * gates


@given(
    z=st.lists(st.floats(-8, LENGTH), min_size=1, max_size=2),
    ramp=st.floats(0.5, 8),
    seed=st.integers(0, 99),
)
@settings(deadline=None, derandomize=True, max_examples=60)
def test_soft_masks_are_the_formula(z: list[float], ramp: float, seed: int) -> None:
    z = [max(each, -ramp) for each in z]
    model, learned = _with_spans(z, ramp=ramp)
    found = learned.soft_spans()
    assert found == pytest.approx(z, abs=1e-5)
    rng = np.random.default_rng(seed)
    scores, values = rng.normal(size=(len(z), 9, 9)), rng.normal(size=(len(z), 9, 4))
    contexts = _attend(model, torch.from_numpy(scores), torch.from_numpy(values)).detach().numpy()
    for head, span in enumerate(found):
        wanted = _soft(span, ramp, scores[head], values[head])
        # m has a step of float32 where it begins
        np.testing.assert_allclose(contexts[head], wanted, atol=5e-5)


@pytest.mark.parametrize("z", [-2.9, -1.3, 0.4, 3.7, 9.6])
def test_gradients_are_the_formulas(z: float) -> None:
    ramp, step = 3.0, 1e-6
    model, learned = _with_spans([z], ramp=ramp, weight=0.25)
    rng = np.random.default_rng(2)
    scores, values = rng.normal(size=(1, 11, 11)), rng.normal(size=(1, 11, 4))
    towards = rng.normal(size=(11, 4))
    contexts = _attend(model, torch.from_numpy(scores), torch.from_numpy(values))
    penalty = learned.penalty()
    assert penalty is not None
    assert penalty.item() == pytest.approx(0.25 * z / LENGTH, abs=1e-6)
    (contexts[0] * torch.from_numpy(towards)).sum().add(penalty).backward()
    (own,) = learned.parameters()
    assert own.grad is not None
    above, below = (
        (_soft(z + move, ramp, scores[0], values[0]) * towards).sum() for move in (step, -step)
    )
    wanted = (above - below) / (2 * step) + 0.25 / LENGTH
    assert own.grad.item() / (LENGTH + ramp) == pytest.approx(wanted, rel=1e-3, abs=1e-5)


def test_full_spans_change_nothing() -> None:
    plain, model = small_albert().eval(), small_albert().eval()
    learned = LearnedSpan(model, ramp=4, weight=1.0)
    wanted = plain(BATCH.token_ids, BATCH.mask).logits
    for hard in (False, True):
        if hard:
            learned.finish()
        found = model(BATCH.token_ids, BATCH.mask).logits
        torch.testing.assert_close(found, wanted, atol=2e-6, rtol=0)
    assert learned.spans() == (LENGTH,) * HEADS and learned.heads_off() == ()
    assert model.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.parametrize(
    ("z", "spans", "off"),
    [
        ([-3.0, -2.5, 0.0, 12.0], (1, 1, 3, 12), (0,)),
        ([-2.0, -1.5, 0.25, 8.5], (1, 2, 4, 12), ()),
        ([-3.0, 1.0, -3.0, -3.0], (1, 4, 1, 1), (0, 2, 3)),
        ([-3.0, -3.0, -3.0, -3.0], (1, 1, 1, 1), (0, 1, 2, 3)),
    ],
)
def test_hard_spans_are_the_numpy_models(
    tmp_path: Path, z: list[float], spans: tuple[int, ...], off: tuple[int, ...]
) -> None:
    model, learned = _with_spans(z, ramp=3)
    assert (learned.spans(), learned.heads_off()) == (spans, off)
    save_model(model, tmp_path / "before")
    model.sight, sight = None, model.sight
    plain = model(BATCH.token_ids, BATCH.mask).logits
    model.sight = sight
    learned.before_step(7, 10)  # hard from here on
    passes = model(BATCH.token_ids, BATCH.mask)
    assert (plain - passes.logits).abs().max() > 1e-2
    learned.finish()
    after = model(BATCH.token_ids, BATCH.mask)
    assert torch.equal(after.logits, passes.logits)
    save_model(model, tmp_path / "after")
    assert (learned.spans(), learned.heads_off()) == (spans, off)
    before, finished = load_model(tmp_path / "before"), load_model(tmp_path / "after")
    smaller = compact(finished, spans, off)
    width = SMALL.hidden_size // len(z)

    def switch_off(name: str, tensor: np.ndarray) -> np.ndarray:
        if name == "context":
            tensor = tensor.copy()
            for head in off:
                tensor[..., head * width : (head + 1) * width] = 0
        return tensor

    tokens, _ = sentences(6)
    for row, sentence in enumerate(tokens):
        hidden = [
            before.forward(sentence, spans=spans, tap=switch_off).hidden,
            finished.forward(sentence, spans=spans).hidden,
            smaller.model.forward(sentence, spans=smaller.spans).hidden,
        ]
        for index in range(SMALL.num_hidden_layers + 1):
            found = passes.hidden[index][row, : len(sentence)].detach().numpy()
            for wanted in hidden:
                np.testing.assert_allclose(found, wanted[index], atol=2e-6)
    assert smaller.removed_heads[0] == (off if len(off) < len(z) else off[1:])


def _train(model: Albert, learned: LearnedSpan, first: int, last: int, steps: int) -> None:
    optimiser = torch.optim.SGD(
        [{"params": model.parameters()}, {"params": learned.parameters(), "lr": 0.1}], lr=0.05
    )
    for step in range(first, last):
        learned.before_step(step, steps)
        optimiser.zero_grad()
        loss, penalty = model(BATCH.token_ids, BATCH.mask).logits.square().mean(), learned.penalty()
        (loss if penalty is None else loss + penalty).backward()
        for values in (*model.parameters(), *learned.parameters()):
            assert values.grad is None or values.grad.isfinite().all()
        optimiser.step()
        learned.after_step(step, steps)


def test_a_strong_penalty_turns_heads_off() -> None:
    model = small_albert(dropout=0.0)
    learned = LearnedSpan(model, ramp=2, weight=20.0)
    penalties = []
    for step in range(0, 10, 2):
        _train(model, learned, step, step + 2, 10)
        penalties.append(learned.penalty())
    assert learned.heads_off() == (0, 1) and learned.spans() == (1, 1)
    assert learned.soft_spans() == (-2.0, -2.0)
    # soft in steps 0…6, then hard
    assert [value is None for value in penalties] == [False, False, False, True, True]
    gradient = model.layer.attention.query.weight.grad
    assert gradient is not None and not gradient.any()


def test_without_a_penalty_nothing_is_drawn_in() -> None:
    model = small_albert(dropout=0.0)
    learned = LearnedSpan(model, ramp=2, weight=0.0)
    _train(model, learned, 0, 4, 4)
    assert learned.spans() == (LENGTH,) * HEADS


def test_a_resumed_training_ends_in_the_same_bits(tmp_path: Path) -> None:
    def begin() -> tuple[Albert, LearnedSpan]:
        model = small_albert(dropout=0.0)
        return model, LearnedSpan(model, ramp=3, weight=2.0, hard_from=0.5)

    whole, learned = begin()
    _train(whole, learned, 0, 12, 12)
    learned.finish()
    assert all(1 < span < LENGTH for span in learned.spans())
    for pause in (3, 9):  # soft, and hard
        model, first = begin()
        _train(model, first, 0, pause, 12)
        torch.save({"model": model.state_dict(), "own": first.state()}, tmp_path / "state")
        held = torch.load(tmp_path / "state", weights_only=True)
        resumed, second = begin()
        resumed.load_state_dict(held["model"])
        second.restore(held["own"])
        _train(resumed, second, pause, 12, 12)
        second.finish()
        assert second.soft_spans() == learned.soft_spans()
        for name, values in whole.state_dict().items():
            assert torch.equal(values, resumed.state_dict()[name]), name


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"ramp": 0.0}, "ramp must be a positive number, not 0.0"),
        ({"ramp": float("inf")}, "ramp must be a positive number, not inf"),
        ({"ramp": float("nan")}, "ramp must be a positive number, not nan"),
        ({"weight": -1.0}, "weight must be a number from 0, not -1.0"),
        ({"weight": float("nan")}, "weight must be a number from 0, not nan"),
        ({"hard_from": 1.5}, "hard_from must be between 0 and 1, not 1.5"),
    ],
)
def test_numbers_out_of_range(numbers: dict[str, float], message: str) -> None:
    given = {"ramp": 2.0, "weight": 1.0, **numbers}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        LearnedSpan(small_albert(), **given)


def test_spans_are_learned_once() -> None:
    model = small_albert()
    LearnedSpan(model, ramp=2, weight=1.0)
    with pytest.raises(ValueError, match=r"^a model has learned spans once, not twice$"):
        LearnedSpan(model, ramp=2, weight=1.0)


def test_a_state_of_another_model() -> None:
    learned = LearnedSpan(small_albert(), ramp=2, weight=1.0)
    state = {"reach": nn.Parameter(torch.ones(3)), "hard": torch.tensor(False)}
    message = "state of reach must be of torch.float32 [2], not torch.float32 [3]"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        learned.restore(state)
