"""``alembert classify --backend rtl``: the golden machine's answers, and measured cycles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from alembert.cli import app
from alembert_runtime import simulated, simulation_build
from alembert_runtime.simulation_build import Simulation
from models.tiny_models import SENTENCES, packed
from typer.testing import CliRunner, Result


def test_on_verilog(
    tmp_path: Path, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(tmp_path / "small")
    texts = "\n".join(SENTENCES[:2]).encode()
    given = ["classify", "--model", str(tmp_path / "small"), "--preset", "tiny"]

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*given, *arguments], input=texts)

    monkeypatch.setattr(simulation_build, "build_simulation", lambda machine, progress: simulation)
    result = run("--backend", "rtl")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "cycles" in result.stdout and "cycles (model)" not in result.stdout
    measured, expected = run("--backend", "rtl", "--json"), run("--json")
    lines = zip(measured.stdout.splitlines(), expected.stdout.splitlines(), strict=True)
    for found, golden in (map(json.loads, pair) for pair in lines):
        assert found["cycles_measured"] and not golden["cycles_measured"]
        assert abs(found["cycles"] - golden["cycles"]) <= 0.02 * found["cycles"]
        for name in ("text", "class", "probability", "pass", "entropy", "exited", "tokens"):
            assert found[name] == golden[name]
    # a machine whose memory does not keep what it is given
    read = simulated.SimulatedDevice.read_memory
    monkeypatch.setattr(simulated.SimulatedDevice, "read_memory", lambda *ask: read(*ask) ^ 1)
    result = run("--backend", "rtl")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: text 1: the machine and its golden model differ\n"
