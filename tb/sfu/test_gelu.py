"""GELU: golden against float64 over every input, RTL against golden."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import numpy as np
import pytest
from alembert.config.gelu import GeluConfig, GeluForm, normal_cdf
from alembert.sfu.gelu import Gelu
from alembert_golden.gelu import gelu
from sfu.oracle_gelu import all_inputs, exact_gelu, max_gelu_error
from support.simulate import SIMULATORS, simulate

FORMATS = [(16, 11), (20, 15), (20, 4), (16, 15), (16, 13), (16, 12), (12, 8), (8, 7), (8, 4)]
CONFIGS = [GeluConfig(width=w, fraction=f, form=form) for w, f in FORMATS for form in GeluForm]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_golden_is_within_the_bound_everywhere(config: GeluConfig) -> None:
    """Every input of every format here: 3/2 units of the last place."""
    values, unit = all_inputs(config), 2.0**-config.fraction
    error = np.abs(
        gelu(values, config) * unit - exact_gelu(values.astype(np.float64) * unit, config.form)
    )
    print(f"largest error: {error.max() / unit:.3f} units of the last place")
    assert error.max() <= 1.5 * unit


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_shifted_values_are_within_the_same_bound(config: GeluConfig) -> None:
    """Values that reach 2^shift times as far: 3/2 units of the last place that is left."""
    for shift in range(1, 1 << config.shift_width):
        values, unit = all_inputs(config), 2.0 ** (shift - config.fraction)
        exact = exact_gelu(values.astype(np.float64) * unit, config.form)
        assert np.abs(gelu(values, config, shift=shift) * unit - exact).max() <= 1.5 * unit


def test_values_that_saturated_without_a_shift() -> None:
    """GELU of 40 is 40, which 16 bits with eleven fraction bits do not hold."""
    config = GeluConfig()
    assert gelu(config.max_value, config) / 2048 < 16
    assert gelu(40 << 9, config, shift=2) / 512 == 40
    assert gelu(-(40 << 9), config, shift=2) == 0
    with pytest.raises(ValueError, match=r"^shift of GELU must be between 0 and 7, not 8$"):
        gelu(0, config, shift=8)


@pytest.mark.parametrize("form", GeluForm)
def test_default_format_keeps_the_contract(form: GeluForm) -> None:
    """2^−10 at 11 fraction bits, where 2^−8·max(1, |x|) is asked for."""
    config = GeluConfig(form=form)
    x = all_inputs(config) / 2048
    assert np.abs(gelu(all_inputs(config), config) / 2048 - exact_gelu(x, form)).max() < 2**-10
    assert 2**-13 < max_gelu_error() < 2**-10


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_golden_at_zero_and_far_away(config: GeluConfig) -> None:
    values, far = all_inputs(config), 1 << (config.fraction + config.domain_log2)
    got = gelu(values, config)
    assert got[values == 0].tolist() == [0]
    assert (got[values >= far] == values[values >= far]).all()
    assert (got[values <= -far] == 0).all()
    assert (got <= np.maximum(values, 0)).all()
    # what is missing is an even function
    lack = np.maximum(values, 0) - got
    assert (lack[1:] == lack[1:][::-1]).all()


def test_normal_cdf() -> None:
    """The series against the platform's erfc, relatively, over all the tables use."""
    for k in range(-512, 513):
        want = math.erfc(-k / 64 / math.sqrt(2)) / 2
        assert float(normal_cdf(Decimal(k) / 64)) == pytest.approx(want, rel=1e-13, abs=0)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_table(config: GeluConfig) -> None:
    """Nodes are the nearest integers to g, start at 0, join up and end in 0."""
    table = config.table
    count = 1 << (config.pieces_log2 + config.domain_log2)
    assert len(table.base) == len(table.step) == count
    nodes = np.array([*table.base, table.base[-1] + table.step[-1]])
    assert nodes[0] == 0 and nodes[-1] == 0
    assert (np.diff(nodes) == np.array(table.step)).all()
    x = -np.arange(count) / 2**config.pieces_log2
    exact = -exact_gelu(x, config.form) * 2.0 ** (config.fraction + config.GUARD_WIDTH)
    assert np.abs(nodes[:-1] - exact).max() <= 0.5 + 1e-9


def test_golden_keeps_the_shape_and_takes_nothing() -> None:
    config = GeluConfig()
    assert gelu(np.zeros((2, 3), dtype=np.int64), config).shape == (2, 3)
    assert gelu([], config).shape == (0,)


@pytest.mark.parametrize("value", [-32769, 32768])
def test_golden_refuses_a_value_out_of_range(value: int) -> None:
    message = f"GELU input must be between -32768 and 32767, not {value}…{value}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        gelu(value, GeluConfig())


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"lanes": 0}, ValueError, "GELU lanes must be between 1 and 64, not 0"),
        ({"width": 7}, ValueError, "GELU width must be between 8 and 20, not 7"),
        ({"width": 21}, ValueError, "GELU width must be between 8 and 20, not 21"),
        ({"fraction": 3}, ValueError, "GELU fraction must be between 4 and 15, not 3"),
        ({"fraction": 16}, ValueError, "GELU fraction must be between 4 and 15, not 16"),
        (
            {"width": 10, "fraction": 10},
            ValueError,
            "GELU fraction must be between 4 and 9, not 10",
        ),
        ({"width": "16"}, TypeError, "GELU width must be an int, not '16'"),
        ({"form": "erf"}, TypeError, "GELU form must be a GeluForm, not 'erf'"),
    ],
)
def test_config_refuses(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        GeluConfig(**fields)


RTL_CONFIGS = {
    "erf": GeluConfig(),
    "tanh": GeluConfig(form=GeluForm.TANH),
    # a table of 512 chords over twice the range
    "wide": GeluConfig(lanes=3, width=20, fraction=15),
    # inputs that never leave the table
    "narrow": GeluConfig(lanes=1, width=8, fraction=7),
}


@pytest.mark.parametrize(
    ("name", "simulator"),
    [(n, s) for n in RTL_CONFIGS for s in SIMULATORS if n in ("erf", "tanh") or s == "icarus"],
)
def test_rtl_equals_golden(name: str, simulator: str) -> None:
    """Every input of 16 bits under Verilator, one in 61 under Icarus; of 20 bits one in 1021."""
    config = RTL_CONFIGS[name]
    stride = 1 if simulator == "verilator" else {8: 1, 16: 61, 20: 1021}[config.width]
    simulate(
        Gelu(config),
        simulator=simulator,
        module="sfu.bench_gelu",
        top=f"gelu_{name}",
        lanes=config.lanes,
        width=config.width,
        fraction=config.fraction,
        form=config.form.value,
        stride=stride,
    )
