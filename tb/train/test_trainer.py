"""Training learns, and an interruption changes no bit of what it learns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from alembert_train.albert import Albert
from alembert_train.batches import batches, hide_words
from alembert_train.schemes import SCHEMES
from alembert_train.settings import Settings, learning_rate
from alembert_train.technique import Technique, copy_state
from alembert_train.trainer import Epoch, train
from torch import Tensor, nn
from train.padded import padded
from train.small import SMALL, sentences, small_albert

SETTINGS = Settings(epochs=3, batch=8, shallow=1, deep=0.5, hidden=0.2, seed=5)


class _InterruptionError(Exception):
    pass


def _interrupt(epoch: Epoch) -> None:
    if epoch.number == 2:
        raise _InterruptionError


class _Scaled(Technique):
    """The first bias is held near a number, which is learned, and counts its steps."""

    rate = 10.0

    def __init__(self, model: Albert) -> None:
        self._bias = model.mapping.bias
        self.wanted = nn.Parameter(torch.tensor(0.5))
        self.steps = torch.zeros(2)
        self.ended = 0

    def parameters(self) -> list[nn.Parameter]:
        return [self.wanted]

    def before_step(self, step: int, steps: int) -> None:
        self.steps[0] += step

    def penalty(self) -> Tensor:
        return (self._bias[0] - self.wanted).square()

    def after_step(self, step: int, steps: int) -> None:
        self.steps[1] += step

    def finish(self) -> None:
        self.ended += 1

    def state(self) -> dict[str, object]:
        return {"wanted": self.wanted.data, "steps": self.steps}

    def restore(self, state: Mapping[str, object]) -> None:
        copy_state({"wanted": self.wanted.data, "steps": self.steps}, state)


def test_an_interrupted_training_ends_in_the_same_bits(tmp_path: Path) -> None:
    given = sentences(20)
    whole = small_albert()
    technique = _Scaled(whole)
    epochs = train(whole, *given, SETTINGS, techniques=[technique])
    keep = tmp_path / "state"
    first = small_albert()
    with pytest.raises(_InterruptionError):
        train(
            first,
            *given,
            SETTINGS,
            keep=keep,
            techniques=[_Scaled(first)],
            after_epoch=_interrupt,
        )
    resumed = small_albert(seed=9)  # all of it comes from the file
    again = _Scaled(resumed)
    run: list[Epoch] = []
    found = train(resumed, *given, SETTINGS, keep=keep, techniques=[again], after_epoch=run.append)
    assert found == epochs
    assert [epoch.number for epoch in run] == [3]
    for name, values in whole.state_dict().items():
        assert torch.equal(values, resumed.state_dict()[name]), name
    assert torch.equal(technique.wanted, again.wanted)
    assert technique.wanted.item() != 0.5
    # nine steps of 20 sentences in batches of 8, each told of before and after
    assert technique.steps.tolist() == again.steps.tolist() == [36, 36]
    assert technique.ended == again.ended == 1
    # and a finished one runs no step more
    last = small_albert()
    found = train(
        last, *given, SETTINGS, keep=keep, techniques=[_Scaled(last)], after_step=_no_step
    )
    assert found == epochs


def _no_step(step: int, steps: int) -> None:
    raise AssertionError("a step was run")


def test_it_learns() -> None:
    tokens, labels = sentences(64)
    torch.manual_seed(3)
    model = small_albert(dropout=0.0)
    epochs = train(model, tokens, labels, Settings(epochs=25, batch=16, rate=1e-2))
    assert epochs[-1].loss < 0.3 * epochs[0].loss


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_lowers_its_loss(name: str) -> None:
    tokens, labels = sentences(48)
    model = small_albert(dropout=0.0)
    model.scheme = SCHEMES[name]
    epochs = train(model, tokens, labels, Settings(epochs=8, batch=16, rate=5e-3))
    assert epochs[-1].loss < 0.8 * epochs[0].loss


def test_the_rate_rises_and_falls() -> None:
    rates = [learning_rate(step, 100, Settings(rate=1.0)) for step in range(100)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert rates[10:] == pytest.approx(1 - np.arange(90) / 90)


def test_an_epoch_is_all_sentences_once() -> None:
    tokens, labels = sentences(21)
    orders = []
    for epoch in (1, 1, 2):
        found = list(batches(tokens, labels, 8, seed=2, epoch=epoch))
        assert sorted(len(batch.labels) for batch in found) == [5, 8, 8]
        places = torch.cat([batch.places for batch in found]).numpy()
        assert sorted(places) == list(range(21))
        assert (labels[places] == torch.cat([batch.labels for batch in found]).numpy()).all()
        rows = [row[mask].numpy() for b in found for row, mask in zip(b.token_ids, b.mask)]
        orders.append([row.tolist() for row in rows])
        assert sorted(orders[-1]) == sorted(sentence.tolist() for sentence in tokens)
    assert orders[0] == orders[1] != orders[2]


def test_sentences_of_a_batch_are_about_as_long() -> None:
    tokens, labels = sentences(128)
    spread = [
        np.ptp([len(tokens[place]) for place in batch.places])
        for batch in batches(tokens, labels, 8, seed=2, epoch=1)
    ]
    assert max(spread) <= 2  # of 3 to 12 tokens, in one pool


def test_words_are_hidden_and_special_pieces_are_not() -> None:
    torch.manual_seed(4)
    batch = padded(1000)
    found = hide_words(batch, 0.3)
    changed = found.token_ids != batch.token_ids
    assert (found.token_ids[changed] == 4).all()
    assert (batch.token_ids[changed] >= 5).all()
    words = batch.mask & (batch.token_ids >= 5)
    assert changed.sum().item() == pytest.approx(0.3 * words.sum().item(), rel=0.1)
    assert torch.equal(hide_words(batch, 0.0).token_ids, batch.token_ids)
    assert torch.equal(hide_words(batch, 1.0).token_ids == 4, words | (batch.token_ids == 4))


def _depths(settings: Settings, count: int = 40) -> list[int]:
    """Passes of every step."""
    seen = []

    def loss(logits: Tensor, batch: object) -> Tensor:
        seen.append(len(logits))
        return logits.square().sum()

    train(small_albert(), *sentences(count), settings, loss=loss)
    return seen


def test_steps_are_shallow_at_first() -> None:
    settings = Settings(epochs=2, batch=1, shallow=2, deep=0.5)
    depths = np.array(_depths(settings))
    assert depths[0] == 2
    assert set(depths) == {2, 3}
    assert (depths == 3).mean() == pytest.approx(0.5, abs=0.15)
    assert (depths[40:] == 3).sum() > 2 * (depths[:40] == 3).sum()
    assert set(_depths(replace(settings, deep=0.0))) == {2}
    # more than there are is all of them, and so is 0
    for shallow in (0, 9):
        every = replace(settings, shallow=shallow, deep=0.0)
        assert set(_depths(every, 4)) == {SMALL.num_hidden_layers}


def test_what_needs_no_gradient_stays() -> None:
    model = small_albert()
    model.mapping.requires_grad_(False)
    before = {name: values.clone() for name, values in model.state_dict().items()}
    train(model, *sentences(8), SETTINGS)
    for name, values in model.state_dict().items():
        assert torch.equal(values, before[name]) == name.startswith("mapping"), name


def test_what_cannot_be_gone_on_from_is_refused(tmp_path: Path) -> None:
    given = sentences(8)
    keep = tmp_path / "state"
    train(small_albert(), *given, replace(SETTINGS, epochs=1), keep=keep)
    message = "state cannot be gone on from: it is of a training with other settings"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        train(small_albert(), *given, SETTINGS, keep=keep)
    model = small_albert()
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        train(model, *given, replace(SETTINGS, epochs=1), keep=keep, techniques=[_Scaled(model)])
    content = keep.read_bytes()
    keep.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"^state cannot be gone on from: "):
        train(small_albert(), *given, replace(SETTINGS, epochs=1), keep=keep)
    assert keep.read_bytes() == content[: len(content) // 2]


class _Wider(_Scaled):
    """The same, made with another number."""

    def settings(self) -> dict[str, object]:
        return {"wide": True}


def test_other_settings_of_a_technique_are_other_settings(tmp_path: Path) -> None:
    keep, given = tmp_path / "state", sentences(8)
    settings = replace(SETTINGS, epochs=1)
    for made, is_refused in ((_Scaled, False), (_Scaled, False), (_Wider, True)):
        model = small_albert()
        with pytest.raises(ValueError, match="other settings") if is_refused else nullcontext():
            train(model, *given, settings, keep=keep, techniques=[made(model)])


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    model = small_albert()
    with torch.no_grad():
        model.mapping.weight[0, 0] = torch.nan
    keep = tmp_path / "state"
    with pytest.raises(FloatingPointError, match=r"^the loss of step 1 is nan$"):
        train(model, *sentences(8), SETTINGS, keep=keep)
    assert not keep.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"batch": 0}, "batch must be at least 1, not 0"),
        ({"rate": 0.0}, "rate must be positive, not 0.0"),
        ({"clip": -1.0}, "clip must be positive, not -1.0"),
        ({"warm_up": 1.5}, "warm_up must be between 0 and 1, not 1.5"),
        ({"hidden": -0.1}, "hidden must be between 0 and 1, not -0.1"),
        ({"deep": 0.6}, "deep must be between 0 and 0.5, not 0.6"),
        ({"smoothing": 1.1}, "smoothing must be between 0 and 1, not 1.1"),
        ({"shallow": -1}, "shallow must be at least 0, not -1"),
    ],
)
def test_settings_out_of_range(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        replace(SETTINGS, **change)


def test_labels_must_be_as_many() -> None:
    tokens, labels = sentences(3)
    with pytest.raises(ValueError, match=r"a label for each of one or more sentences, not 2 for 3"):
        train(small_albert(), tokens, labels[:2], SETTINGS)
