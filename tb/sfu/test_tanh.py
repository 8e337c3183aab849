"""Hyperbolic tangent: golden against float64 over every input, RTL against golden."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pytest
from alembert.config.tanh import TanhConfig, tanh_of
from alembert.sfu.tanh import Tanh
from alembert_golden.tanh import tanh
from numpy.typing import NDArray
from support.simulate import simulate

FORMATS = [(16, 11), (20, 15), (20, 4), (16, 15), (16, 13), (16, 12), (12, 8), (8, 7), (8, 4)]
CONFIGS = [TanhConfig(width=width, fraction=fraction) for width, fraction in FORMATS]


def _all_inputs(config: TanhConfig) -> NDArray[np.int64]:
    return np.arange(config.min_value, config.max_value + 1)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_golden_is_within_the_bound_everywhere(config: TanhConfig) -> None:
    """Every input of every format here: 3/2 units of the last place."""
    values, unit = _all_inputs(config), 2.0**-config.fraction
    error = np.abs(tanh(values, config) * unit - np.tanh(values * unit))
    print(f"largest error: {error.max() / unit:.3f} units of the last place")
    assert error.max() <= 1.5 * unit


def test_default_format_keeps_the_contract() -> None:
    """1.1 units of the last place at 11 fraction bits."""
    values = _all_inputs(TanhConfig())
    error = np.abs(tanh(values, TanhConfig()) - 2048 * np.tanh(values / 2048))
    assert 1.0 < error.max() < 1.1


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_golden_is_odd_never_falls_and_ends_at_one(config: TanhConfig) -> None:
    values, far = _all_inputs(config), 1 << (config.fraction + config.domain_log2)
    got, one = tanh(values, config), 1 << config.fraction
    assert got[values == 0].tolist() == [0]
    assert (got[1:] == -got[1:][::-1]).all()
    assert (np.diff(got) >= 0).all()
    assert (np.abs(got) <= one).all()
    assert (got[values >= far] == one).all() and (got[values <= -far] == -one).all()


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_table(config: TanhConfig) -> None:
    """Nodes are tanh rounded up, start at 0, join up and end in 1."""
    table = config.table
    count = 1 << (config.pieces_log2 + config.domain_log2)
    assert len(table.base) == len(table.step) == count
    nodes = np.array([*table.base, table.base[-1] + table.step[-1]])
    one = 1 << (config.fraction + config.GUARD_WIDTH)
    assert nodes[0] == 0 and nodes[-1] == one
    assert (np.diff(nodes) == np.array(table.step)).all()
    above = nodes - np.tanh(np.arange(count + 1) / 2**config.pieces_log2) * one
    assert above.min() >= -1e-9 and above.max() < 1


def test_tanh_of_decimals() -> None:
    for k in range(513):
        want = float(np.tanh(k / 64))
        assert float(tanh_of(Decimal(k) / 64)) == pytest.approx(want, rel=1e-14, abs=0)


def test_golden_keeps_the_shape_and_takes_nothing() -> None:
    config = TanhConfig()
    assert tanh(np.zeros((2, 3), dtype=np.int64), config).shape == (2, 3)
    assert tanh([], config).shape == (0,)


@pytest.mark.parametrize("value", [-32769, 32768])
def test_golden_refuses_a_value_out_of_range(value: int) -> None:
    message = f"tanh input must be between -32768 and 32767, not {value}…{value}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        tanh(value, TanhConfig())


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"lanes": 0}, ValueError, "tanh lanes must be between 1 and 64, not 0"),
        ({"width": 7}, ValueError, "tanh width must be between 8 and 20, not 7"),
        ({"width": 21}, ValueError, "tanh width must be between 8 and 20, not 21"),
        ({"fraction": 3}, ValueError, "tanh fraction must be between 4 and 15, not 3"),
        (
            {"width": 10, "fraction": 10},
            ValueError,
            "tanh fraction must be between 4 and 9, not 10",
        ),
        ({"width": "16"}, TypeError, "tanh width must be an int, not '16'"),
    ],
)
def test_config_refuses(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        TanhConfig(**fields)


RTL_CONFIGS = {
    "default": TanhConfig(),
    # inputs that never leave the table
    "narrow": TanhConfig(lanes=1, width=8, fraction=7),
    # and those that do so after 8 chords
    "few": TanhConfig(lanes=3, width=8, fraction=4),
}


@pytest.mark.parametrize(
    ("name", "simulator"),
    [
        ("default", "verilator"),
        ("default", "icarus"),
        ("narrow", "icarus"),
        ("few", "icarus"),
    ],
)
def test_rtl_equals_golden(name: str, simulator: str) -> None:
    """Every input under Verilator, one in 61 of 16 bits under Icarus."""
    config = RTL_CONFIGS[name]
    stride = 61 if (config.width, simulator) == (16, "icarus") else 1
    simulate(
        Tanh(config),
        simulator=simulator,
        module="sfu.bench_gelu",
        top=f"tanh_{name}",
        lanes=config.lanes,
        width=config.width,
        fraction=config.fraction,
        stride=stride,
    )
