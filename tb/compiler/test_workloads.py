"""Workloads: real tensors of the stated shapes, and codes that read back within stated bounds."""

from __future__ import annotations

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat, Format, FormatPair, IntegerFormat, TernaryFormat
from alembert_compiler.quantise import QuantisedTensor, quantise_tensor
from alembert_compiler.workloads import Matmul, ReactionModel, albert_workload, load_albert

INT8, INT4 = IntegerFormat(), IntegerFormat(width=4)
FLOAT8 = AdaptivFloatFormat()


@pytest.fixture(scope="module")
def model() -> ReactionModel:
    return load_albert()


@pytest.fixture(scope="module")
def workload(model: ReactionModel) -> dict[str, Matmul]:
    return albert_workload(model)


def test_shapes(workload: dict[str, Matmul]) -> None:
    assert {name: matmul.slug for name, matmul in workload.items()} == {
        "query": "64x256x256",
        "ffn": "64x256x512",
        "ffn_output": "64x512x256",
    }
    for matmul in workload.values():
        assert matmul.activations.dtype == matmul.weights.dtype == matmul.bias.dtype == np.float32
        assert matmul.bias.shape == matmul.weights.shape[1:]
        assert matmul.product.shape == (64, matmul.shape[2])
        rows = {row.tobytes() for row in matmul.activations}
        assert len(rows) == 64  # each row is another token's: no padding


def test_products_are_the_pass_itself(model: ReactionModel, workload: dict[str, Matmul]) -> None:
    ids = model.tokeniser.encode(model.long_reaction(64))
    layer = model.albert.forward(ids, record=(5,)).layers[5]
    np.testing.assert_allclose(workload["query"].product, layer.query[:64], atol=1e-4)
    np.testing.assert_allclose(workload["ffn_output"].product, layer.ffn_output[:64], atol=1e-4)
    np.testing.assert_array_equal(workload["ffn_output"].activations, layer.ffn_intermediate[:64])


def test_other_reactions_and_sizes(model: ReactionModel) -> None:
    reaction = "CCO.BrC>>CCOC"
    workload = albert_workload(model, reaction, 5, layer=0)
    assert workload["ffn"].shape == (5, 256, 512)
    for tokens in (0, 14):
        with pytest.raises(ValueError) as caught:
            albert_workload(model, reaction, tokens)
        assert str(caught.value) == (
            f"tokens must be between 1 and the reaction's 13, not {tokens}"
        )
    with pytest.raises(ValueError, match=r"^recorded pass must be between 0 and 11, not 12$"):
        albert_workload(model, reaction, 5, layer=12)
    with pytest.raises(ValueError, match=r"^the longest reaction has 103 tokens, fewer than 104$"):
        model.long_reaction(104)


@pytest.mark.parametrize(
    ("weight", "activation", "scales", "error"),
    [
        # relative error of the product's mean magnitude, over the three matrices
        (FLOAT8, FLOAT8, False, 0.045),
        (INT8, INT8, True, 0.03),
        (INT8, INT8, False, 0.09),
        (INT4, INT8, True, 0.18),
        (TernaryFormat(), INT8, False, 0.6),
    ],
    ids=str,
)
def test_quantised_products(
    workload: dict[str, Matmul], weight: Format, activation: Format, scales: bool, error: float
) -> None:
    pair = FormatPair(activation=activation, weight=weight)
    for matmul in workload.values():
        a, w = matmul.quantise(pair, per_token=scales, per_channel=scales)
        assert a.codes.shape == matmul.activations.shape
        assert a.codes.dtype == w.codes.dtype == np.int64
        real = matmul.activations @ matmul.weights
        off = np.abs(a.values @ w.values - real).mean()
        assert off <= error * np.abs(real).mean()
        if scales and a.scale is not None and w.scale is not None:
            assert a.scale.shape == (64, 1)
            assert w.scale.shape == (1, matmul.shape[2])
            assert np.abs(a.codes).max(axis=1).tolist() == [127] * 64


def test_codes_of_each_format() -> None:
    values = [[1.0, -0.5], [0.25, 0.0]]
    assert quantise_tensor(values, INT8).codes.tolist() == [[127, -64], [32, 0]]
    assert quantise_tensor(values, INT4, 1).codes.tolist() == [[7, -4], [7, 0]]
    ternary = quantise_tensor(values, TernaryFormat())
    assert ternary.codes.tolist() == [[1, -1], [1, 0]]
    assert ternary.scale == 1.75 / 4
    np.testing.assert_array_equal(ternary.values, np.array([[1, -1], [1, 0]]) * 1.75 / 4)
    floats = quantise_tensor(values, FLOAT8)
    assert floats.bias == -7
    np.testing.assert_array_equal(floats.values, values)


def test_refusals() -> None:
    with pytest.raises(ValueError) as caught:
        quantise_tensor([[1.0]], FLOAT8, 0)
    assert str(caught.value) == (
        "AdaptivFloat<8,3> is quantised per tensor: axis must be None, not 0"
    )
    for fmt in (INT8, FLOAT8, TernaryFormat()):
        with pytest.raises(ValueError, match=r"^tensor holds NaN at \[0\]$"):
            quantise_tensor([np.nan], fmt)
    with pytest.raises(ValueError, match=r"^AdaptivFloat<8,3> codes need an exponent bias$"):
        _ = QuantisedTensor(fmt=FLOAT8, codes=np.zeros(1, np.int64)).values
    with pytest.raises(ValueError, match=r"^INT8 codes need a scale$"):
        _ = QuantisedTensor(fmt=INT8, codes=np.zeros(1, np.int64)).values
