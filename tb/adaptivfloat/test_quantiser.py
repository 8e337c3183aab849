# amaranth: UnusedElaboratable=no
"""Quantiser: RTL against golden under every pattern, and the fault of a tensor too long."""

from __future__ import annotations

import pytest
from alembert.adaptivfloat import Quantiser
from alembert.config import AdaptivFloatFormat
from alembert.config.adaptivfloat import QuantiserConfig
from support.simulate import simulate

CONFIGS = {
    "two lanes": QuantiserConfig(fmt=AdaptivFloatFormat(), lanes=2, width=12, depth=5),
    "no mantissa": QuantiserConfig(
        fmt=AdaptivFloatFormat(width=4, exponent_width=3), lanes=1, width=20, depth=16
    ),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_rtl_equals_golden(simulator: str, config: QuantiserConfig) -> None:
    simulate(
        Quantiser(config),
        simulator=simulator,
        module="adaptivfloat.bench_quantiser",
        top="adaptivfloat_quantiser",
        fmt=(config.fmt.width, config.fmt.exponent_width),
        lanes=config.lanes,
        width=config.width,
        depth=config.depth,
        latency=Quantiser.latency,
    )
