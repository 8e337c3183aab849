"""Taps on the reference model, and tensors rounded to what a machine would keep of them."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat, IntegerFormat
from alembert_compiler.model import Model
from alembert_compiler.precision import (
    Codes,
    FixedPoint,
    Ranges,
    quantise_weights,
    rounding_tap,
)
from alembert_golden import adaptivfloat
from compiler.tiny_albert import TINY, tiny_tensors

BENCH = Path(__file__).resolve().parents[2] / "bench"
AF8 = AdaptivFloatFormat()
IDS = [1, 5, 2, 9]
NAMES = {
    *("embeddings", "hidden", "query", "key", "value", "scores", "probabilities", "context"),
    *("attention_output", "ffn_input", "ffn_sum", "ffn_intermediate", "ffn_output"),
    *("head_sum", "head_dense", "head_normalised"),
}


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(TINY, tiny_tensors())


@pytest.fixture(scope="module")
def ranges(model: Model) -> Ranges:
    seen = Ranges()
    model.logits(model.forward(IDS, tap=seen).hidden[-1], tap=seen)
    return seen


def test_ranges_see_every_tensor_and_change_nothing(model: Model, ranges: Ranges) -> None:
    assert ranges.largest.keys() == NAMES
    states = model.forward(IDS).hidden
    np.testing.assert_array_equal(model.forward(IDS, tap=Ranges()).hidden[-1], states[-1])
    largest = np.abs(np.stack(states)).reshape(-1, TINY.hidden_size).max(axis=0)
    np.testing.assert_array_equal(ranges.largest["hidden"], largest)


def test_ranges_of_tensors_as_wide_as_the_sequence(model: Model) -> None:
    seen = Ranges()
    for ids in (IDS, IDS[:2]):
        model.forward(ids, tap=seen)
    assert seen.largest["scores"].shape == (1,)
    assert seen.largest["query"].shape == (TINY.hidden_size,)


def test_a_tap_replaces_what_flows_on(model: Model) -> None:
    """Without attention and feed-forward, a pass is two normalisations of its input."""
    silenced = {"attention_output", "ffn_output"}
    states = model.forward(
        IDS, tap=lambda name, x: np.zeros_like(x) if name in silenced else x, record=(0,)
    )
    tensors = states.layers[0]
    assert not tensors.attention_output.any()
    assert not tensors.ffn_output.any()
    other = model.forward(IDS, tap=lambda name, x: 0 * x if name == "ffn_output" else x)
    assert not np.array_equal(states.hidden[-1], other.hidden[-1])


def test_fixed_point_covers_the_range_with_a_power_of_two() -> None:
    rule = FixedPoint(width=5)  # 4 bits of magnitude: 12 is covered by steps of 1
    x = np.array([-12.0, -2.5, -0.5, 0.5, 1.5, 11.6, 40.0, -40.0], dtype=np.float32)
    assert rule.round(x, np.array([12.0])).tolist() == [-12, -2, 0, 0, 2, 12, 15, -16]
    assert rule.round(x[:1], np.array([16.0])).tolist() == [-12]  # steps of 2 from 16 on


def test_codes_are_the_formats_own() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(50, 4)).astype(np.float32)
    largest = np.abs(x).max(axis=0).astype(np.float64)
    bias = math.floor(math.log2(largest.max())) - AF8.max_exponent
    want = adaptivfloat.decode(adaptivfloat.encode(x, bias, AF8), bias, AF8)
    np.testing.assert_array_equal(Codes(fmt=AF8).round(x, largest), want)
    integers = Codes(fmt=IntegerFormat()).round(x, largest) * 127 / largest.max()
    np.testing.assert_allclose(integers, np.rint(x * 127 / largest.max()), atol=1e-4)


def test_channels_are_lifted_by_powers_of_two() -> None:
    """A channel 2^−9 times as large as the largest is flushed, unless it is lifted."""
    x = np.array([[1.5, 1.5 / 512, 0.0], [-1.0, -1.25 / 512, 0.0]], dtype=np.float32)
    largest = np.abs(x).max(axis=0).astype(np.float64)
    assert Codes(fmt=AF8).round(x, largest)[:, 1].tolist() == [0, 0]
    lifted = Codes(fmt=AF8, per_channel=True, most=9)
    np.testing.assert_array_equal(lifted.round(x, largest), x)
    only_so_far = Codes(fmt=AF8, per_channel=True, most=1).round(x, largest)
    assert only_so_far[0, 0] == 1.5
    assert only_so_far[0, 1] != x[0, 1]


def test_weights_by_matrix_and_by_channel(model: Model) -> None:
    exact = model.layers[0].query
    for per_channel in (False, True):
        rounded = quantise_weights(model, AF8, per_channel=per_channel)
        query = rounded.layers[0].query
        for row, want in zip(query.weight, exact.weight):
            bias = adaptivfloat.bias_of_tensor(want if per_channel else exact.weight, AF8)
            codes = adaptivfloat.encode(want, bias, AF8)
            np.testing.assert_array_equal(row, adaptivfloat.decode(codes, bias, AF8))
        np.testing.assert_array_equal(query.bias, exact.bias)


def test_a_rule_for_a_tensor_never_seen_is_refused(ranges: Ranges) -> None:
    with pytest.raises(ValueError, match=r"^ranges lack pooled$"):
        rounding_tap({"pooled": FixedPoint()}, ranges)


def test_rounding_every_tensor_moves_the_result_a_little(model: Model, ranges: Ranges) -> None:
    exact = model.forward(IDS).hidden[-1]
    rules = dict.fromkeys(NAMES, FixedPoint(width=16))
    close = model.forward(IDS, tap=rounding_tap(rules, ranges)).hidden[-1]
    assert 0 < np.abs(close - exact).max() < 0.01


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """bench/precision.py, of a folder of scripts that is no package."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("precision")


def test_the_studys_plans_name_tensors_that_a_tap_sees(study: ModuleType) -> None:
    """And all of them: one that is in no group would stay float32 in every plan."""
    groups = (*study.SUMS, *study.STATES, *study.OPERANDS)
    assert sorted(groups) == sorted(NAMES)
    for name, plan in study.PLANS.items():
        assert plan.rules.keys() <= NAMES, name
    assert study.PLANS["everywhere"].rules.keys() == NAMES
    assert study.PLANS["int8"].rules.keys() == NAMES


def test_no_two_plans_of_the_study_are_the_same(study: ModuleType) -> None:
    plans = list(study.PLANS.values())
    assert all(one != other for i, one in enumerate(plans) for other in plans[:i])
