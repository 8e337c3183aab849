"""Absmax quantiser: golden against exact fractions, RTL against golden."""

from __future__ import annotations

import numpy as np
import pytest
from alembert.config.ternary import ActivationQuantiserConfig
from alembert.ternary.activation_quantiser import ActivationQuantiser
from alembert_golden.activation_quantiser import absmax_quantise
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.simulate import SIMULATORS, simulate

GOLDEN_CONFIGS = [
    ActivationQuantiserConfig(width=width, guard_width=guard)
    for width, guard in ((8, 2), (8, 16), (16, 8), (24, 4), (24, 16))
]


def _check(values: NDArray[np.int64], config: ActivationQuantiserConfig) -> None:
    """The stated bounds for one token, exactly, in integers."""
    codes, largest = absmax_quantise(values, config)
    top = int(np.abs(values).max(initial=0))
    assert largest == top
    if top == 0:
        assert not codes.any()
        return
    exact = 127 * values  # over top
    # |code − 127·x/top| < 1/2 + 2^−k
    error = np.abs(codes * top - exact)
    assert ((2 * error) << config.guard_width < (top << config.guard_width) + 2 * top).all()
    # where 127·x/top is further than 2^−k from any n + 1/2, the code is the nearest integer
    floor = exact // top
    from_tie = np.abs(2 * (exact - floor * top) - top)  # twice the distance, over top
    clear = (from_tie << config.guard_width) > 2 * top
    nearest = floor + (2 * (exact - floor * top) > top)
    assert (codes[clear] == nearest[clear]).all()
    assert (codes[np.abs(values) == top] == 127 * np.sign(values[np.abs(values) == top])).all()
    assert np.abs(codes).max() == 127


@pytest.mark.parametrize("guard", [2, 5, 8, 16])
def test_golden_within_bounds_for_every_input_of_eight_bits(guard: int) -> None:
    config = ActivationQuantiserConfig(width=8, guard_width=guard)
    for top in range(129):
        _check(np.arange(-top, min(top, 127) + 1), config)


@pytest.mark.parametrize("config", GOLDEN_CONFIGS, ids=str)
@settings(max_examples=100)
@given(data=st.data())
def test_golden_within_bounds(config: ActivationQuantiserConfig, data) -> None:
    top = data.draw(st.integers(0, 1 << (config.width - 1)))
    token = data.draw(st.lists(st.integers(-top, top - 1 if top else 0), min_size=1, max_size=9))
    _check(np.array([*token, -top]), config)


@pytest.mark.parametrize("config", GOLDEN_CONFIGS, ids=str)
def test_golden_within_bounds_near_ties(config: ActivationQuantiserConfig) -> None:
    rng = np.random.default_rng(7)
    half = 1 << (config.width - 1)
    for top in [1, 2, 3, 127, half - 1, half, *rng.integers(1, half, 50).tolist()]:
        # the values next to each n + 1/2, and the top itself
        near = (2 * np.arange(-127, 127) + 1) * top // 254
        values = np.concatenate([near, near + 1, [-top]])
        _check(values[(values >= -top) & (values <= min(top, half - 1))], config)


def test_golden_ties_go_to_even_where_the_reciprocal_is_exact() -> None:
    # max = 128: 127·x/128 is never a tie but at 64: 63.5 → 64, and −63.5 → −64
    config = ActivationQuantiserConfig(width=8, guard_width=2)
    codes, _ = absmax_quantise([-128, 64, -64], config)
    assert codes.tolist() == [-127, 64, -64]


def test_golden_takes_tokens_along_the_last_axis() -> None:
    config = ActivationQuantiserConfig(width=8)
    codes, largest = absmax_quantise([[[0, 0], [1, -2]], [[-128, 127], [5, 0]]], config)
    assert largest.tolist() == [[0, 2], [128, 5]]
    assert codes.tolist() == [[[0, 0], [64, -127]], [[-127, 126], [127, 0]]]


def test_golden_refuses_what_does_not_fit() -> None:
    config = ActivationQuantiserConfig(width=8)
    with pytest.raises(ValueError, match=r"^activations must be between -128 and 127, not 128$"):
        absmax_quantise([0, 128], config)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"width": 7}, ValueError, "quantiser width must be between 8 and 24, not 7"),
        ({"lanes": 0}, ValueError, "quantiser lanes must be between 1 and 1024, not 0"),
        ({"depth": 1}, ValueError, "quantiser depth must be between 2 and 65536, not 1"),
        ({"guard_width": 17}, ValueError, "quantiser guard width must be between 2 and 16, not 17"),
        ({"width": "16"}, TypeError, "quantiser width must be an int, not '16'"),
    ],
)
def test_config_refuses(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        ActivationQuantiserConfig(**fields)


RTL_CONFIGS = {
    # every token of eight bits
    "w8": ActivationQuantiserConfig(width=8, lanes=8, depth=33, guard_width=2),
    # lanes and depth that are no power of two
    "w16": ActivationQuantiserConfig(width=16, lanes=3, depth=7),
    # no fold
    "one_lane": ActivationQuantiserConfig(width=24, lanes=1, depth=2, guard_width=16),
}


@pytest.mark.parametrize(
    ("name", "simulator"),
    [(n, s) for n in RTL_CONFIGS for s in SIMULATORS if (n, s) != ("one_lane", "verilator")],
)
def test_rtl_equals_golden(name: str, simulator: str) -> None:
    config = RTL_CONFIGS[name]
    simulate(
        ActivationQuantiser(config),
        simulator=simulator,
        module="ternary.bench_activation_quantiser",
        top=f"activation_quantiser_{name}",
        width=config.width,
        lanes=config.lanes,
        depth=config.depth,
        guard_width=config.guard_width,
    )
