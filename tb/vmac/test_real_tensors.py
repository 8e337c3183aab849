"""Real ALBERT tensors through the matrix unit, bit for bit, with every cycle accounted for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from alembert.config import VmacArrayConfig, VmacConfig
from alembert.vmac import MatrixUnit
from alembert_compiler.workloads import Matmul
from support.formats import PAIRS
from support.real_tensors import array_recording, workloads
from support.replay import ReplayResult
from support.simulate import simulate


def _crop(matmul: Matmul, rows: int, depth: int, columns: int) -> Matmul:
    """The first rows, terms and columns of a real product."""
    return Matmul(
        activations=matmul.activations[:rows, :depth],
        weights=np.ascontiguousarray(matmul.weights[:depth, :columns]),
        bias=matmul.bias[:columns],
    )


@pytest.mark.parametrize("workload", ["query", "ffn_output"])
@pytest.mark.parametrize("pair", ["adaptivfloat8_3", "int8", "ternary"])
def test_real_tensors(simulator: str, tmp_path: Path, pair: str, workload: str) -> None:
    """64 rows of a real product, its edges filling no tile; loading hides behind computing.

    The unit takes one vector a cycle from the first to the last, and then its latency: weights
    and parameters load in the shadow of the pass before, never in turns with it.
    """
    config = VmacArrayConfig(
        vmac=VmacConfig(pair=PAIRS[pair], lanes=8, rows=16, max_depth=256), vmacs=6
    )
    matmul = _crop(workloads()[workload], 64, 44, 20)
    recording = array_recording(matmul, config, relu=workload == "ffn_output").recording
    recording.save(tmp_path / "recording.json")
    unit = MatrixUnit(config)
    simulate(
        unit,
        simulator=simulator,
        module="support.replay",
        top="matrix_unit",
        recording=str(tmp_path / "recording.json"),
        result=str(tmp_path / "result.json"),
    )
    result = ReplayResult.load(tmp_path / "result.json")
    assert result.words == len(recording.outputs["results"])
    vectors = len(recording.inputs["activations"])
    assert result.cycles == vectors + unit.latency
