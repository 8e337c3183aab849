"""Rescaling: golden against exact fractions, RTL against golden."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from alembert.config.ternary import ActivationQuantiserConfig, RescaleConfig
from alembert.ternary.rescale import Rescale
from alembert_golden.activation_quantiser import absmax_quantise
from alembert_golden.rescale import rescale, rescale_parameters, token_scale
from alembert_golden.ternary import absmean
from hypothesis import given, settings
from hypothesis import strategies as st
from support.simulate import simulate

GOLDEN_CONFIGS = [
    RescaleConfig(),
    RescaleConfig(accumulator_width=8, max_width=8, scale_width=8, out_width=8),
    RescaleConfig(accumulator_width=32, max_width=24, scale_width=24, out_width=32),
    RescaleConfig(accumulator_width=20, max_width=24, scale_width=12, out_width=32),
]


def _fraction(multiplier: int, token_max: int, shift: int) -> Fraction:
    return Fraction(multiplier * token_max, 1 << shift)


@pytest.mark.parametrize("config", GOLDEN_CONFIGS, ids=str)
@settings(max_examples=300)
@given(data=st.data())
def test_golden_within_bounds(config: RescaleConfig, data) -> None:
    token_max = data.draw(st.integers(0, 1 << (config.max_width - 1)))
    multiplier = data.draw(st.integers(0, (1 << 32) - 1))
    shift = data.draw(st.integers(0, 63))
    half = 1 << (config.accumulator_width - 1)
    accumulators = data.draw(st.lists(st.integers(-half, half - 1), min_size=1, max_size=5))
    exact_scale = _fraction(multiplier, token_max, shift)
    scale, right = (int(x) for x in token_scale(token_max, multiplier, shift, config))
    assert 0 <= scale <= 1 << config.scale_width
    assert (right < 0) == (exact_scale >= 1 << config.scale_width)
    # c carries scale_width significant bits
    approximate = Fraction(scale) / Fraction(2) ** right
    assert abs(approximate - exact_scale) <= exact_scale / (1 << config.scale_width)

    top = 1 << (config.out_width - 1)
    results = rescale([accumulators], [token_max], multiplier, shift, config)[0].tolist()
    for accumulator, result in zip(accumulators, results):
        exact = accumulator * exact_scale
        if right < 0:
            assert result == (0 if accumulator == 0 else -top if accumulator < 0 else top - 1)
        else:
            clipped = max(-top, min(top - 1, exact))
            error = Fraction(1, 2) + abs(exact) / (1 << config.scale_width)
            assert abs(result - clipped) <= error
            assert -top <= result < top


def test_golden_rounds_half_to_even() -> None:
    # max 1, multiplier 2^31: a scale of 1/2, exactly
    config = RescaleConfig()
    accumulators = np.arange(-6, 7)
    got = rescale(accumulators, 1, 1 << 31, 32, config)
    assert got.tolist() == [round(Fraction(int(a), 2)) for a in accumulators]


@settings(max_examples=200)
@given(
    st.floats(1e-6, 10.0),
    st.integers(4, 16).map(lambda n: 2.0**-n),
    st.integers(4, 16).map(lambda n: 2.0**-n),
)
def test_parameters_have_full_precision(weight: float, lsb: float, out_lsb: float) -> None:
    config = RescaleConfig(max_width=8)
    multiplier, shift = rescale_parameters(weight, lsb, out_lsb, config)
    exact = Fraction(weight) * Fraction(lsb) / (127 * Fraction(out_lsb))
    assert (1 << 31) - 1 <= multiplier < 1 << 32
    assert abs(Fraction(multiplier, 1 << shift) - exact) <= exact / (1 << 32)


def test_parameters_below_the_largest_shift_lose_bits_but_hold() -> None:
    multiplier, shift = rescale_parameters(2.0**-40, 127.0, 1.0, RescaleConfig())
    assert (multiplier, shift) == (1 << 23, 63)


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        ((0.0, 1.0, 1.0), "weight scale must be positive and finite, not 0.0"),
        ((1.0, float("inf"), 1.0), "activation lsb must be positive and finite, not inf"),
        ((1.0, 1.0, float("nan")), "output lsb must be positive and finite, not nan"),
        (
            (254.0, 1.0, 1.0),
            "weight scale · activation lsb / (127 · output lsb) must be between 2^-64 and 2^1, "
            "not 2.0",
        ),
        (
            (2.0**-64, 127.0, 1.0),
            "weight scale · activation lsb / (127 · output lsb) must be between 2^-64 and 2^1, "
            "not 5.421010862427522e-20",
        ),
    ],
)
def test_parameters_refuse(scales: tuple[float, float, float], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        rescale_parameters(*scales, RescaleConfig())
    assert str(caught.value) == message


def test_golden_refuses_what_the_registers_do_not_hold() -> None:
    config = RescaleConfig()
    with pytest.raises(
        ValueError, match=r"^rescale multiplier must be between 0 and 4294967295, not 4294967296$"
    ):
        rescale([1], 1, 1 << 32, 0, config)
    with pytest.raises(ValueError, match=r"^rescale shift must be between 0 and 63, not 64$"):
        rescale([1], 1, 1, 64, config)


def test_linear_layer_against_float64() -> None:
    """absmean, absmax, exact dot product, rescale: the layer of its quantised operands."""
    rng = np.random.default_rng(3)
    weights, scale = absmean(rng.normal(0.0, 0.04, (32, 256)))
    lsb, out_lsb = 2.0**-8, 2.0**-16
    values = np.round(rng.normal(0.0, 1.0, (20, 256)) / lsb).astype(np.int64)
    values[0] = 0
    config = RescaleConfig()
    codes, largest = absmax_quantise(values, ActivationQuantiserConfig(width=config.max_width))
    accumulators = codes @ weights.astype(np.int64).T
    multiplier, shift = rescale_parameters(scale, lsb, out_lsb, config)
    got = rescale(accumulators, largest, multiplier, shift, config)
    real = (codes * (largest * lsb / 127)[:, None]) @ (weights * scale).T / out_lsb
    assert np.abs(real).max() > 10_000
    assert (np.abs(got - real) <= 0.5 + 1e-6 + np.abs(real) * 2.0**-config.scale_width).all()


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"lanes": 0}, ValueError, "rescale lanes must be between 1 and 1024, not 0"),
        (
            {"accumulator_width": 33},
            ValueError,
            "rescale accumulator width must be between 8 and 32, not 33",
        ),
        ({"max_width": 7}, ValueError, "rescale max width must be between 8 and 24, not 7"),
        ({"scale_width": 25}, ValueError, "rescale scale width must be between 8 and 24, not 25"),
        ({"out_width": None}, TypeError, "rescale output width must be an int, not None"),
    ],
)
def test_config_refuses(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        RescaleConfig(**fields)


RTL_CONFIGS = {
    "default": RescaleConfig(lanes=3),
    "narrow": RescaleConfig(
        lanes=2, accumulator_width=8, max_width=8, scale_width=24, out_width=32
    ),
}


@pytest.mark.parametrize("name", RTL_CONFIGS)
def test_rtl_equals_golden(simulator: str, name: str) -> None:
    config = RTL_CONFIGS[name]
    simulate(
        Rescale(config),
        simulator=simulator,
        module="ternary.bench_rescale",
        top=f"rescale_{name}",
        lanes=config.lanes,
        accumulator_width=config.accumulator_width,
        max_width=config.max_width,
        scale_width=config.scale_width,
        out_width=config.out_width,
    )
