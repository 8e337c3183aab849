"""Training learns, and an interruption changes no bit of what it learns."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from alembert_train.batches import batches
from alembert_train.schemes import SCHEMES
from alembert_train.trainer import Epoch, Settings, learning_rate, train
from train.small import sentences, small_albert

SETTINGS = Settings(epochs=3, batch=8, seed=5)


class _InterruptionError(Exception):
    pass


def _interrupt(epoch: Epoch) -> None:
    if epoch.number == 2:
        raise _InterruptionError


def test_an_interrupted_training_ends_in_the_same_bits(tmp_path: Path) -> None:
    given = sentences(20)
    whole = small_albert()
    epochs = train(whole, *given, SETTINGS)
    keep = tmp_path / "state"
    with pytest.raises(_InterruptionError):
        train(small_albert(), *given, SETTINGS, keep=keep, after_epoch=_interrupt)
    resumed = small_albert(seed=9)  # all of it comes from the file
    run: list[Epoch] = []
    assert train(resumed, *given, SETTINGS, keep=keep, after_epoch=run.append) == epochs
    assert [epoch.number for epoch in run] == [3]
    for name, values in whole.state_dict().items():
        assert torch.equal(values, resumed.state_dict()[name]), name
    # and a finished one runs no step more
    assert train(small_albert(), *given, SETTINGS, keep=keep, after_step=_no_step) == epochs


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
        assert [len(batch.labels) for batch in found] == [8, 8, 5]
        rows = [row[mask].numpy() for b in found for row, mask in zip(b.token_ids, b.mask)]
        orders.append([row.tolist() for row in rows])
        assert sorted(orders[-1]) == sorted(sentence.tolist() for sentence in tokens)
    assert orders[0] == orders[1] != orders[2]


def test_what_cannot_be_gone_on_from_is_refused(tmp_path: Path) -> None:
    given = sentences(8)
    keep = tmp_path / "state"
    train(small_albert(), *given, replace(SETTINGS, epochs=1), keep=keep)
    message = "state cannot be gone on from: it is of a training with other settings"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        train(small_albert(), *given, SETTINGS, keep=keep)
    content = keep.read_bytes()
    keep.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"^state cannot be gone on from: "):
        train(small_albert(), *given, replace(SETTINGS, epochs=1), keep=keep)
    assert keep.read_bytes() == content[: len(content) // 2]


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
    ],
)
def test_settings_out_of_range(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        replace(SETTINGS, **change)


def test_labels_must_be_as_many() -> None:
    tokens, labels = sentences(3)
    with pytest.raises(ValueError, match=r"a label for each of one or more sentences, not 2 for 3"):
        train(small_albert(), tokens, labels[:2], SETTINGS)
