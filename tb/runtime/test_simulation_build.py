"""Builds are made once, and say what went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembert.flows.simulation import SimulationError
from alembert_runtime.clocked import clocked_top
from alembert_runtime.simulation_build import Simulation, build_simulation
from runtime.models import MACHINE
from support.simulate import BUILD_ROOT


def test_a_build_is_found_again(simulation: Simulation) -> None:
    source = (simulation.library.parent / "alembert.v").read_text(encoding="utf-8")
    verilog = source.removesuffix(clocked_top(MACHINE))
    assert verilog != source
    steps: list[str] = []
    again = build_simulation(
        MACHINE, build_root=BUILD_ROOT / "runtime", verilog=verilog, progress=steps.append
    )
    assert again == simulation
    assert steps == []


def test_verilog_that_does_not_compile(tmp_path: Path) -> None:
    steps: list[str] = []
    with pytest.raises(SimulationError, match=r"^Verilog to C\+\+ failed: verilator --cc"):
        build_simulation(
            MACHINE,
            build_root=tmp_path,
            verilog="module alembert(; endmodule",
            progress=steps.append,
        )
    assert steps == ["Verilog to C++"]
    assert not list(tmp_path.rglob("*.so*"))
