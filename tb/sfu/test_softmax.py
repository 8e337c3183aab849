"""Softmax: golden against float64 over adversarial rows, RTL against golden."""

from __future__ import annotations

import re
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
from alembert.config.softmax import SoftmaxConfig
from alembert.sfu.softmax import Softmax
from alembert_golden.softmax import power, reciprocal, softmax
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sfu.oracle_softmax import (
    UNIT,
    adversarial_rows,
    exact_softmax,
    max_softmax_error,
    natural_rows,
    random_rows,
)
from support.simulate import SIMULATORS, simulate

CONFIGS = [
    SoftmaxConfig(),
    SoftmaxConfig(lanes=16, depth=64, width=24, fraction=12),
    SoftmaxConfig(lanes=3, depth=5, width=10, fraction=4),
    SoftmaxConfig(lanes=64, depth=1024, width=12, fraction=6),
    SoftmaxConfig(lanes=1, depth=2, width=8, fraction=0),
    SoftmaxConfig(lanes=4, depth=8, width=8, fraction=7),
]
BOUND = 2**-11
"""Of |p − exact|; the project's contract is 2^−9."""
NATURAL_BOUND = 2**-9
"""The same against softmax to base e of scores rounded to the default's nine fraction bits."""


def sum_bound(kept: NDArray) -> NDArray[np.float64]:
    """Of |Σp − 1|: 2^−12 of every sum, and two roundings of every position."""
    return 2.0**-12 + kept * 2.0**-15


def check_rows(
    scores: NDArray, config: SoftmaxConfig, keep: NDArray | None = None, shift: int = 0
) -> float:
    """Every stated property of a batch of rows; the largest error."""
    keep = np.ones(scores.shape, dtype=bool) if keep is None else keep
    p = softmax(scores, config, keep=keep, shift=shift)
    assert p.min() >= 0 and p.max() <= UNIT
    assert not p[~keep].any()
    kept = keep.sum(axis=-1)
    error = np.abs(p / UNIT - exact_softmax(scores << shift, keep, config))
    assert error.max() <= BOUND
    sums = p.sum(axis=-1) / UNIT
    some = kept > 0
    assert (np.abs(sums - 1) <= sum_bound(kept))[some].all()
    # a higher score never has a lower probability
    order = np.argsort(scores, axis=-1, kind="stable")
    ranked = np.take_along_axis(np.where(keep, p, -1), order, axis=-1)
    ranked = np.where(ranked < 0, np.maximum.accumulate(ranked, axis=-1), ranked)
    assert (np.diff(ranked, axis=-1) >= 0).all()
    return float(error.max())


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_power_is_within_its_bound_everywhere(config: SoftmaxConfig) -> None:
    """Every d that counts: 1 at 0, falling, relative error 2^−13.5; rounded, within 2^−14."""
    last = 1 << config.distance_width
    seen = min(last, (config.power_fraction + 2) << config.fraction)
    beyond = np.linspace(seen, last - 1, 10_000).astype(np.int64)
    distance = np.concatenate([np.arange(seen), beyond])
    exact = np.exp2(-distance / (1 << config.fraction))
    e = power(distance, config)
    assert e[0] == 1 << config.power_fraction
    assert (np.diff(e) <= 0).all()
    inside = e / (1 << config.power_fraction)
    assert (np.abs(inside - exact) <= 2**-13.5 * exact + 2.0**-config.power_fraction).all()
    rounded = np.floor(inside * UNIT + 0.5) / UNIT
    assert np.abs(rounded - exact).max() <= 2**-14


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_reciprocal_is_within_its_bound(config: SoftmaxConfig) -> None:
    """Relative error 2^−13; powers of two are exact."""
    rng = np.random.default_rng(3)
    one, top = 1 << config.power_fraction, config.positions << config.power_fraction
    total = (one * np.exp2(rng.uniform(0, np.log2(config.positions), 100_000))).astype(np.int64)
    edges = [one, one + 1, 2 * one - 1, 2 * one, top - 1, top]
    total = np.concatenate([np.clip(total, one, top), edges])
    factor, octave = reciprocal(total, config)
    got = factor / 2.0 ** (config.FACTOR_FRACTION + octave)
    assert np.abs(got * (total / one) - 1).max() <= 2**-13
    exact_at = one << np.arange(config.max_octave + 1)
    factor, octave = reciprocal(exact_at, config)
    assert (factor == 1 << config.FACTOR_FRACTION).all()
    assert octave.tolist() == list(range(config.max_octave + 1))


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_golden_within_bounds_for_adversarial_rows(config: SoftmaxConfig) -> None:
    worst = max(check_rows(rows, config) for rows in adversarial_rows(config))
    print(f"largest error of a probability: 2^{np.log2(max(worst, 1e-9)):.2f}")


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_golden_within_bounds_for_random_rows(config: SoftmaxConfig) -> None:
    """Every spread, any mask; among them rows with one kept, and with none."""
    for scores, keep in random_rows(config):
        check_rows(scores, config, keep)
        p = softmax(scores, config, keep=keep)
        assert not p[0].any()
        assert p[1].tolist() == [0] * (scores.shape[1] - 1) + [UNIT]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_shifted_scores_are_within_the_same_bound(config: SoftmaxConfig) -> None:
    """Rows that reach 2^shift times as far, against float64 of what they stand for."""
    for shift in range(1, 1 << config.SHIFT_WIDTH):
        for scores, keep in random_rows(config):
            check_rows(scores >> shift, config, keep, shift)
        check_rows(
            np.array([[config.score_min, config.score_max, 0]])[:, : config.positions],
            config,
            shift=shift,
        )


def test_rows_that_saturated_without_a_shift() -> None:
    """Scores of 100 and 90, which 16 bits with nine fraction bits do not hold."""
    config = SoftmaxConfig()
    scores = np.array([100, 90]) * (1 << config.fraction)
    clipped = np.clip(scores, config.score_min, config.score_max)
    assert softmax(clipped, config).tolist() == [UNIT // 2, UNIT // 2]
    first, second = softmax(scores >> 1, config, shift=1) / UNIT
    assert abs(first - 1 / (1 + 2**-10)) <= BOUND and abs(second - 2**-10) <= BOUND


@settings(max_examples=200)
@given(data=st.data())
def test_golden_against_exact_fractions(data) -> None:
    """Small rows of whole scores: 2^x is a fraction, and so is the exact result."""
    config = SoftmaxConfig(lanes=4, depth=8, width=8, fraction=0)
    row = data.draw(
        st.lists(st.tuples(st.integers(-128, 127), st.booleans()), min_size=1, max_size=32)
    )
    scores, keep = [x for x, _ in row], [k for _, k in row]
    p = softmax(scores, config, keep=keep).tolist()
    total = sum((Fraction(2) ** x for x, k in row if k), Fraction(0))
    for got, (x, k) in zip(p, row):
        exact = Fraction(2) ** x / total if k else Fraction(0)
        assert abs(Fraction(got, UNIT) - exact) <= Fraction(1, 2**11)
        assert k or got == 0


def test_natural_base() -> None:
    """exp(y) / Σ exp(y) of real y within ±8, scaled by log2 e and rounded to nine bits."""
    config = SoftmaxConfig()
    worst = max(
        float(np.abs(softmax(scores, config) / UNIT - exact).max())
        for scores, exact in natural_rows(config)
    )
    assert worst <= NATURAL_BOUND


def test_the_largest_error_keeps_the_contract() -> None:
    """The figure of ``make bench``: all of the rows above, in the default configuration."""
    assert 2**-12 < max_softmax_error() <= NATURAL_BOUND


def test_golden_takes_rows_along_the_last_axis() -> None:
    config = SoftmaxConfig(fraction=0)
    p = softmax([[[0, 0], [3, 4]], [[5, -100], [-7, -7]]], config, keep=[[True, True]])
    half = UNIT // 2
    assert p[0, 0].tolist() == p[1, 1].tolist() == [half, half]
    assert p[1, 0].tolist() == [UNIT, 0]
    assert softmax(np.zeros((3, 0)), config).shape == (3, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: softmax([0, 512], c), "scores must be between -512 and 511, not 0…512"),
        (lambda c: softmax([0] * 16, c), "a row must have at most 15 positions, not 16"),
        (lambda c: power([-1], c), "distance must be between 0 and 131071, not -1…-1"),
        (
            lambda c: power([1 << 17], c),
            "distance must be between 0 and 131071, not 131072…131072",
        ),
        (lambda c: softmax([0], c, shift=8), "shift of softmax must be between 0 and 7, not 8"),
        (lambda c: reciprocal([5], c), "sum of powers must be between 131072 and 1966080, not 5…5"),
    ],
)
def test_golden_refuses(call, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(SoftmaxConfig(lanes=3, depth=5, width=10, fraction=4))


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"lanes": 0}, ValueError, "softmax lanes must be between 1 and 64, not 0"),
        ({"depth": 1}, ValueError, "softmax depth must be between 2 and 65536, not 1"),
        ({"width": 25}, ValueError, "softmax width must be between 8 and 24, not 25"),
        ({"fraction": 13}, ValueError, "softmax fraction must be between 0 and 12, not 13"),
        (
            {"width": 8, "fraction": 8},
            ValueError,
            "softmax fraction must be between 0 and 7, not 8",
        ),
        (
            {"lanes": 64, "depth": 1025},
            ValueError,
            "softmax lanes times depth must be between 2 and 65536, not 65600",
        ),
        ({"width": 16.0}, TypeError, "softmax width must be an int, not 16.0"),
    ],
)
def test_config_refuses(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        SoftmaxConfig(**fields)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_no_result_exceeds_its_width(config: SoftmaxConfig) -> None:
    assert config.positions << config.power_fraction < 1 << config.sum_width
    assert config.positions >> config.max_octave == 1
    assert max(config.reciprocal_table.base) == 1 << config.RECIPROCAL_TABLE_FRACTION
    # what all the cutting off in a row amounts to
    assert Fraction(config.positions, 1 << config.power_fraction) <= Fraction(1, 1 << 13)


RTL_CONFIGS = {
    "default": SoftmaxConfig(),
    # lanes and depth that are no power of two, no position on the chord
    "odd": SoftmaxConfig(lanes=3, depth=5, width=10, fraction=4),
}


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", RTL_CONFIGS)
def test_rtl_equals_golden(name: str, simulator: str) -> None:
    config = RTL_CONFIGS[name]
    simulate(
        Softmax(config),
        simulator=simulator,
        module="sfu.bench_softmax",
        top=f"softmax_{name}",
        config=asdict(config),
        short=simulator == "icarus",
    )
