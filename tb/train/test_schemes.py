"""What training rounds to is what the golden models round to, and gradients go straight through."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from alembert.config import AdaptivFloatFormat, IntegerFormat
from alembert_golden import adaptivfloat, integer
from alembert_golden.ternary import absmean
from alembert_train.schemes import (
    SCHEMES,
    round_adaptivfloat,
    round_binary,
    round_int8_channels,
    round_int8_tokens,
    round_ternary,
)

RNG = np.random.default_rng(4)
TENSORS = [
    RNG.normal(size=(24, 40)),
    RNG.standard_t(2, size=(16, 33)),
    RNG.normal(size=(8, 8)) * 10.0 ** RNG.integers(-6, 3, (8, 8)),
    np.array([[0.0, 0.5, -0.25, 1.0]]),
]


@pytest.mark.parametrize("values", TENSORS)
def test_adaptivfloat_equals_golden(values: np.ndarray) -> None:
    for fmt in (AdaptivFloatFormat(), AdaptivFloatFormat(width=6, exponent_width=2)):
        held = values.astype(np.float32)
        bias = adaptivfloat.bias_of_tensor(held, fmt)
        codes = adaptivfloat.encode(held, bias, fmt)
        wanted = adaptivfloat.decode(codes, bias, fmt)
        found = round_adaptivfloat(torch.from_numpy(held), fmt).numpy()
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("values", TENSORS)
def test_ternary_equals_golden(values: np.ndarray) -> None:
    held = values.astype(np.float32)
    codes, mean = absmean(held)
    found = round_ternary(torch.from_numpy(held)).numpy()
    np.testing.assert_allclose(found, codes * mean, rtol=1e-6)


@pytest.mark.parametrize("values", TENSORS)
def test_int8_equals_golden(values: np.ndarray) -> None:
    held, fmt = values.astype(np.float32), IntegerFormat(width=8)
    scale = integer.absmax_scale(held, fmt, 1)
    wanted = integer.dequantise(integer.quantise(held, scale, fmt), scale)
    for rounding in (round_int8_channels, round_int8_tokens):
        found = rounding(torch.from_numpy(held)).numpy()
        # a tie in one precision may be none in the other: a step at most
        assert (np.abs(found - wanted) <= scale * 1.001).all()
        assert (np.abs(found - wanted) < 1e-6 * np.abs(held).max()).mean() > 0.99


def test_binary_is_signs_about_the_mean() -> None:
    weight = torch.tensor([[3.0, 1.0], [2.0, -4.0]])
    assert round_binary(weight).tolist() == [[2.5, 2.5], [2.5, -2.5]]


@pytest.mark.parametrize("name", SCHEMES)
def test_gradients_go_straight_through(name: str) -> None:
    scheme = SCHEMES[name]
    factor = torch.arange(1.0, 13).reshape(3, 4)
    for rounding in (scheme.weight, scheme.activation):
        values = torch.randn(3, 4, requires_grad=True)
        (rounding(values) * factor).sum().backward()
        assert values.grad is not None
        assert torch.equal(values.grad, factor)


@pytest.mark.parametrize("name", SCHEMES)
def test_zeros_stay_zeros_and_finite(name: str) -> None:
    zeros = torch.zeros(3, 4)
    assert SCHEMES[name].activation(zeros).abs().max() == 0
    assert SCHEMES[name].weight(zeros).abs().max() <= 1e-5
