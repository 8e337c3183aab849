"""Magnitude pruning against numpy: which weights go, what the model computes, what is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from alembert_train.albert import Albert
from alembert_train.masked_weights import KeepZeros
from alembert_train.prunable import MATRICES, groups_of
from alembert_train.pruning import MagnitudePruning, MovementPruning, Pruning
from alembert_train.pruning_schedule import CubicSchedule
from alembert_train.schemes import SCHEMES
from alembert_train.technique import Technique
from torch import Tensor
from train.padded import padded
from train.small import SMALL, small_albert

AT_ONCE = CubicSchedule(warm_up=0, cool_down=1)
BATCH = padded(8)


def _matrices(model: Albert) -> dict[str, Tensor]:
    attention, layer = model.layer.attention, model.layer
    parts = (attention.query, attention.key, attention.value, attention.dense)
    return dict(zip(MATRICES, [p.weight for p in (*parts, layer.ffn, layer.ffn_output)]))


def _logits(model: Albert) -> Tensor:
    return model(BATCH.token_ids, BATCH.mask).logits


def _train(model: Albert, techniques: list[Technique], first: int, last: int, steps: int) -> None:
    """Plain descent, of some steps of so many."""
    own = [{"params": list(t.parameters())} for t in techniques if list(t.parameters())]
    optimiser = torch.optim.SGD([{"params": model.parameters()}, *own], lr=0.05)
    for step in range(first, last):
        for technique in techniques:
            technique.before_step(step, steps)
        optimiser.zero_grad()
        _logits(model).square().mean().backward()
        optimiser.step()
        for technique in techniques:
            technique.after_step(step, steps)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.75, 1.0])
@pytest.mark.parametrize("scope", ["local", "global"])
def test_the_smallest_magnitudes_go(share: float, scope: str) -> None:
    model = small_albert().eval()
    before = {name: values.detach().clone().numpy() for name, values in _matrices(model).items()}
    pruning = MagnitudePruning(model, schedule=AT_ONCE, share=share, scope=scope)
    pruning.before_step(0, 1)
    used = _logits(model)
    pruning.finish()
    pools = [MATRICES] if scope == "global" else [(name,) for name in MATRICES]
    for pool in pools:
        magnitudes = np.concatenate([np.abs(before[name]).ravel() for name in pool])
        cut = np.sort(magnitudes)[: round(share * magnitudes.size)]
        least = cut[-1] if cut.size else -1
        zeros = 0
        for name in pool:
            found = _matrices(model)[name].detach().numpy()
            wanted = np.where(np.abs(before[name]) > least, before[name], np.float32(0))
            np.testing.assert_array_equal(found, wanted)
            assert not np.signbit(found[found == 0]).any()
            zeros += int((found == 0).sum())
        assert zeros == len(cut)
    # what it computed under masks is what it computes without weights, and without the technique
    assert torch.equal(_logits(model), used)
    bare = small_albert().eval()
    bare.load_state_dict(model.state_dict())
    assert torch.equal(_logits(bare), used)


@pytest.mark.parametrize("kind", [MagnitudePruning, MovementPruning])
@pytest.mark.parametrize(("share", "gone"), [(0.0, 0), (0.25, 8), (0.3, 10), (1.0, 32)])
def test_neurons_go_whole(kind: type[Pruning], share: float, gone: int) -> None:
    model = small_albert().eval()
    layer = model.layer
    row, bias, column = (
        values.detach().double().numpy() ** 2
        for values in (layer.ffn.weight, layer.ffn.bias, layer.ffn_output.weight)
    )
    norms = row.sum(axis=1) + bias + column.sum(axis=0)
    if kind is MagnitudePruning:
        wanted = sorted(np.argsort(norms, kind="stable")[:gone].tolist())
    else:
        wanted = list(range(gone))  # all scores are 0 still
    pruning = kind(model, schedule=AT_ONCE, share=share, granularity="neuron")
    pruning.before_step(0, 1)
    used = _logits(model)
    pruning.finish()
    dead = (layer.ffn.weight == 0).all(dim=1) & (layer.ffn_output.weight == 0).all(dim=0)
    assert dead.nonzero().flatten().tolist() == wanted
    assert int((layer.ffn.weight == 0).sum()) == gone * SMALL.hidden_size
    assert torch.equal(layer.ffn.bias == 0, dead)
    assert int((layer.ffn_output.weight == 0).sum()) == gone * SMALL.hidden_size
    assert torch.equal(_logits(model), used)


@pytest.mark.parametrize("kind", [MagnitudePruning, MovementPruning])
@pytest.mark.parametrize("scope", ["local", "global"])
def test_weights_of_the_neurons_that_stay(kind: type[Pruning], scope: str) -> None:
    model = small_albert()
    schedule = CubicSchedule(warm_up=0.2, cool_down=0.2)
    neurons = kind(model, schedule=schedule, share=0.5, granularity="neuron")
    weights = kind(model, schedule=schedule, share=0.4, scope=scope, within=neurons)
    _train(model, [neurons, weights], 0, 10, 10)
    neurons.finish()
    weights.finish()
    kept = neurons.kept("neurons")
    assert int(kept.sum()) == 16
    zeros = {name: int((values == 0).sum()) for name, values in _matrices(model).items()}
    # half the feed-forward weights, then two fifths of all that are left
    if scope == "local":
        assert zeros == dict.fromkeys(MATRICES[:4], 102) | dict.fromkeys(MATRICES[4:], 256 + 102)
    else:
        assert sum(zeros.values()) == 512 + round(0.4 * (4 * 256 + 2 * 256))
    assert not model.layer.ffn.weight[~kept].any()
    assert not model.layer.ffn_output.weight[:, ~kept].any()


def test_masked_weights_get_no_gradient_and_keep_their_values() -> None:
    model = small_albert(dropout=0.0)
    pruning = MagnitudePruning(model, schedule=AT_ONCE, share=0.5)
    before = model.layer.ffn.weight.detach().clone()
    pruning.before_step(0, 2)
    _logits(model).square().mean().backward()
    kept, gradient = pruning.kept("ffn"), model.layer.ffn.weight.grad
    assert gradient is not None
    assert not gradient[~kept].any() and (gradient[kept] != 0).all()
    assert torch.equal(model.layer.ffn.weight, before)
    # the gradient is that of the model whose weights are zeros
    bare = small_albert(dropout=0.0)
    with torch.no_grad():
        for name, values in _matrices(bare).items():
            values.masked_fill_(~pruning.kept(name), 0)
    _logits(bare).square().mean().backward()
    wanted = bare.layer.ffn.weight.grad
    assert wanted is not None
    torch.testing.assert_close(gradient[kept], wanted[kept], atol=1e-6, rtol=1e-5)


def test_magnitude_masks_rise_and_then_stay() -> None:
    model = small_albert(dropout=0.0)
    schedule = CubicSchedule(warm_up=0.25, cool_down=0.5)
    pruning = MagnitudePruning(model, schedule=schedule, share=0.5)
    counts, last = [], None
    for step in range(20):
        pruning.before_step(step, 20)
        mask = pruning.kept("ffn")
        counts.append(int((~mask).sum()))
        assert counts[-1] == round(schedule.share(step, 20, 0.5) * 512)
        if step > 9:
            assert last is not None and torch.equal(mask, last)
        last = mask
        with torch.no_grad():
            model.layer.ffn.weight.copy_(torch.randn_like(model.layer.ffn.weight))
    assert counts[:6] == [0] * 6 and counts[9:] == [256] * 11 and counts == sorted(counts)


def test_the_word_embedding() -> None:
    model = small_albert().eval()
    table = model.embeddings.word_embeddings.weight
    before = table.detach().clone()
    pruning = MagnitudePruning(model, schedule=AT_ONCE, share=0.6, parts=["word_embeddings"])
    pruning.before_step(0, 1)
    used = _logits(model)
    pruning.finish()
    least = before.abs().flatten().sort().values[round(0.6 * table.numel()) - 1]
    assert torch.equal(table, torch.where(before.abs() > least, before, 0.0))
    assert torch.equal(_logits(model), used)


@pytest.mark.parametrize("name", ["adaptivfloat8_3", "int8", "ternary"])
def test_schemes_round_what_the_mask_leaves(name: str) -> None:
    model = small_albert().eval()
    model.scheme = SCHEMES[name]
    neurons = MagnitudePruning(model, schedule=AT_ONCE, share=0.3, granularity="neuron")
    weights = MagnitudePruning(model, schedule=AT_ONCE, share=0.5, within=neurons)
    for technique in (neurons, weights):
        technique.before_step(0, 1)
    used = _logits(model)
    for technique in (neurons, weights):
        technique.finish()
    bare = small_albert().eval()
    bare.scheme = SCHEMES[name]
    bare.load_state_dict(model.state_dict())
    assert torch.equal(_logits(bare), used)
    assert not model.scheme.weight(model.layer.ffn.weight)[~weights.kept("ffn")].any()


def test_binary_weights_have_no_zero() -> None:
    model = small_albert()
    model.scheme = SCHEMES["binary"]
    pruning = MagnitudePruning(model, schedule=AT_ONCE, share=0.3)
    message = "^weights can be pruned only where 0 is one of them, not in 'binary'$"
    with pytest.raises(ValueError, match=message):
        pruning.before_step(0, 1)


def _three(model: Albert) -> list[Technique]:
    schedule = CubicSchedule(warm_up=0.1, cool_down=0.2, every=3)
    neurons = MovementPruning(model, schedule=schedule, share=0.25, granularity="neuron")
    weights = MovementPruning(model, schedule=schedule, share=0.5, within=neurons)
    words = MagnitudePruning(model, schedule=schedule, share=0.5, parts=["word_embeddings"])
    return [neurons, weights, words]


def test_a_resumed_pruning_ends_in_the_same_bits(tmp_path: Path) -> None:
    whole = small_albert(dropout=0.0)
    techniques = _three(whole)
    _train(whole, techniques, 0, 20, 20)
    begun = small_albert(dropout=0.0)
    first = _three(begun)
    _train(begun, first, 0, 11, 20)
    path = tmp_path / "state"
    torch.save({"model": begun.state_dict(), "learned": [t.state() for t in first]}, path)
    held = torch.load(path, weights_only=True)
    resumed = small_albert(seed=7, dropout=0.0)
    second = _three(resumed)
    resumed.load_state_dict(held["model"])
    for technique, state in zip(second, held["learned"], strict=True):
        technique.restore(state)
    _train(resumed, second, 11, 20, 20)
    for technique in (*techniques, *second):
        technique.finish()
    for name, values in whole.state_dict().items():
        assert torch.equal(values, resumed.state_dict()[name]), name


def test_zeros_stay_zeros() -> None:
    model = small_albert(dropout=0.0)
    pruning = MagnitudePruning(model, schedule=AT_ONCE, share=0.5)
    pruning.before_step(0, 1)
    pruning.finish()
    started = small_albert(seed=3, dropout=0.0)
    started.load_state_dict(model.state_dict())
    keeping = KeepZeros(started, groups_of(started, "weight"))
    for name in MATRICES:
        assert torch.equal(keeping.kept(name), pruning.kept(name))
    _train(started, [keeping], 0, 5, 5)
    keeping.finish()
    for (name, values), held in zip(_matrices(started).items(), _matrices(model).values()):
        assert torch.equal(values == 0, ~pruning.kept(name))
        assert not torch.equal(values, held)
    with pytest.raises(ValueError, match=r"^groups must be of single weights, not 'neurons'$"):
        KeepZeros(started, groups_of(started, "neuron"))
