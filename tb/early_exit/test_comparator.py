"""Sums against a threshold: the product decides exactly, the quotient is exact."""

from __future__ import annotations

from alembert.config.early_exit import EntropyConfig
from alembert.early_exit import EntropyComparator
from support.simulate import simulate


def test_rtl_equals_the_definition(simulator: str) -> None:
    config = EntropyConfig()
    component = EntropyComparator(config)
    simulate(
        component,
        simulator=simulator,
        module="early_exit.bench_comparator",
        top="entropy_comparator",
        latency=component.latency,
        count=600 if simulator == "verilator" else 60,
    )
