"""ALBERT in float32 against an independent float64 forward pass, token by token."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from alembert_compiler.checkpoint import load_checkpoint
from alembert_compiler.float_functions import erf, gelu, gelu_tanh, softmax
from alembert_compiler.model import Model
from alembert_compiler.off_ramps import MaskedLogits, masked_logits
from alembert_compiler.rxnmapper import CHECKPOINT, fetch_rxnmapper
from alembert_compiler.workloads import ReactionModel, load_albert
from compiler.albert_oracle import LAYER, Oracle
from compiler.tiny_albert import TINY, tiny_tensors
from numpy.typing import NDArray


@pytest.fixture(scope="module")
def model() -> ReactionModel:
    return load_albert()


def test_erf_and_gelu_against_math() -> None:
    x = np.concatenate([np.linspace(-8, 8, 40001), [0.0, 1e-300, 1e300, np.inf, -np.inf]])
    exact = np.array([math.erf(value) for value in x])
    assert np.abs(erf(x) - exact).max() <= 2.0**-38
    assert (erf(x) == -erf(-x)).all()
    real = x[:-3]
    wanted = np.array([value / 2 * math.erfc(-value / math.sqrt(2)) for value in real])
    np.testing.assert_allclose(gelu(real.astype(np.float32)), wanted, rtol=2e-7, atol=1e-6)
    cubic = np.linspace(-8, 8, 1001)
    inner = math.sqrt(2 / math.pi) * (cubic + 0.044715 * cubic**3)
    np.testing.assert_allclose(
        gelu_tanh(cubic.astype(np.float32)), cubic / 2 * (1 + np.tanh(inner)), atol=2e-6
    )


def test_softmax_of_large_and_masked_scores() -> None:
    scores = np.array([[1e4, 1e4, -np.inf], [-1e4, -np.inf, -np.inf]], dtype=np.float32)
    assert softmax(scores).tolist() == [[0.5, 0.5, 0], [1, 0, 0]]


def test_every_pass_and_off_ramp_against_float64(model: ReactionModel) -> None:
    files = fetch_rxnmapper()
    oracle = Oracle(model.albert.config, load_checkpoint(files.read(CHECKPOINT)))
    ids = model.tokeniser.encode(min(model.reactions, key=len))
    got = model.albert.forward(ids).hidden
    ramps = model.albert.off_ramp_logits(ids)
    assert ramps.shape == (12, len(ids), 591)
    assert ramps.dtype == got[-1].dtype == np.float32
    states = oracle.embed(ids)
    np.testing.assert_allclose(got[0], states, atol=1e-5)
    for index in range(12):
        states = oracle.layer(states)
        np.testing.assert_allclose(got[index + 1], states, atol=1e-4)
        np.testing.assert_allclose(
            ramps[index], [oracle.logits(state) for state in states], atol=2e-4
        )


def test_tiny_model_against_float64() -> None:
    tensors = tiny_tensors()
    oracle, albert = Oracle(TINY, tensors), Model(TINY, tensors)
    ids = np.array([3, 10, 0, 3, 7, 1, 2])
    states = oracle.embed(ids)
    for index, hidden in enumerate(albert.forward(ids).hidden):
        np.testing.assert_allclose(hidden, states, atol=2e-5, err_msg=str(index))
        states = oracle.layer(states)


def test_recorded_tensors_belong_together(model: ReactionModel) -> None:
    albert = model.albert
    ids = model.tokeniser.encode(model.long_reaction(64))
    result = albert.forward(ids, record={0, 11})
    assert sorted(result.layers) == [0, 11]
    weights = albert.layer_of(0)
    for index, layer in result.layers.items():
        np.testing.assert_array_equal(layer.attention_input, result.hidden[index])
        np.testing.assert_array_equal(layer.output, result.hidden[index + 1])
        query = layer.attention_input @ weights.query.weight.T
        np.testing.assert_allclose(layer.query, query + weights.query.bias)
        assert layer.probabilities.shape == (8, len(ids), len(ids))
        np.testing.assert_allclose(layer.probabilities.sum(axis=-1), 1, rtol=1e-6)
        first = layer.probabilities[0] @ layer.value[:, :32]
        np.testing.assert_allclose(layer.context[:, :32], first, atol=1e-5)
        inner = gelu(layer.ffn_input @ weights.ffn.weight.T + weights.ffn.bias)
        np.testing.assert_allclose(layer.ffn_intermediate, inner, atol=1e-5)
        assert layer.ffn_intermediate.min() > -0.17  # the least value of GELU
        output = inner @ weights.ffn_output.weight.T + weights.ffn_output.bias
        np.testing.assert_allclose(layer.ffn_output, output, atol=1e-4)


def test_padding_changes_nothing(model: ReactionModel) -> None:
    short, long = (model.tokeniser.encode(reaction) for reaction in model.reactions[4:6])
    ids = np.full((2, len(long)), model.tokeniser.padding_id)
    mask = np.zeros(ids.shape, dtype=bool)
    for row, tokens in enumerate((short, long)):
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, True
    batch = model.albert.off_ramp_logits(ids, attention_mask=mask)
    for row, tokens in enumerate((short, long)):
        alone = model.albert.off_ramp_logits(tokens)
        np.testing.assert_allclose(batch[:, row, : len(tokens)], alone, atol=1e-4)


def test_off_ramps_of_the_real_model(model: ReactionModel) -> None:
    masked = masked_logits(model)
    assert masked.logits.shape == (12, 421, 591)
    wanted = [48.2, 63.9, 69.8, 73.9, 76.0, 77.9, 78.9, 77.7, 77.2, 76.5, 75.8, 74.6]
    # another summation order may turn a tie or two: 0.5 % is two tokens
    np.testing.assert_allclose(100 * masked.top1, wanted, atol=0.5)
    top1, mean_layer = masked.early_exit(0.6)
    assert top1 == pytest.approx(0.741, abs=0.005)
    assert mean_layer == pytest.approx(5.35, abs=0.03)
    assert masked.early_exit(0.0) == (masked.top1[-1], 12)
    assert masked.early_exit(10.0) == (masked.top1[0], 1)


def test_entropy_of_known_distributions() -> None:
    logits = np.array([[[7.0, 7, 7, 7], [0, 200, 0, 0], [0, math.log(3), -1e4, -1e4]]])
    masked = MaskedLogits(logits=logits.astype(np.float32), token_ids=np.array([0, 1, 1]))
    wanted = [math.log(4), 0.0, math.log(4) - 0.75 * math.log(3)]
    np.testing.assert_allclose(masked.entropies[0], wanted, atol=1e-6)
    assert masked.top1.tolist() == [1.0]


def test_masking_is_checked(model: ReactionModel) -> None:
    with pytest.raises(ValueError, match=r"^distance of masked tokens must be at least 1, not 0$"):
        masked_logits(model, every=0)
    with pytest.raises(ValueError, match=r"^there must be at least one reaction$"):
        masked_logits(model, [])
    one = masked_logits(model, ["CCO>>CC=O"], every=3)
    assert sorted(one.token_ids) == sorted(model.tokeniser.encode("CCO>>CC=O")[1:-1])


@pytest.mark.parametrize(
    ("ids", "options", "message"),
    [
        ([0, 11], {}, "token ids must be between 0 and 10, not 0…11"),
        ([-1], {}, "token ids must be between 0 and 10, not -1…-1"),
        ([0] * 8, {}, "a sequence must have at most 7 tokens, not 8"),
        ([0.5], {}, "token ids must be ints [..., T], not float64 (1,)"),
        (np.zeros((2, 0), int), {}, "token ids must be ints [..., T], not int64 (2, 0)"),
        ([1, 2], {"record": [3]}, "recorded pass must be between 0 and 2, not 3"),
        ([1, 2], {"attention_mask": [1]}, "attention mask must be of shape (2,), not (1,)"),
        ([1, 2], {"attention_mask": [0, 0]}, "attention mask leaves a sequence no token"),
    ],
)
def test_bad_input_is_refused(ids: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Model(TINY, tiny_tensors()).forward(ids, **options)
    assert str(caught.value) == message


def test_bad_tensors_are_refused() -> None:
    name = f"{LAYER}.ffn.weight"

    def refused(message: str, changed: NDArray[Any] | None) -> None:
        tensors = tiny_tensors()
        del tensors[name]
        if changed is not None:
            tensors[name] = changed
        with pytest.raises(ValueError) as caught:
            Model(TINY, tensors)
        assert str(caught.value) == message

    refused(f"checkpoint lacks {name}", None)
    refused(f"{name} must be of shape (8, 6), not (6, 8)", np.zeros((6, 8)))
    refused(f"{name} must hold floats, not int8", np.zeros((8, 6), np.int8))
    refused(f"{name} holds NaN or infinity", np.full((8, 6), np.inf))


def test_tied_decoder_may_be_left_out() -> None:
    tensors = tiny_tensors()
    tensors["predictions.bias"] = tensors.pop("predictions.decoder.bias")
    del tensors["predictions.decoder.weight"]
    embedding = tensors["albert.embeddings.word_embeddings.weight"]
    untied = tensors | {
        "predictions.decoder.weight": embedding,
        "predictions.decoder.bias": tensors["predictions.bias"],
    }
    ids = [1, 2, 3]
    np.testing.assert_array_equal(
        Model(TINY, tensors).off_ramp_logits(ids), Model(TINY, untied).off_ramp_logits(ids)
    )
