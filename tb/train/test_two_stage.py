"""Off-ramps that are learned later change nothing but themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from alembert_train.albert import Albert
from alembert_train.settings import Settings
from alembert_train.two_stage import train_two_stages
from train.small import CLASSES, SMALL, sentences, small_albert

SETTINGS = Settings(epochs=12, batch=16, rate=1e-2)


def test_stages(tmp_path: Path) -> None:
    given = sentences(48)
    model = small_albert(dropout=0.0)
    early = {name: values.clone() for name, values in model.off_ramps[:-1].state_dict().items()}
    keep = tmp_path / "state"
    first, second = train_two_stages(model, *given, SETTINGS, SETTINGS, keep=keep)
    assert (len(first), len(second)) == (12, 12)
    assert first[-1].loss < 0.5 * first[0].loss
    assert second[-1].loss < second[0].loss
    # the second stage has moved the earlier off-ramps and nothing else, the first all else
    state = torch.load(tmp_path / "state.1", weights_only=True)["model"]
    for name, values in model.state_dict().items():
        is_early = name.startswith("off_ramps.") and not name.startswith("off_ramps.2.")
        assert torch.equal(values, state[name]) != is_early, name
    for name, values in early.items():
        assert torch.equal(values, state[f"off_ramps.{name}"]), name
    assert all(own.requires_grad for own in model.parameters())
    # both are gone on from
    again = small_albert(seed=3, dropout=0.0)
    assert train_two_stages(again, *given, SETTINGS, SETTINGS, keep=keep) == (first, second)
    for name, values in model.state_dict().items():
        assert torch.equal(values, again.state_dict()[name]), name


def test_what_has_no_stages() -> None:
    shallow = replace(SETTINGS, shallow=1)
    given = sentences(8)
    for settings in ((shallow, SETTINGS), (SETTINGS, shallow)):
        with pytest.raises(ValueError, match=r"^stages must run every pass in every step: "):
            train_two_stages(small_albert(), *given, *settings)
    single = Albert(replace(SMALL, num_hidden_layers=1), CLASSES)
    with pytest.raises(ValueError, match=r"^a model of a single pass has no earlier off-ramps$"):
        train_two_stages(single, *given, SETTINGS, SETTINGS)
