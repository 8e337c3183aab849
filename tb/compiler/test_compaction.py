"""Compaction: the same model in float32, and exactly the heads and neurons that are left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembert_compiler.compaction import compact
from alembert_compiler.errors import CompileError
from alembert_compiler.load_model import load_model
from alembert_compiler.model import Model
from compiler.albert_oracle import Oracle
from compiler.coded_models import coded_tensors, float_tensors
from compiler.compiled_models import BERT, CONFIG, TOKENS, random_model
from compiler.dead_parts import DeadParts, cases, kill, silenced
from compiler.test_load_model import safetensors
from hypothesis import given, settings

IDS = np.random.default_rng(1).integers(0, 7, (2, 5))
MASK = np.array([[True] * 5, [True] * 3 + [False] * 2])


def _expected(
    kinds: tuple[tuple[str, ...], ...], multiple: int
) -> tuple[tuple[list[int], ...], tuple[list[int], ...]]:
    """By layer: what stays of a row of kinds, and what of that is padding."""
    alive = [[n for n, kind in enumerate(row) if kind == "alive"] for row in kinds]
    count = max(1, *map(len, alive))
    while count % multiple:
        count += 1
    kept, padding = [], []
    for row, working in zip(kinds, alive):
        idle = [n for n in range(len(row)) if n not in working]
        padding.append(idle[: max(0, count - len(working))])
        kept.append(sorted(working + padding[-1]))
    return tuple(kept), tuple(padding)


def _removed(kept: tuple[list[int], ...], width: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(n for n in range(width) if n not in row) for row in kept)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(cases())
def test_the_same_model_with_what_is_needed(case: DeadParts) -> None:
    config = case.model.config
    # channels of both kinds of idleness are still idle
    heads = tuple(tuple("idle" if k != "alive" else k for k in row) for row in case.heads)
    done = compact(case.model, case.spans, case.off, multiple=case.multiple)
    kept, padding = _expected(heads, 1)
    assert done.removed_heads == _removed(kept, config.num_attention_heads)
    assert done.padding_heads == tuple(map(tuple, padding))
    assert done.spans == tuple(tuple(r[n] for n in k) for r, k in zip(case.spans, kept))
    kept_neurons, padding = _expected(case.neurons, case.multiple)
    assert done.removed_neurons == _removed(kept_neurons, config.intermediate_size)
    assert done.padding_neurons == tuple(map(tuple, padding))
    found = done.model.config
    assert found.num_attention_heads == len(kept[0])
    assert found.intermediate_size == len(kept_neurons[0])
    assert found.head_size == config.head_size
    before = silenced(case, token_ids=IDS, attention_mask=MASK)
    after = done.model.forward(IDS, attention_mask=MASK, spans=done.spans).hidden
    for x, y in zip(before, after):  # what padding sees is of no account
        assert np.abs(x - y)[MASK].max() <= 1e-6 * np.abs(x[MASK]).max()


def test_against_float64() -> None:
    """The model as it was, token by token and head by head, without its heads that are off."""
    config = replace(CONFIG, num_attention_heads=4)
    heads = ("biases", "off", "alive", "columns")
    neurons = ("row", "alive", "column", "alive") * 13
    model = kill(random_model(config), (heads,), (neurons,))
    done = compact(model, heads_off=[1])
    assert done.removed_heads == ((0, 1, 3),)
    assert (done.model.config.attention_head_size, done.model.config.attention_size) == (8, 8)
    assert done.model.config.intermediate_size == 32
    tensors = dict(model.tensors)
    name = f"{model.layers[0].attention_dense.name}.weight"
    tensors[name] = np.where(np.arange(32) // 8 == 1, np.float32(0), tensors[name])
    before, after = Oracle(config, tensors), Oracle(done.model.config, done.model.tensors)
    states = [before.embed(TOKENS[0]), after.embed(TOKENS[0])]
    for found in done.model.forward(TOKENS[0]).hidden:
        np.testing.assert_allclose(found, states[0], atol=2e-6)
        # biases are rounded to float32 when constants have been added
        np.testing.assert_allclose(states[1], states[0], atol=1e-6)
        states = [before.layer(states[0]), after.layer(states[1])]
    np.testing.assert_allclose(
        done.model.off_ramp_logits(TOKENS),
        Model(config, tensors).off_ramp_logits(TOKENS),
        atol=1e-5,
    )


def test_a_model_at_work_stays_as_it_is() -> None:
    for config in (CONFIG, BERT):
        model = random_model(config)
        done = compact(model)
        assert done.model.config == config
        assert done.removed_heads == done.padding_heads == ((),) * config.num_layers
        assert done.removed_neurons == done.padding_neurons == ((),) * config.num_layers
        assert done.spans == ((0, 0),) * config.num_layers
        assert done.model.tensors.keys() == model.tensors.keys()
        for name, values in model.tensors.items():
            np.testing.assert_array_equal(done.model.tensors[name], values)


@pytest.mark.parametrize("per_channel", [False, True])
def test_codes_stay_codes(per_channel: bool) -> None:
    """Those of what is left, at the scales that they were given with."""
    tensors = coded_tensors(largest=7, per_channel=per_channel)
    layer = Model(CONFIG, tensors).layers[0]
    tensors[f"{layer.ffn.name}.weight"][::2] = 0
    tensors[f"{layer.value.name}.weight"][:20] = 0
    given = Model(CONFIG, tensors)
    done = compact(given, multiple=1)
    assert done.removed_heads == ((0,),)
    assert done.removed_neurons == (tuple(range(0, CONFIG.intermediate_size, 2)),)
    (before,), (after,) = given.layers, done.model.layers
    head, odd, everything = slice(16, 32), slice(1, None, 2), slice(None)
    for name, rows, columns in (
        *((name, head, everything) for name in ("query", "key", "value")),
        ("attention_dense", everything, head),
        ("ffn", odd, everything),
        ("ffn_output", everything, odd),
    ):
        old, new = getattr(before, name).coded, getattr(after, name).coded
        assert new.name == old.name
        np.testing.assert_array_equal(new.codes, old.codes[rows, columns])
        np.testing.assert_array_equal(new.scales, old.scales[rows])
    assert done.model.stored.keys() == given.stored.keys()
    exact = compact(Model(CONFIG, float_tensors(given)), multiple=1).model
    assert exact.stored.keys() == exact.tensors.keys() == done.model.tensors.keys()
    for name, values in exact.tensors.items():
        np.testing.assert_array_equal(done.model.tensors[name], values)


def test_one_head_stays() -> None:
    """The first, and it adds nothing: only the output projection's bias is left."""
    done = compact(random_model(), spans=[5, 3], heads_off=[0, 1])
    assert (done.removed_heads, done.padding_heads, done.spans) == (((1,),), ((0,),), ((5,),))
    (layer,) = done.model.layers
    assert not layer.attention_dense.weight.any()
    seen = done.model.forward(TOKENS, record=[0]).layers[0].attention_output
    np.testing.assert_array_equal(seen, np.broadcast_to(layer.attention_dense.bias, seen.shape))
    again = compact(done.model, done.spans)
    assert (again.removed_heads, again.padding_heads) == (((),), ((0,),))


def test_a_head_that_is_off_takes_its_bias_with_it() -> None:
    """Of one that is not off, the same bias stays."""
    model = kill(random_model(), (("biases", "alive"),), (("alive",) * 52,))
    off, on = (compact(model, heads_off=heads) for heads in ([0], []))
    assert off.removed_heads == on.removed_heads == ((0,),)
    (before,), (after,), (other,) = (each.layers for each in (model, off.model, on.model))
    np.testing.assert_array_equal(after.attention_dense.bias, before.attention_dense.bias)
    constant = before.attention_dense.weight[:, :16] @ before.value.bias[:16]
    expected = before.attention_dense.bias + constant
    np.testing.assert_allclose(other.attention_dense.bias, expected, atol=1e-6)


def test_neurons_that_are_all_idle() -> None:
    """One word of them stays."""
    model = kill(random_model(), (("alive",) * 2,), (("column", "row") * 26,))
    done = compact(model, multiple=4)
    assert done.padding_neurons == ((0, 1, 2, 3),)
    assert done.model.config.intermediate_size == 4
    before, after = (each.forward(TOKENS).hidden[-1] for each in (model, done.model))
    np.testing.assert_allclose(after, before, atol=2e-6)


def test_heads_are_named_for_all_layers_or_each() -> None:
    model = random_model(BERT)
    for_all = compact(model, heads_off=np.array([1]))
    assert for_all.removed_heads == ((1,),) * 3
    each = compact(model, heads_off=[[1], [0, 1], [0]])
    assert each.removed_heads == ((1,), (1,), (0,))
    assert each.padding_heads == ((), (0,), ())
    none = compact(model, heads_off=[[], [], []])
    assert none.removed_heads == ((),) * 3


def test_written_and_read(tmp_path: Path) -> None:
    done = compact(random_model(), heads_off=[0])
    (tmp_path / "config.json").write_text(done.model.config.to_json(), encoding="utf-8")
    tensors = {name: ("F32", values) for name, values in done.model.tensors.items()}
    (tmp_path / "model.safetensors").write_bytes(safetensors(tensors))
    read = load_model(tmp_path)
    assert read.config == done.model.config
    np.testing.assert_array_equal(read.forward(TOKENS).hidden, done.model.forward(TOKENS).hidden)


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (TypeError, "multiple must be an int, not 16.0", {"multiple": 16.0}),
        (TypeError, "multiple must be an int, not True", {"multiple": True}),
        (ValueError, "multiple must be at least 1, not 0", {"multiple": 0}),
        (ValueError, "heads_off must be between 0 and 1, not 2", {"heads_off": [0, 2]}),
        (ValueError, "heads_off must be between 0 and 1, not -1", {"heads_off": [[0], [-1], []]}),
        (TypeError, "heads_off must hold ints, not 0.5", {"heads_off": [0.5]}),
        (TypeError, "heads_off must hold ints, not nan", {"heads_off": [float("nan")]}),
        (TypeError, "heads_off must hold ints, not True", {"heads_off": [True]}),
        (
            ValueError,
            "heads_off must have a row for each of the 3 layers, not 2",
            {"heads_off": [[0], [1]]},
        ),
        (
            TypeError,
            "heads_off must be heads, or rows of heads, not both: [[0], 1, []]",
            {"heads_off": [[0], 1, []]},
        ),
        (
            CompileError,
            "spans must be of shape (2,) or (3, 2), not (3,)",
            {"spans": [1, 2, 3]},
        ),
    ],
)
def test_refusals(error: type[Exception], message: str, options: dict[str, Any]) -> None:
    with pytest.raises(error) as caught:
        compact(random_model(BERT), **options)
    assert str(caught.value) == message
