# amaranth: UnusedElaboratable=no
"""Layer norm: golden against float64, RTL against golden."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from alembert.config.layernorm import LayerNormConfig
from alembert.sfu.inverse_root import InverseRoot
from alembert.sfu.layernorm import LayerNorm
from alembert.sfu.squarer import Squarer
from alembert_golden.layernorm import inverse_root, layernorm, normalise, scaled_variance
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from hypothesis import given, settings
from hypothesis import strategies as st
from sfu.oracle_layernorm import (
    adversarial_rows,
    all_rows,
    exact_layernorm,
    max_layernorm_error,
)
from support.simulate import simulate

CONFIGS = [
    LayerNormConfig(),
    LayerNormConfig(width=8),
    LayerNormConfig(width=24, gamma_fraction=15, out_fraction=0),
    LayerNormConfig(lanes=3, width=10, max_length=20, gamma_fraction=4, out_fraction=15),
]
BOUND = 2**-8


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_golden_is_within_the_bound(config: LayerNormConfig) -> None:
    """The contract asks for 2^−7 of the row's σ; 2^−8 is kept."""
    worst = 0.0
    for rows in all_rows(config):
        got = normalise(rows, 0, config) / (1 << config.FRACTION)
        assert np.abs(got).max() <= math.sqrt(rows.shape[1])
        worst = max(worst, float(np.abs(got - exact_layernorm(rows)).max()))
    print(f"largest error of the normalised value: 2^{math.log2(worst):.2f}")
    assert worst <= BOUND


def test_the_largest_error_keeps_the_contract() -> None:
    """The figure of ``make bench``: every row and ε here, in the default configuration."""
    assert 2**-10 < max_layernorm_error() <= BOUND


@pytest.mark.parametrize("epsilon", [1, 1000, (1 << 32) - 1])
def test_golden_with_epsilon_is_within_the_bound(epsilon: int) -> None:
    config = LayerNormConfig()
    for n in (1, 2, 3, 64, 1024):
        rows = adversarial_rows(n, config)
        got = normalise(rows, epsilon, config) / (1 << config.FRACTION)
        assert np.abs(got - exact_layernorm(rows, epsilon)).max() <= BOUND


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@settings(max_examples=150)
@given(data=st.data())
def test_golden_result_is_within_the_bound(config: LayerNormConfig, data: st.DataObject) -> None:
    half = 1 << (config.width - 1)
    sixteen = st.integers(-(1 << 15), (1 << 15) - 1)
    row = st.tuples(st.integers(-half, half - 1), sixteen, sixteen)
    x, gamma, beta = np.array(data.draw(st.lists(row, min_size=1, max_size=20))).T
    epsilon = data.draw(st.integers(0, (1 << 32) - 1))
    scale = 1 << config.out_fraction
    factor = gamma / (1 << config.gamma_fraction)
    exact = exact_layernorm(x, epsilon) * factor + beta / scale
    exact = np.clip(exact, -(1 << 15) / scale, ((1 << 15) - 1) / scale)
    got = layernorm(x, gamma, beta, epsilon, config) / scale
    assert (np.abs(got - exact) <= np.abs(factor) * BOUND + 0.5 / scale + 1e-9).all()


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_golden_root_is_relatively_accurate(config: LayerNormConfig) -> None:
    rng = np.random.default_rng(3)
    octaves = rng.uniform(0, config.variance_width - 1e-9, 20_000)
    variances = [int(2**octave) for octave in octaves.tolist()]
    variances += [
        v + d for e in range(1, config.variance_width) for v in (1 << e,) for d in (-1, 0)
    ]
    root, exponent = inverse_root(variances, config)
    got = root * 2.0 ** -(config.ROOT_FRACTION + exponent)
    assert np.abs(got * np.sqrt(np.array(variances, dtype=np.float64)) - 1).max() < 2**-13
    assert root.min() >= 1 << (config.ROOT_FRACTION - 1)
    assert root.max() == 1 << config.ROOT_FRACTION


def test_golden_root_of_zero_is_zero() -> None:
    root, exponent = inverse_root([0], LayerNormConfig())
    assert (root.tolist(), exponent.tolist()) == ([0], [0])


def test_golden_takes_rows_along_the_last_axis() -> None:
    config = LayerNormConfig(out_fraction=12)
    rows = [[[7, 7], [1, -1]], [[-5, -9], [0, 0]]]
    got = layernorm(rows, [4096, 8192], [0, 1], 0, config)
    assert got.tolist() == [[[0, 1], [4096, -8191]], [[4096, -8191], [0, 1]]]
    assert scaled_variance(rows, 3, config) == [3, 7, 19, 3]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_no_sum_exceeds_its_width(config: LayerNormConfig) -> None:
    n, half = config.max_length, 1 << (config.width - 1)
    assert n * half <= 1 << (config.sum_width - 1)
    assert n * half * half < 1 << config.square_sum_width
    assert n * n * half * half + (1 << 32) - 1 < 1 << config.variance_width
    assert 2 * half * n <= 1 << (config.deviation_width - 1)
    one = 1 << config.FRACTION
    assert 2 * math.sqrt(n - 1) * one + 1 < 1 << (config.ratio_width - 1)
    assert math.sqrt(n - 1) * one * (1 + 2**-13) + 2 < 1 << (config.normalised_width - 1)


ROW = np.zeros(4, dtype=np.int64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], ROW, ROW, 0), "row length must be between 1 and 1024, not 0"),
        (([0] * 1025, ROW, ROW, 0), "row length must be between 1 and 1024, not 1025"),
        (([0, 1 << 17], ROW, ROW, 0), "values must be between -131072 and 131071, not 131072"),
        ((ROW, ROW + 40000, ROW, 0), "gamma must be between -32768 and 32767, not 40000"),
        ((ROW, ROW, ROW - 32769, 0), "beta must be between -32768 and 32767, not -32769"),
        ((ROW, ROW, ROW, -1), "epsilon must be between 0 and 4294967295, not -1"),
    ],
)
def test_golden_refuses(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        values, gamma, beta, epsilon = arguments
        layernorm(values, gamma, beta, epsilon, LayerNormConfig())


def test_golden_root_refuses() -> None:
    message = f"variance must be between 0 and {(1 << 56) - 1}, not -1"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        inverse_root([5, -1], LayerNormConfig())


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"lanes": 65}, ValueError, "layer norm lanes must be between 1 and 64, not 65"),
        ({"width": 7}, ValueError, "layer norm width must be between 8 and 24, not 7"),
        ({"width": 18.0}, TypeError, "layer norm width must be an int, not 18.0"),
        ({"max_length": 1}, ValueError, "layer norm max length must be between 2 and 1024, not 1"),
        ({"depth": 1}, ValueError, "layer norm depth must be between 2 and 65536, not 1"),
        (
            {"gamma_fraction": 3},
            ValueError,
            "layer norm gamma fraction must be between 4 and 15, not 3",
        ),
        (
            {"out_fraction": 16},
            ValueError,
            "layer norm out fraction must be between 0 and 15, not 16",
        ),
        (
            {"depth": 127},
            ValueError,
            "layer norm depth must be at least 128 for rows of 1024 values in 8 lanes, not 127",
        ),
    ],
)
def test_config_refuses(fields: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        LayerNormConfig(**fields)


def test_squarer_refuses_what_is_too_narrow() -> None:
    with pytest.raises(ValueError, match=r"^squarer width must be at least 5, not 4$"):
        Squarer(4)


class Probe(wiring.Component):
    """The root and squarers behind plain ports, one result a cycle."""

    i_variance: Signal
    i_value: Signal
    o_root: Signal
    o_exponent: Signal
    o_squares: Signal

    def __init__(self, config: LayerNormConfig):
        self._config = config
        self._squarers = [Squarer(width) for width in (7, 8, config.width)]
        super().__init__(
            {
                "i_variance": In(config.variance_width),
                "i_value": In(signed(config.width)),
                "o_root": Out(config.root_width),
                "o_exponent": Out(config.exponent_width),
                "o_squares": Out(2 * config.width * len(self._squarers)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.root = root = InverseRoot(self._config)
        m.d.comb += [
            root.i.payload.eq(self.i_variance),
            self.o_root.eq(root.o.payload.root),
            self.o_exponent.eq(root.o.payload.exponent),
        ]
        for k, squarer in enumerate(self._squarers):
            m.submodules[f"squarer_{k}"] = squarer
            place = 2 * self._config.width
            m.d.comb += [
                squarer.i.eq(self.i_value),
                self.o_squares.word_select(k, place).eq(squarer.o),
            ]
        return m


def test_rtl_root_and_squares_equal_golden(simulator: str) -> None:
    config = LayerNormConfig(width=24)
    simulate(
        Probe(config),
        simulator=simulator,
        module="sfu.bench_layernorm_parts",
        top="layernorm_parts",
        width=config.width,
        count=10_000 if simulator == "verilator" else 1_200,
    )


RTL_CONFIGS: dict[str, dict[str, Any]] = {
    "default": {},
    # lanes, length and depth that are no power of two, the ends of both fractions
    "odd": {
        "lanes": 3,
        "width": 10,
        "max_length": 20,
        "depth": 7,
        "gamma_fraction": 4,
        "out_fraction": 15,
    },
}


@pytest.mark.parametrize("name", RTL_CONFIGS)
def test_rtl_equals_golden(name: str, simulator: str) -> None:
    fields = RTL_CONFIGS[name]
    simulate(
        LayerNorm(LayerNormConfig(**fields)),
        simulator=simulator,
        module="sfu.bench_layernorm",
        top=f"layernorm_{name}",
        effort=4 if simulator == "verilator" else 1,
        **fields,
    )
