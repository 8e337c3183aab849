# amaranth: UnusedElaboratable=no
"""The matrix engine with a scratchpad, against the golden machine's LINEAR and MATMUL."""

from __future__ import annotations

import re

import pytest
from alembert.matrix import MatrixEngine
from matrix.machines import ENGINES
from matrix.probe import EngineProbe
from support.simulate import simulate


@pytest.mark.parametrize(
    ("engine", "simulator"),
    [
        ("tiny", "verilator"),
        ("tiny", "icarus"),
        ("ternary", "verilator"),
        ("attention", "verilator"),
        ("narrow", "icarus"),
    ],
)
def test_rtl_equals_golden(engine: str, simulator: str) -> None:
    simulate(
        EngineProbe(ENGINES[engine]),
        simulator=simulator,
        module="matrix.bench_matrix_engine",
        top="engine_probe",
        engine=engine,
    )


@pytest.mark.regress
def test_speed_and_edge_sized_programs() -> None:
    """Too large for Icarus."""
    simulate(
        EngineProbe(ENGINES["edge"]),
        simulator="verilator",
        module="matrix.bench_engine_speed",
        top="engine_probe_edge",
        engine="edge",
    )


def test_array_must_be_the_machines() -> None:
    machine, other = ENGINES["tiny"].machine, ENGINES["narrow"].array
    message = f"matrix engine's array must be one of the machine's, not {other!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        MatrixEngine(machine, other, has_weight_stream=True)
