"""e^−a: golden against float64 over every argument, RTL against golden."""

from __future__ import annotations

import re

import numpy as np
import pytest
from alembert.config.early_exit import EntropyConfig
from alembert.early_exit import Exponential
from alembert_golden.exponential import exponential, exponential_table
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from support.simulate import simulate

CONFIGS = [
    EntropyConfig(),
    EntropyConfig(logit_fraction=0),
    EntropyConfig(logit_fraction=16, logit_width=24),
    EntropyConfig(logit_fraction=4, logit_width=8, max_classes=8),
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_golden_is_within_the_bound_everywhere(config: EntropyConfig) -> None:
    """Every a there is: the contract asks for 2^−10, the design promises 2^−17."""
    worst = 0.0
    for start in range(0, 1 << config.logit_width, 1 << 20):
        a = np.arange(start, min(start + (1 << 20), 1 << config.logit_width))
        exact = np.exp(-a / (1 << config.logit_fraction))
        got = exponential(a, config) / (1 << config.EXP_FRACTION)
        worst = max(worst, float(np.abs(got - exact).max()))
    print(f"largest error of e^-a: {worst:.3g}")
    assert worst < 2**-17


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_golden_is_relatively_accurate(config: EntropyConfig) -> None:
    """Within 2^−16 of the value itself and half a last bit, all the way down to 0."""
    a = np.arange(1 << config.distance_width)
    exact = np.exp(-a / (1 << config.logit_fraction)) * (1 << config.EXP_FRACTION)
    error = np.abs(exponential_table(config) - exact)
    assert (error <= 0.5 + 2**-16 * exact).all()


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_golden_starts_at_one_and_never_rises(config: EntropyConfig) -> None:
    table = exponential_table(config)
    assert table[0] == 1 << config.EXP_FRACTION
    assert (np.diff(table) <= 0).all()


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_no_product_exceeds_its_width(config: EntropyConfig) -> None:
    table = exponential_table(config)
    largest = int((np.arange(len(table)) * table).max())
    assert largest < 1 << config.product_width
    assert config.max_classes * largest < 1 << config.weighted_width


def test_golden_is_zero_below_half_of_its_last_bit() -> None:
    c = EntropyConfig()
    a = np.arange(1 << c.logit_width)
    zero_from = 27 * np.log(2) * (1 << c.logit_fraction)
    got = exponential(a, c)
    assert (got[a < zero_from - 1] > 0).all()
    assert (got[a > zero_from + 1] == 0).all()


@pytest.mark.parametrize("distance", [-1, 1 << 27])
def test_golden_refuses_a_distance_out_of_range(distance: int) -> None:
    message = f"distance must be between 0 and 134217727, not {distance}…{distance}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        exponential(distance, EntropyConfig())


class Probe(wiring.Component):
    """The exponential behind plain ports: Verilog has none for a stream's constant ready."""

    i_payload: Signal
    i_valid: Signal
    o_payload: Signal
    o_valid: Signal

    def __init__(self, config: EntropyConfig):
        super().__init__(
            {
                "i_payload": In(config.shifted_width),
                "i_valid": In(1),
                "o_payload": Out(config.exp_width),
                "o_valid": Out(1),
            }
        )
        self._config = config

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.exponential = exponential = Exponential(self._config)
        m.d.comb += [
            exponential.i.payload.eq(self.i_payload),
            exponential.i.valid.eq(self.i_valid),
            self.o_payload.eq(exponential.o.payload),
            self.o_valid.eq(exponential.o.valid),
        ]
        return m


def test_rtl_equals_golden(simulator: str) -> None:
    """Every distance that matters under Verilator, every 61st and the ends under Icarus."""
    simulate(
        Probe(EntropyConfig()),
        simulator=simulator,
        module="early_exit.bench_exponential",
        top="exponential",
        stride=1 if simulator == "verilator" else 61,
    )
