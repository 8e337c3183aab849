"""ln S: golden against float64 over the whole range, RTL against golden."""

from __future__ import annotations

import re

import numpy as np
import pytest
from alembert.config.early_exit import EntropyConfig
from alembert.early_exit import Logarithm
from alembert_golden.logarithm import logarithm
from support.simulate import simulate

CONFIG = EntropyConfig()
ONE = 1 << CONFIG.EXP_FRACTION


def test_golden_is_within_the_bound_everywhere() -> None:
    """Every S as far as the table looks: 17 bits below the top one, lowest and highest below those.

    Between the two the argument's bits are not looked at, so that the ends bound the error. The
    contract asks for 2^−10, the design promises 2^−15.
    """
    worst = 0.0
    for octave in range(CONFIG.log2_classes):
        step = 1 << (CONFIG.EXP_FRACTION + octave - 17)
        low = np.arange(ONE << octave, ONE << (octave + 1), step)
        for values in (low, low + step - 1):
            got = logarithm(values, CONFIG) / (1 << CONFIG.ENTROPY_FRACTION)
            worst = max(worst, float(np.abs(got - np.log(values / ONE)).max()))
    print(f"largest error of ln S: {worst:.3g}")
    assert worst < 2**-15


def test_golden_never_falls() -> None:
    values = np.unique(np.geomspace(ONE, 1024 * ONE, 1_000_000).astype(np.int64))
    assert (np.diff(logarithm(values, CONFIG)) >= 0).all()


def test_golden_at_powers_of_two() -> None:
    got = logarithm([ONE << k for k in range(11)], CONFIG)
    assert got.tolist() == [round(k * np.log(2) * 65536) for k in range(11)]


@pytest.mark.parametrize("value", [0, ONE - 1, 1024 * ONE + 1])
def test_golden_refuses_a_value_out_of_range(value: int) -> None:
    message = (
        f"argument of the logarithm must be between {ONE} and {1024 * ONE}, not {value}…{value}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        logarithm(value, CONFIG)


def test_rtl_equals_golden(simulator: str) -> None:
    component = Logarithm(CONFIG)
    simulate(
        component,
        simulator=simulator,
        module="early_exit.bench_logarithm",
        top="logarithm",
        latency=component.latency,
        stride=1 if simulator == "verilator" else 16,
    )
