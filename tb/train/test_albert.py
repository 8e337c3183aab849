"""The model that is trained is the one that numpy, and so the machine, runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from alembert_compiler.load_model import load_model
from alembert_train.albert import Albert
from alembert_train.batches import pad
from alembert_train.export import save_model
from train.small import CLASSES, SMALL, sentences, small_albert


def test_torch_and_numpy_agree(tmp_path: Path) -> None:
    model = small_albert().eval()
    save_model(model, tmp_path)
    exported = load_model(tmp_path)
    assert exported.parts == ("encoder", "off-ramps")
    tokens, labels = sentences(6)
    with torch.no_grad():
        batch = pad(tokens, labels)
        passes = model(batch.token_ids, batch.mask)
    for row, sentence in enumerate(tokens):
        hidden = exported.forward(sentence).hidden
        for index, off_ramp in enumerate(exported.off_ramps):
            found = passes.hidden[index + 1][row, : len(sentence)].numpy()
            np.testing.assert_allclose(found, hidden[index + 1], atol=2e-6)
            logits = off_ramp(hidden[index + 1][0])
            np.testing.assert_allclose(passes.logits[index, row].numpy(), logits, atol=2e-6)


def test_padding_changes_nothing() -> None:
    model = small_albert().eval()
    tokens, labels = sentences(5)
    with torch.no_grad():
        together = pad(tokens, labels)
        logits = model(together.token_ids, together.mask).logits
        for row in range(len(tokens)):
            alone = pad(tokens[row : row + 1], labels[row : row + 1])
            own = model(alone.token_ids, alone.mask).logits[:, 0]
            torch.testing.assert_close(logits[:, row], own, atol=2e-6, rtol=0)


def test_every_parameter_learns() -> None:
    model = small_albert(dropout=0.0)
    tokens, labels = sentences(8)
    batch = pad(tokens, labels)
    model(batch.token_ids, batch.mask).logits.square().sum().backward()
    for name, values in model.named_parameters():
        assert values.grad is not None and values.grad.abs().sum() > 0, name


@pytest.mark.parametrize("change", [{"hidden_act": "gelu_new"}, {"model_type": "bert"}])
def test_another_kind_of_model_is_refused(change: dict[str, str]) -> None:
    config = replace(SMALL, embedding_size=16, **change)
    kind = f"{config.model_type!r} with {config.hidden_act!r}"
    with pytest.raises(ValueError, match=f"^training takes an albert with gelu, not {kind}$"):
        Albert(config, CLASSES)
