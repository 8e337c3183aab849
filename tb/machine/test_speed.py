"""The run that measures simulation speed: golden, and as fast in cycles as any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from alembert_compiler.compile import compile_model
from compiler.compiled_models import TOKENS, calibration_of, random_model
from machine.machines import MACHINES
from machine.speed import measure_speed


@pytest.mark.regress
def test_a_run_is_golden_and_keeps_time(tmp_path: Path) -> None:
    """A slower memory takes more of the machine's cycles; the results stay."""
    machine, model = MACHINES["adaptivfloat"], random_model()
    image = compile_model(model, machine, calibration_of(model), max_length=16, max_targets=2)
    tokens = np.resize(TOKENS[0], 13)
    taken = []
    for latency in (5, 60):
        folder = tmp_path / str(latency)
        folder.mkdir()
        found = measure_speed(machine, image, tokens, [0, 3], folder, max_passes=1, latency=latency)
        assert found.cycles_per_second > 0
        taken.append(found.cycles)
    assert taken[0] < taken[1]
