"""What a trained model is written as: codes where training used codes, exactly those."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from alembert_compiler.load_model import load_model
from alembert_train.albert import Albert
from alembert_train.export import CODED_SCHEMES, save_model
from alembert_train.schemes import SCHEMES, Scheme
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch import Tensor, nn
from train.small import small_albert

LAYER = "albert.encoder.albert_layer_groups.0.albert_layers.0"
LINEAR = {
    "albert.encoder.embedding_hidden_mapping_in",
    *(f"{LAYER}.attention.{part}" for part in ("query", "key", "value", "dense")),
    *(f"{LAYER}.{part}" for part in ("ffn", "ffn_output")),
    *(f"off_ramps.{index}" for index in range(3)),
}


def saved(model: Albert, folder: Path) -> dict[str, NDArray]:
    save_model(model, folder)
    return load_file(folder / "model.safetensors")


def used_in_forward(model: Albert) -> list[Tensor]:
    """What the scheme made of weights in a forward pass, each matrix once."""
    seen: list[Tensor] = []
    scheme = model.scheme

    def record(weight: Tensor) -> Tensor:
        rounded = scheme.weight(weight)
        if not any(torch.equal(rounded, other) for other in seen):
            seen.append(rounded.detach())
        return rounded

    model.scheme = Scheme(name=scheme.name, weight=record, activation=scheme.activation)
    with torch.no_grad():
        model.eval()(torch.tensor([[1, 2, 3]]), torch.ones(1, 3, dtype=torch.bool))
    model.scheme = scheme
    return seen


@pytest.mark.parametrize("name", CODED_SCHEMES)
def test_codes_are_those_of_the_forward_pass(name: str, tmp_path: Path) -> None:
    model = small_albert()
    model.scheme = SCHEMES[name]
    tensors = saved(model, tmp_path)
    coded = {each.removesuffix(".weight_scale") for each in tensors if each.endswith("_scale")}
    assert coded == LINEAR
    found = []
    for each in coded:
        codes, scale = tensors[f"{each}.weight"], tensors[f"{each}.weight_scale"]
        assert (codes.dtype, scale.dtype, scale.shape) == (np.int8, np.float32, ())
        assert set(np.unique(codes)) == ({-1, 0, 1} if name == "ternary" else {-1, 1})
        found.append((codes * scale).astype(np.float32))
    used = [weight.numpy() for weight in used_in_forward(model)]
    assert len(used) == len(found)
    for weight in used:
        assert sum(weight.shape == w.shape and bool((weight == w).all()) for w in found) == 1
    # numpy computes with the same weights
    loaded = load_model(tmp_path)
    for each in (loaded.layers[0].query, loaded.mapping, *loaded.off_ramps):
        assert each is not None and each.coded is not None
        np.testing.assert_array_equal(each.coded.codes, tensors[f"{each.name}.weight"])
        assert any(np.array_equal(each.weight, w) for w in used)
    assert not {tensors[other].dtype for other in tensors if other.endswith("bias")} - {
        np.dtype(np.float32)
    }


@pytest.mark.parametrize("name", sorted(SCHEMES.keys() - set(CODED_SCHEMES)))
def test_others_are_float32_as_held(name: str, tmp_path: Path) -> None:
    model = small_albert()
    model.scheme = SCHEMES[name]
    tensors = saved(model, tmp_path)
    held = model.tensors()
    assert tensors.keys() == held.keys()
    for each, values in held.items():
        np.testing.assert_array_equal(tensors[each], values.detach().numpy())
    assert load_model(tmp_path).layers[0].query.coded is None


def test_changed_weights_are_written_as_used(tmp_path: Path) -> None:
    """Pruned ones stay out of the codes, and out of their scale."""
    model = small_albert()
    model.scheme = SCHEMES["ternary"]
    before = saved(model, tmp_path)[f"{LAYER}.ffn.weight_scale"]
    mask = (torch.arange(model.layer.ffn.weight.numel()) % 2).reshape(model.layer.ffn.weight.shape)
    model.change(model.layer.ffn, "weight", lambda weight: weight * mask)
    tensors = saved(model, tmp_path)
    assert not tensors[f"{LAYER}.ffn.weight"][mask.numpy() == 0].any()
    assert tensors[f"{LAYER}.ffn.weight_scale"] < before


def test_a_matrix_of_zeros(tmp_path: Path) -> None:
    model = small_albert()
    model.scheme = SCHEMES["ternary"]
    nn.init.zeros_(model.layer.ffn.weight)
    tensors = saved(model, tmp_path)
    assert not tensors[f"{LAYER}.ffn.weight"].any()
    assert tensors[f"{LAYER}.ffn.weight_scale"] == np.float32(1e-5)


def test_what_is_not_codes_is_refused(tmp_path: Path) -> None:
    model = small_albert()
    whole = SCHEMES["int8"]
    model.scheme = Scheme(name="ternary", weight=whole.weight, activation=whole.activation)
    with pytest.raises(ValueError) as caught:
        save_model(model, tmp_path)
    assert str(caught.value) == (
        "albert.encoder.embedding_hidden_mapping_in.weight must be −1, 0 and 1 times one scale to "
        "be written as codes"
    )
    with torch.no_grad():
        model.mapping.weight[0, 0] = float("nan")
    model.scheme = SCHEMES["ternary"]
    with pytest.raises(ValueError, match=r"must be −1, 0 and 1 times one scale"):
        save_model(model, tmp_path)
