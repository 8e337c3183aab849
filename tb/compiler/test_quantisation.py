"""Options of post-training quantisation: what each changes, and what it costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat, Format, IntegerFormat
from alembert_compiler.calibrate import Calibration
from alembert_compiler.code_grid import fit_scale, nearest, top_scale
from alembert_compiler.compile import compile_model, compile_quantised
from alembert_compiler.linear_layer import LinearInput, quantise_linear
from alembert_compiler.model import Model
from alembert_compiler.quantisation import Clip, Quantisation
from alembert_compiler.quantise_model import quantise_model
from alembert_compiler.scale_choice import choose_scale, kept_share
from alembert_compression.entropy_range import Entropy
from alembert_compression.granularity import PerGroup
from alembert_compression.group_folding import fold_groups
from alembert_compression.histogram import Observer
from alembert_compression.ranges import Percentile
from alembert_compression.uniform import Uniform, quantise_uniform
from compiler.compiled_models import MACHINES, TOKENS, calibration_of, random_model, run
from compiler.test_compile import hidden_integers
from compression.layers import layer
from numpy.typing import NDArray

INT8, AF8 = IntegerFormat(), AdaptivFloatFormat()
FORMATS: list[Format] = [AF8, INT8]


@pytest.fixture(scope="module")
def model() -> Model:
    return random_model()


@pytest.fixture(scope="module")
def calibration(model: Model) -> Calibration:
    return calibration_of(model)


def _given(*cases: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return cases


def options(**fields: Any) -> Quantisation:
    return Quantisation(**fields)


CASES: dict[str, tuple[Quantisation, float]] = {
    "nearest": (options(rounding="nearest"), 0.06),
    "in order": (options(act_order=False), 0.06),
    "weights absmax": (options(weight_range=Clip(rule="absmax")), 0.06),
    "weights percentile": (options(weight_range=Clip(rule="percentile", percent=99)), 0.09),
    "tensor": (options(granularity="tensor"), 0.06),
    "activations absmax": (options(activation_range=Clip(rule="absmax")), 0.06),
    "activations percentile": (
        options(activation_range=Clip(rule="percentile", percent=99.9)),
        0.06,
    ),
    "activations entropy": (options(activation_range=Clip(rule="entropy")), 0.12),
    "token": (options(activations="token"), 0.06),
    "4 bits": (options(weight_bits=4), 0.25),
    "4 bits in groups": (options(weight_bits=4, group_size=8), 0.2),
    "4 bits in groups, by percentile": (
        options(weight_bits=4, group_size=8, weight_range=Clip(rule="percentile", percent=99.9)),
        0.2,
    ),
}
"""And the mean error of hidden states that the machine may have, over their mean magnitude."""


OF_FLOATS = ("nearest", "weights absmax", "tensor", "activations absmax", "activations percentile")
"""Those that are tried with AdaptivFloat, too."""


@pytest.fixture(scope="module")
def usual(model: Model, calibration: Calibration) -> dict[str, bytes]:
    """Without any option."""
    return {
        machine: bytes(compile_model(model, MACHINES[machine], calibration, max_length=13).data)
        for machine in ("edge16_int8", "edge16")
    }


@pytest.mark.parametrize(
    ("machine", "name"),
    [*(("edge16_int8", name) for name in CASES), *(("edge16", name) for name in OF_FLOATS)],
)
def test_what_each_changes_and_costs(
    name: str, machine: str, model: Model, calibration: Calibration, usual: dict[str, bytes]
) -> None:
    chosen, limit = CASES[name]
    config = MACHINES[machine]
    quantised = quantise_model(model, calibration, config, quantisation=chosen)
    image = compile_quantised(quantised, max_length=13)
    # of normally distributed weights, the largest is what the least error is found at, too
    if (name, machine) != ("weights absmax", "edge16_int8"):
        assert bytes(image.data) != usual[machine]
    image = compile_quantised(quantised, max_length=13, keep_hidden=True)
    exact = np.stack(model.forward(TOKENS).hidden[1:], axis=1)
    states = hidden_integers(config, image, run(config, image, TOKENS, [0]).output)
    off = states * np.array(image.hidden_scales)[:, None, None] - exact
    assert np.abs(off).mean() < limit * np.abs(exact).mean()


@pytest.mark.parametrize("machine", MACHINES)
def test_defaults_are_what_was_always_done(
    machine: str, model: Model, calibration: Calibration
) -> None:
    """Scales with the least squared error, and GPTQ by falling variance."""
    config = MACHINES[machine]
    images = [
        bytes(compile_model(model, config, calibration, max_length=8, **given).data)
        for given in _given(
            {},
            {"quantisation": Quantisation()},
            {"activations": "static", "quantisation": Quantisation(activations="static")},
        )
    ]
    assert images[0] == images[1] == images[2]
    if machine == "ternary":
        return
    quantised = quantise_model(model, calibration, config)
    seen, fmt = calibration["ffn_input"], config.fmt
    scale = fit_scale(seen.samples, seen.largest, fmt, per_channel=False)
    np.testing.assert_array_equal(quantised.layers[0].scales["ffn_input"], scale)
    weights = model.layers[0].ffn.weight.T.astype(np.float64) * scale[:, None]
    covariance = seen.covariance / np.outer(scale, scale)
    unit = fit_scale(
        weights,
        np.abs(weights).max(axis=0),
        config.main.vmac.pair.weight,
        per_channel=True,
        weight=np.diag(covariance)[:, None],
    )
    np.testing.assert_array_equal(quantised.layers[0].ffn.unit, unit)


def test_activations_in_place_of_the_quantisations(model: Model, calibration: Calibration) -> None:
    config, token = MACHINES["edge16_int8"], Quantisation(activations="token")
    found = [
        bytes(compile_model(model, config, calibration, max_length=8, **given).data)
        for given in _given(
            {"quantisation": token},
            {"activations": "token"},
            {"activations": "static", "quantisation": token},
            {},
        )
    ]
    assert found[0] == found[1] != found[2] == found[3]


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize("per_channel", [True, False])
def test_ranges_are_the_packages(fmt: Format, per_channel: bool) -> None:
    rng = np.random.default_rng(3)
    samples = rng.standard_t(4, size=(400, 5)).astype(np.float32) * np.geomspace(0.1, 9, 5)
    largest = np.abs(samples).max(axis=0) * 1.01
    reach = largest if per_channel else np.full(5, largest.max())
    seen = Observer(reach=1.0)
    seen.observe(samples / reach)
    ends = {
        Clip(rule="absmax"): (-1.0, 1.0),
        Clip(rule="percentile", percent=99): Percentile(percent=99)(seen.histogram),
    }
    if fmt == INT8:
        ends[Clip(rule="entropy")] = Entropy()(seen.histogram)
    for clip, (low, high) in ends.items():
        share = max(-low, high)
        assert (share < 1) == (clip.rule != "absmax")
        found = choose_scale(samples, largest, fmt, clip, per_channel=per_channel)
        np.testing.assert_array_equal(found, top_scale(reach * share, fmt))
        if fmt == INT8:
            np.testing.assert_allclose(found * 127, reach * share, rtol=1e-12)
        octaves = choose_scale(
            samples, largest, fmt, clip, per_channel=per_channel, power_of_two=True
        )
        np.testing.assert_array_equal(np.frexp(octaves)[0], 0.5)
        limit = top_scale(np.ones(1), fmt, power_of_two=True)
        assert (octaves <= limit * 2 * reach * share).all()
    fitted = choose_scale(samples, largest, fmt, Clip(), per_channel=per_channel)
    np.testing.assert_array_equal(fitted, fit_scale(samples, largest, fmt, per_channel=per_channel))
    zeros = choose_scale(
        samples * 0, largest * 0, fmt, Clip(rule="percentile", percent=50), per_channel=per_channel
    )
    np.testing.assert_array_equal(zeros, top_scale(np.ones(5), fmt))


def test_the_share_that_is_kept() -> None:
    values = np.linspace(-1, 1, 20001)
    for percent in (50.0, 90.0, 99.0):
        clip = Clip(rule="percentile", percent=percent)
        assert abs(kept_share(values, clip, levels=128) - percent / 100) <= 2 / 2048
    assert kept_share(values, Clip(rule="percentile", percent=100), levels=128) == 1.0
    assert kept_share(values * 1.0001, Clip(rule="absmax"), levels=128) == 1.0


def test_four_bits_are_codes_of_eight() -> None:
    weights, hessian = layer()
    inputs = LinearInput(scale=np.ones(len(weights)), covariance=hessian)
    array = MACHINES["edge16_int8"].main

    def made(**fields: Any) -> tuple[NDArray, float]:
        found = quantise_linear(
            "a layer",
            weights,
            np.zeros(weights.shape[1]),
            inputs,
            array,
            fraction=4,
            quantisation=Quantisation(**fields),
        )
        error = found.codes * found.unit - weights
        return found.codes, float(np.sum(error * (hessian @ error)))

    eight, four = made(), made(weight_bits=4)
    assert np.abs(four[0]).max() == 7
    groups = made(weight_bits=4, group_size=8)
    assert np.abs(groups[0]).max() > 64
    assert eight[1] < groups[1] < four[1] < made(weight_bits=4, rounding="nearest")[1]
    # one by one, groups are the package's, scales of which the largest weight is
    nearest_groups = made(
        weight_bits=4, group_size=8, rounding="nearest", weight_range=Clip(rule="absmax")
    )[0]
    grid = quantise_uniform(weights, Uniform(width=4), PerGroup(size=8, axis=0))
    np.testing.assert_array_equal(nearest_groups, fold_groups(grid).quantised.codes)


def test_one_scale_for_all_channels() -> None:
    weights, hessian = layer()
    weights = weights * np.geomspace(1, 4, weights.shape[1])
    array = MACHINES["edge16_int8"].main
    found = quantise_linear(
        "a layer",
        weights,
        np.zeros(weights.shape[1]),
        LinearInput(scale=np.ones(len(weights)), covariance=hessian),
        array,
        fraction=4,
        quantisation=Quantisation(granularity="tensor", rounding="nearest"),
    )
    assert len(set(found.unit.tolist())) == 1
    np.testing.assert_array_equal(found.codes, nearest(weights / found.unit, INT8))


def test_scales_of_weights_with_long_tails() -> None:
    weights = np.random.default_rng(8).standard_t(2, size=(200, 6))
    array, largest = MACHINES["edge16_int8"].main, np.abs(weights).max(axis=0)

    def units(clip: Clip) -> NDArray:
        return quantise_linear(
            "a layer",
            weights,
            np.zeros(6),
            LinearInput(scale=np.full(200, 0.5)),
            array,
            fraction=4,
            quantisation=Quantisation(weight_range=clip),
        ).unit

    np.testing.assert_allclose(units(Clip(rule="absmax")), largest / 254, rtol=1e-15)
    assert (units(Clip()) <= largest / 254).all()
    assert (units(Clip(rule="percentile", percent=99)) < largest / 254 / 1.2).all()
