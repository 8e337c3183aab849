"""The DMA against its golden model, between a scratchpad and AXI memories of every manner."""

from __future__ import annotations

import pytest
from dma.probe import MACHINES, DmaProbe
from support.simulate import SIMULATORS, simulate


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("machine", MACHINES)
def test_dma(machine: str, simulator: str) -> None:
    simulate(
        DmaProbe(MACHINES[machine]),
        simulator=simulator,
        module="dma.bench_dma",
        top=f"dma_{machine}",
        machine=machine,
    )
