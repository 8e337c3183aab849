"""The early-exit comparator: golden against float64, RTL against golden."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from alembert.config.early_exit import EntropyConfig, EntropyFault
from alembert.early_exit import EarlyExit
from alembert_golden.entropy import entropy
from alembert_golden.exponential import exponential
from alembert_golden.logarithm import logarithm
from early_exit.oracle import (
    BOUND,
    EQUAL_THRESHOLD,
    MISLEADING_THRESHOLD,
    MISLEADING_VECTOR,
    entropy_float64,
    entropy_of_public_hardware,
    equal_vector,
    max_entropy_error,
    quantise,
    temperature_for,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from support.simulate import simulate

CONFIG = EntropyConfig()
NAT = 1 << CONFIG.ENTROPY_FRACTION
SMALL = EntropyConfig(max_classes=6, logit_width=10, logit_fraction=6)
CONFIGS = [
    SMALL,
    EntropyConfig(max_classes=2, logit_width=4, logit_fraction=0),
    EntropyConfig(logit_width=24, logit_fraction=16),
    EntropyConfig(logit_width=16, logit_fraction=0),
]


def test_entropy_and_decisions_against_float64() -> None:
    """The contract asks for 0.005 nats, the design promises 0.0003."""
    worst, rows = max_entropy_error()
    print(f"largest error of the entropy: {worst:.3g} nats over {rows} rows")
    assert rows >= 100_000
    assert worst < 0.0003


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_other_shapes_against_float64(config: EntropyConfig) -> None:
    worst, _ = max_entropy_error(config, min_rows=20_000)
    assert worst < 0.0003


@pytest.mark.parametrize("num_classes", [2, 3, 8, 30, 591, 1024])
def test_decisions_next_to_the_threshold(num_classes: int) -> None:
    """Rows bisected by temperature to lie just outside the band, on both sides of T."""
    rng = np.random.default_rng(num_classes)
    for target in np.linspace(0.05, 0.95, 10) * np.log(num_classes):
        threshold = round(target * NAT)
        logits = rng.standard_normal(num_classes)
        logits[logits.argmax()] += 0.5
        below, _ = temperature_for(logits, threshold / NAT - BOUND, CONFIG)
        _, above = temperature_for(logits, threshold / NAT + BOUND, CONFIG)
        rows = np.stack([below, above])
        exact = entropy_float64(rows, CONFIG)
        # logits come in steps, so the rows lie near the band's edge, not on it
        assert exact[0] <= threshold / NAT - BOUND < threshold / NAT + BOUND <= exact[1]
        assert np.abs(exact - threshold / NAT).max() < 2 * BOUND
        assert entropy(rows, threshold).exit.tolist() == [True, False]


def test_numerator_is_the_entropys_not_the_public_hardwares() -> None:
    """Σ e^(x·(x−m)) in the place of Σ d·e^d decides a plain vector wrongly."""
    row, threshold = MISLEADING_VECTOR[None], MISLEADING_THRESHOLD
    true, theirs = entropy_float64(row, CONFIG)[0], entropy_of_public_hardware(row, CONFIG)[0]
    assert true > threshold / NAT + 0.5, "the vector is uncertain: no exit"
    assert theirs < threshold / NAT - 0.5, "their formula calls it certain"
    assert not entropy(row, threshold).exit[0]
    assert abs(entropy(row).entropy[0] / NAT - true) < 0.0003


def test_equal_to_the_threshold_does_not_exit() -> None:
    row = equal_vector()[None]
    result = entropy(row, EQUAL_THRESHOLD)
    log = int(logarithm(result.S, CONFIG)[0])
    # S·(ln S − T) = W at the common scale, with W far from 0
    assert result.S[0] * (log - EQUAL_THRESHOLD) == result.W[0] << CONFIG.weighted_shift
    assert result.W[0] < 0
    assert not result.exit[0]
    assert entropy(row, EQUAL_THRESHOLD + 1).exit[0]


def test_equal_logits_have_the_entropy_of_their_number() -> None:
    for num_classes in (2, 3, 8, 591, 1024):
        row = np.zeros((1, num_classes), dtype=np.int64)
        log = round(np.log(num_classes) * NAT)
        got = int(entropy(row).entropy[0])
        assert abs(got - log) <= 1
        assert not entropy(row, got).exit[0]
        assert entropy(row, got + 1).exit[0]


def test_threshold_ends() -> None:
    """0 never exits, all ones always does."""
    rows = np.array([[0, CONFIG.logit_min, CONFIG.logit_min], [0, 0, 0]])
    assert not entropy(rows, 0).exit.any()
    assert entropy(rows, CONFIG.threshold_max).exit.all()


@pytest.mark.parametrize("shift", range(1, 8))
def test_shifted_logits_against_float64(shift: int) -> None:
    """The entropy is that of logits 2^shift times as large; the class is the same."""
    rng = np.random.default_rng(shift)
    for size in (2, 3, 8, 100):
        spread = 2.0 ** rng.uniform(-4, 5, (500, 1)) / 2**shift
        rows = quantise(spread * rng.standard_normal((500, size)), CONFIG)
        got = entropy(rows, shift=shift)
        assert np.abs(got.entropy / NAT - entropy_float64(rows << shift, CONFIG)).max() < 0.0003
        assert (got.argmax == rows.argmax(axis=1)).all()


def test_logits_that_saturated_without_a_shift() -> None:
    """40 and 50 in 16 bits with ten fraction bits: a tie of the first class, or the second's."""
    config = EntropyConfig(logit_width=16, logit_fraction=10)
    logits = np.array([[40, 50, 0]]) * 1024
    tied = entropy(np.clip(logits, config.logit_min, config.logit_max), 0, config)
    assert tied.argmax[0] == 0 and abs(tied.entropy[0] / NAT - np.log(2)) < 0.001
    right = entropy(logits >> 1, 0, config, shift=1)
    assert right.argmax[0] == 1
    assert abs(right.entropy[0] / NAT - 11 * np.exp(-10)) < 0.0003


@given(st.data())
@settings(max_examples=200)
def test_golden_is_its_definition_in_exact_fractions(data: st.DataObject) -> None:
    logit = st.integers(SMALL.logit_min, SMALL.logit_max)
    row = data.draw(st.lists(logit, min_size=2, max_size=SMALL.max_classes))
    threshold = data.draw(st.integers(0, SMALL.threshold_max))
    result = entropy([row], threshold, SMALL)
    m = max(row)
    exps = [Fraction(int(exponential(m - x, SMALL)), 1 << SMALL.EXP_FRACTION) for x in row]
    S = sum(exps)
    W = sum(Fraction(x - m, 1 << SMALL.logit_fraction) * e for x, e in zip(row, exps))
    log = Fraction(int(logarithm(int(S * (1 << SMALL.EXP_FRACTION)), SMALL)), NAT)
    assert bool(result.exit[0]) == (S * (log - Fraction(threshold, NAT)) < W)
    assert int(result.entropy[0]) == (log - W / S) * NAT // 1
    assert bool(result.exit[0]) == (result.entropy[0] < threshold)
    assert (result.argmax[0], result.max_logit[0]) == (row.index(m), m)
    assert (result.num_classes, result.fault) == (len(row), EntropyFault.NONE)


@pytest.mark.parametrize(
    ("num_classes", "counted", "fault"),
    [
        (1, 1, EntropyFault.TOO_FEW_CLASSES),
        (7, 7, EntropyFault.TOO_MANY_CLASSES),
        (50, 7, EntropyFault.TOO_MANY_CLASSES),
    ],
)
def test_golden_faults(num_classes: int, counted: int, fault: EntropyFault) -> None:
    result = entropy(np.full((2, num_classes), 5), SMALL.threshold_max, SMALL)
    assert (result.num_classes, result.fault) == (counted, fault)
    arrays = (result.exit, result.argmax, result.max_logit, result.entropy, result.S, result.W)
    for array in arrays:
        assert array.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("logits", "threshold", "message"),
    [
        ([1, 2], 0, "logits must be [rows, classes], not of shape (2,)"),
        ([[]], 0, "logits must be [rows, classes], not of shape (1, 0)"),
        ([[0, 512]], 0, "logits must be between -512 and 511, not 0…512"),
        ([[0, -513]], 0, "logits must be between -512 and 511, not -513…0"),
        ([[0, 0]], -1, "threshold must be between 0 and 524287, not -1…-1"),
        ([[0, 0]], 1 << 19, "threshold must be between 0 and 524287, not 524288…524288"),
    ],
)
def test_golden_refuses(logits: list, threshold: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        entropy(logits, threshold, SMALL)


def test_quantise_saturates() -> None:
    assert quantise(np.array([-1e9, 0.5, 1e9]), SMALL).tolist() == [-512, 32, 511]


@pytest.mark.parametrize("config", [CONFIG, SMALL], ids=["default", "small"])
def test_rtl_equals_golden(simulator: str, config: EntropyConfig) -> None:
    component = EarlyExit(config)
    sizes = range(1, config.max_classes + 2)
    simulate(
        component,
        simulator=simulator,
        module="early_exit.bench_entropy",
        top=f"early_exit_{config.max_classes}",
        max_classes=config.max_classes,
        logit_width=config.logit_width,
        logit_fraction=config.logit_fraction,
        latency=[component.latency(n) for n in sizes],
        fault_latency=component.fault_latency,
        thorough=simulator == "verilator",
    )
