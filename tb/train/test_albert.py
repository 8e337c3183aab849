"""The model that is trained is the one that numpy, and so the machine, runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from alembert_compiler.load_model import load_model
from alembert_train.albert import Albert
from alembert_train.export import save_model
from alembert_train.schemes import SCHEMES
from train.padded import padded
from train.small import CLASSES, SMALL, sentences, small_albert


def test_torch_and_numpy_agree(tmp_path: Path) -> None:
    model = small_albert().eval()
    save_model(model, tmp_path)
    exported = load_model(tmp_path)
    assert exported.parts == ("encoder", "off-ramps")
    tokens, _ = sentences(6)
    with torch.no_grad():
        batch = padded(6)
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
    with torch.no_grad():
        together = padded(5)
        logits = model(together.token_ids, together.mask).logits
        for row in range(5):
            alone = padded(5, only=np.array([row]))
            own = model(alone.token_ids, alone.mask).logits[:, 0]
            torch.testing.assert_close(logits[:, row], own, atol=2e-6, rtol=0)


def test_every_parameter_learns() -> None:
    model = small_albert(dropout=0.0)
    batch = padded(8)
    model(batch.token_ids, batch.mask).logits.square().sum().backward()
    for name, values in model.named_parameters():
        assert values.grad is not None and values.grad.abs().sum() > 0, name


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_first_passes_are_those_of_all(passes: int) -> None:
    model = small_albert().eval()
    batch = padded(4)
    whole = model(batch.token_ids, batch.mask)
    part = model(batch.token_ids, batch.mask, passes=passes)
    assert torch.equal(part.logits, whole.logits[:passes])
    assert len(part.hidden) == passes + 1
    assert all(torch.equal(a, b) for a, b in zip(part.hidden, whole.hidden))


@pytest.mark.parametrize("passes", [0, 4])
def test_passes_that_are_not_there(passes: int) -> None:
    batch = padded(2)
    with pytest.raises(ValueError, match=f"^passes must be between 1 and 3, not {passes}$"):
        small_albert()(batch.token_ids, batch.mask, passes)


def test_a_model_without_some_heads_is_not_trained() -> None:
    config = replace(SMALL, num_attention_heads=1, attention_head_size=8)
    message = "training takes heads of 16 values together, not 8"
    with pytest.raises(ValueError, match=f"^{message}$"):
        Albert(config, CLASSES)


def test_a_model_begins_with_xavier() -> None:
    torch.manual_seed(2)
    model = Albert(replace(SMALL, hidden_size=64, intermediate_size=128), CLASSES)
    for part in model.modules():
        if isinstance(part, torch.nn.Linear):
            bound = np.sqrt(6 / sum(part.weight.shape))
            largest = part.weight.abs().max().item()
            assert 0.97 * bound < largest <= bound and not part.bias.any()
            # uniform: a third of the bound's square
            assert part.weight.square().mean().item() == pytest.approx(bound**2 / 3, rel=0.15)
    assert model.embeddings.word_embeddings.weight.std().item() == pytest.approx(0.02, rel=0.15)


def test_a_scheme_rounds_every_linear_layer() -> None:
    model, seen = small_albert().eval(), dict[str, list[tuple[int, ...]]](weight=[], activation=[])

    def note(kind: str, values: torch.Tensor) -> torch.Tensor:
        seen[kind].append(tuple(values.shape))
        return values

    batch = padded(2)
    plain = model(batch.token_ids, batch.mask).logits
    model.scheme = replace(
        model.scheme,
        weight=lambda values: note("weight", values),
        activation=lambda values: note("activation", values),
    )
    assert torch.equal(model(batch.token_ids, batch.mask).logits, plain)
    of_a_pass = [(16, 16)] * 4 + [(32, 16), (16, 32), (CLASSES, 16)]
    assert seen["weight"] == [(16, 8), *of_a_pass * 3]
    length = batch.mask.shape[1]
    inputs = [(2, length, 16)] * 5 + [(2, length, 32), (2, 16)]
    assert seen["activation"] == [(2, length, 8), *inputs * 3]


def test_ternary_off_ramps_have_three_values() -> None:
    model = small_albert().eval()
    model.scheme = SCHEMES["ternary"]
    batch = padded(1)
    passes = model(batch.token_ids, batch.mask)
    first = SCHEMES["int8"].activation(passes.hidden[1][:, 0])
    weight, bias = model.off_ramps[0].parameters()
    codes = (weight / weight.abs().mean()).round().clamp(-1, 1) * weight.abs().mean()
    torch.testing.assert_close(passes.logits[0], first @ codes.T + bias)


def test_changes_apply_in_order_and_leave_the_parameter() -> None:
    model = small_albert().eval()
    batch = padded(2)
    plain, parameter = model(batch.token_ids, batch.mask).logits, model.layer.ffn.weight.clone()
    model.change(model.layer.ffn, "weight", lambda values: values + 1)
    model.change(model.layer.ffn, "weight", lambda values: values * 2)
    assert torch.equal(model.changed(model.layer.ffn, "weight"), (parameter + 1) * 2)
    assert torch.equal(model.layer.ffn.weight, parameter)
    assert not torch.equal(model(batch.token_ids, batch.mask).logits, plain)
    bare = small_albert().eval()
    with torch.no_grad():
        bare.layer.ffn.weight.copy_((parameter + 1) * 2)
    assert torch.equal(
        model(batch.token_ids, batch.mask).logits, bare(batch.token_ids, batch.mask).logits
    )
    assert model.state_dict().keys() == bare.state_dict().keys()


@pytest.mark.parametrize("change", [{"hidden_act": "gelu_new"}, {"model_type": "bert"}])
def test_another_kind_of_model_is_refused(change: dict[str, str]) -> None:
    config = replace(SMALL, embedding_size=16, **change)
    kind = f"{config.model_type!r} with {config.hidden_act!r}"
    with pytest.raises(ValueError, match=f"^training takes an albert with gelu, not {kind}$"):
        Albert(config, CLASSES)
