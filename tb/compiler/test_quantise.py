"""Scales, rounded weights, layers: against golden encoders and float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat, Format, IntegerFormat, TernaryFormat
from alembert.config.layernorm import LayerNormConfig
from alembert_compiler.code_grid import codes_of, fit_scale, nearest
from alembert_compiler.errors import CompileError
from alembert_compiler.linear_layer import LinearInput, quantise_linear, requantisation
from alembert_compiler.norm_layer import quantise_norm, wide_fraction
from alembert_compiler.weight_rounding import round_weights
from alembert_golden import adaptivfloat, integer
from alembert_golden.matrix_unit import matmul
from alembert_golden.vmac import integers
from compiler.compiled_models import MACHINES

AF8, INT8 = AdaptivFloatFormat(), IntegerFormat()
FORMATS: list[Format] = [AF8, INT8]
ARRAYS = {name: machine.main for name, machine in MACHINES.items()}


@pytest.mark.parametrize(
    "fmt",
    [AF8, AdaptivFloatFormat(width=4, exponent_width=3), AdaptivFloatFormat(exponent_width=4)],
    ids=str,
)
def test_nearest_is_the_encoder(fmt: AdaptivFloatFormat) -> None:
    rng = np.random.default_rng(1)
    halves = np.arange(-4 * fmt.max_magnitude, 4 * fmt.max_magnitude + 1)[:: 1 + (fmt == AF8)] / 2
    values = np.concatenate([halves, rng.normal(size=1000) * fmt.max_magnitude])
    codes = adaptivfloat.encode(values, fmt.mantissa_width, fmt)
    found = nearest(values, fmt)
    np.testing.assert_array_equal(found, adaptivfloat.significand(codes, fmt))
    np.testing.assert_array_equal(codes_of(found, fmt), codes)


def test_nearest_integers() -> None:
    values = np.linspace(-300, 300, 2401)
    np.testing.assert_array_equal(nearest(values, INT8), integer.quantise(values, 1.0, INT8))


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_scales_have_the_least_error_of_their_neighbours(fmt: Format) -> None:
    samples = np.random.default_rng(2).standard_t(4, size=(500, 6)) * np.geomspace(0.01, 90, 6)
    largest = np.abs(samples).max(axis=0)

    def error(scale: np.ndarray) -> np.ndarray:
        return np.square(nearest(samples / scale, fmt) * scale - samples).sum(axis=0)

    own = fit_scale(samples, largest, fmt, per_channel=True)
    for factor in (0.5, 2.0):
        assert (error(own) <= error(own * factor)).all()
    one = fit_scale(samples, largest, fmt, per_channel=False)
    assert len(set(one.tolist())) == 1
    assert error(one).sum() <= error(one * 2).sum()
    for scale in (own, fit_scale(samples, largest, INT8, per_channel=True, power_of_two=True)):
        if fmt == AF8 or scale is not own:
            np.testing.assert_array_equal(np.frexp(scale)[0], 0.5)
    np.testing.assert_array_less(0, fit_scale(samples * 0, largest * 0, fmt, per_channel=True))
    with pytest.raises(ValueError, match=r"^ternary scales are those of absmean, not fitted$"):
        fit_scale(samples, largest, TernaryFormat(), per_channel=False)


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_rounding_by_covariance_pays(fmt: Format) -> None:
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(40, 40)) * np.geomspace(1, 0.05, 40)
    x = rng.normal(size=(2000, 40)) @ mixing.T
    weights = rng.normal(size=(40, 12))
    scale = fit_scale(weights, np.abs(weights).max(axis=0), fmt, per_channel=True)
    plain = round_weights(weights, scale, fmt)
    np.testing.assert_array_equal(plain, nearest(weights / scale, fmt))
    chosen = round_weights(weights, scale, fmt, np.cov(x.T, bias=True))
    np.testing.assert_array_equal(chosen, nearest(chosen, fmt))  # they are codes' integers

    def error(found: np.ndarray) -> float:
        return float(np.square(x @ (found * scale - weights)).mean())

    assert error(chosen) < 0.6 * error(plain)
    np.testing.assert_array_equal(round_weights(weights, scale, fmt, np.zeros((40, 40))), plain)
    # an input that did not vary is rounded by itself; a little below 0 is what is left of none
    covariance = np.cov(x.T, bias=True)
    covariance[3], covariance[:, 3] = 0, 0
    covariance[3, 3] = -1e-18
    some = np.delete(np.arange(40), 3)
    partly = round_weights(weights, scale, fmt, covariance)
    np.testing.assert_array_equal(partly[3], plain[3])
    alone = round_weights(weights[some], scale, fmt, covariance[np.ix_(some, some)])
    np.testing.assert_array_equal(partly[some], alone)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("fraction", [None, 9])
def test_linear_layers_on_the_matrix_unit(name: str, fraction: int | None) -> None:
    """Codes of real inputs through golden's product: the real result, within what codes cost."""
    array = ARRAYS[name]
    activation = array.vmac.pair.activation
    rng = np.random.default_rng(4)
    x = rng.normal(size=(50, 24)) + 0.3
    weights, bias = rng.normal(size=(24, 10)) / 5, rng.normal(size=10)
    is_ternary = isinstance(array.vmac.pair.weight, TernaryFormat)
    scale_in = fit_scale(x, np.abs(x).max(axis=0), activation, per_channel=not is_ternary)
    real = x @ weights + bias
    scale = fit_scale(real, np.abs(real).max(axis=0), activation, per_channel=True)
    layer = quantise_linear(
        "layer",
        weights,
        bias,
        LinearInput(scale=scale_in, mean=x.mean(axis=0), covariance=np.cov(x.T, bias=True)),
        array,
        scale=scale if fraction is None else None,
        fraction=fraction,
    )
    codes = codes_of(nearest(x / scale_in, activation), activation)
    found = matmul(codes, layer.codes, layer.parameters, array)
    values = found / 2.0 ** (fraction or 0)
    if fraction is None:
        values = integers(found, activation) * scale
    off = values - real
    limit = 0.6 if is_ternary else 0.05
    assert np.abs(off).mean() < limit * np.abs(real).mean()
    # rounded weights do not move the mean
    assert np.abs(off.mean(axis=0)).max() < 0.03
    part = layer.slice(3, 7)
    np.testing.assert_array_equal(matmul(codes, part.codes, part.parameters, array), found[:, 3:7])
    assert (part.depth, part.columns) == (24, 4)


def test_linear_refusals() -> None:
    array = ARRAYS["edge16"]
    inputs = LinearInput(scale=np.full(4, 1.0))
    with pytest.raises(CompileError) as caught:
        quantise_linear(
            "a layer", np.ones((5000, 2)), np.zeros(2), LinearInput(scale=np.ones(5000)), array
        )
    assert str(caught.value) == (
        "a layer sums 5000 products, the machine's accumulators 4096 at most"
    )
    with pytest.raises(CompileError) as caught:
        quantise_linear("a layer", np.ones((4, 2)), [0, 0], inputs, array, fraction=20)
    assert str(caught.value) == (
        "a layer must be shifted right by 0…63 to have 20 fraction bits, not by -10…-10"
    )
    coarse = quantise_linear(
        "a layer", np.ones((4, 2)), [0, 0], inputs, array, fraction=20, may_coarsen=True
    )
    assert coarse.fraction == 10
    with pytest.raises(CompileError) as caught:
        requantisation("a product", 1e10, ARRAYS["edge16_int8"], None)
    assert str(caught.value) == (
        "a product: real multiplier must be above 0 and at most 4294967295, not 10000000000.0"
    )


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize("residual", [None, 0.0371])
def test_normalisations(fmt: Format, residual: float | None) -> None:
    """γ, β and the exponent give back the scales that were asked for."""
    rng = np.random.default_rng(6)
    gamma, beta = rng.normal(size=20) * 3, rng.normal(size=20)
    scale = np.ldexp(1.0, rng.integers(-12, -8, 20)) if fmt == AF8 else rng.uniform(0.02, 0.1, 20)
    config = LayerNormConfig()
    norm = quantise_norm(
        "a norm",
        gamma,
        beta,
        1e-5,
        config,
        fmt=fmt,
        fraction=10,
        scale=scale,
        largest=np.full(20, 8.0),
        residual=residual,
    )
    assert norm.epsilon == round(1e-5 * 400 * 4**10)
    assert max(np.abs(norm.gamma).max(), np.abs(norm.beta).max()) < 1 << 15
    mantissa = fmt.mantissa_width if isinstance(fmt, AdaptivFloatFormat) else 0
    unit = scale * 2.0 ** (norm.exponent + mantissa)
    np.testing.assert_allclose(norm.beta * unit, beta, atol=0.5001 * unit.max())
    np.testing.assert_allclose(norm.gamma * unit / 2, gamma, atol=0.2501 * unit.max())
    # no bit of the 16 is wasted: another octave would not fit
    used = max(np.abs(norm.gamma).max(), np.abs(norm.beta).max(), (8 * 1.25 / unit).max())
    assert used > 1 << 13
    assert (norm.has_a, norm.has_b) == (True, residual is not None)
    if residual is not None:
        assert 1 << 15 <= norm.b_multiplier < 1 << 16
        ratio = norm.b_multiplier / 2.0**norm.shift
        assert abs(ratio / (residual * 1024) - 1) < 2**-16


def test_normalisation_refusals() -> None:
    def norm(fraction: int = 10, unit: float = 0.1, residual: float = 0.1) -> None:
        quantise_norm(
            "a norm",
            np.ones(4),
            np.ones(4),
            1e-5,
            LayerNormConfig(),
            fmt=INT8,
            fraction=fraction,
            scale=np.full(4, unit),
            largest=np.full(4, 8.0),
            residual=residual,
        )

    with pytest.raises(CompileError) as caught:
        norm(fraction=30)
    assert str(caught.value) == (
        "epsilon of a norm must be below 2^32 in units of the sums' last bit, not 184467440737096"
    )
    with pytest.raises(CompileError) as caught:
        norm(residual=70.0)
    assert str(caught.value) == (
        "a code of the residual of a norm must stand for at most 65535 last bits of the sum, "
        "not 71680"
    )
    with pytest.raises(CompileError) as caught:
        norm(unit=1e-5)
    assert str(caught.value) == "a norm has γ or β too large for its results' scale"


def test_fractions_of_wide_numbers() -> None:
    assert wide_fraction(3.9, 10.0, 256, 1e-12) == 12  # 3.9 · 1.25 < 8 = 2^15 / 2^12
    assert wide_fraction(3.9, 40.0, 256, 1e-12) == 11  # 40 · 1.25 < 64 = 2^17 / 2^11
    assert wide_fraction(0.0, 0.0, 256, 0.0) == 24
    for epsilon in (1e-3, 1e-1):
        bits = wide_fraction(0.001, 0.001, 1024, epsilon)
        assert epsilon * 1024**2 * 4**bits < 2**32 <= epsilon * 1024**2 * 4 ** (bits + 1)
        assert math.ldexp(0.001, bits) < 1 << 15
