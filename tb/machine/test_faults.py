"""The whole machine when things go wrong, and how it behaves towards host and memory."""

from __future__ import annotations

import pytest
from alembert.config import preset
from alembert.machine import Alembert
from support.simulate import simulate


@pytest.mark.parametrize("bench", ["bench_faults", "bench_manners", "bench_soft_reset"])
def test_faults_and_manners(bench: str) -> None:
    simulate(
        Alembert(preset("tiny").machine),
        simulator="verilator",
        module=f"machine.{bench}",
        top="alembert_adaptivfloat",
    )
