"""Readers, arbiter and writer on one bus, against a memory that answers as it likes."""

from __future__ import annotations

import pytest
from axi.manager import CONFIGS, READ_WIDTHS, WRITE_WIDTHS, Manager
from support.simulate import simulate

LIMITS = {
    "default": {"longest": 30, "reach": 20, "rate": 0.98, "short_rate": 0.95, "drains": 60},
    "odd": {"longest": 30, "reach": 12, "rate": 0.98, "short_rate": 0.3, "drains": 40},
    "page": {"longest": 60, "reach": 8, "rate": 0.98, "short_rate": 0.3, "drains": 20},
}


def run(name: str, simulator: str, module: str) -> None:
    simulate(
        Manager(CONFIGS[name], READ_WIDTHS[name], WRITE_WIDTHS[name]),
        simulator=simulator,
        module=f"axi.bench_{module}",
        top=f"axi_{name}",
        config=name,
        **LIMITS[name],
    )


@pytest.mark.parametrize(
    ("name", "simulator"),
    [("default", "verilator"), ("page", "verilator"), ("odd", "icarus")],
)
def test_traffic(name: str, simulator: str) -> None:
    run(name, simulator, "traffic")


@pytest.mark.parametrize(("name", "simulator"), [("default", "verilator"), ("odd", "icarus")])
def test_drain(name: str, simulator: str) -> None:
    run(name, simulator, "drain")


@pytest.mark.parametrize(("name", "simulator"), [("default", "verilator"), ("odd", "icarus")])
def test_faults(name: str, simulator: str) -> None:
    run(name, simulator, "faults")


@pytest.mark.parametrize(("name", "simulator"), [("default", "verilator"), ("odd", "icarus")])
def test_independent_memory_model(name: str, simulator: str) -> None:
    run(name, simulator, "axi_ram")
