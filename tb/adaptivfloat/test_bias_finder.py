"""Bias finder: RTL against golden under every pattern, exhaustive over a lane."""

from __future__ import annotations

from alembert.adaptivfloat import BiasFinder
from alembert.config import AdaptivFloatFormat
from alembert.config.adaptivfloat import BiasFinderConfig
from support.simulate import simulate


def test_rtl_equals_golden(simulator: str) -> None:
    config = BiasFinderConfig(fmt=AdaptivFloatFormat(), lanes=3, width=11)
    simulate(
        BiasFinder(config),
        simulator=simulator,
        module="adaptivfloat.bench_bias_finder",
        top="adaptivfloat_bias_finder",
        lanes=config.lanes,
        width=config.width,
        latency=BiasFinder.latency,
    )
