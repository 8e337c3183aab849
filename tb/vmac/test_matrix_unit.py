"""The matrix unit against its golden model: shapes, stalls, faults, resets, every format."""

from __future__ import annotations

from typing import Any

import pytest
from alembert.config import VmacArrayConfig, VmacConfig
from alembert.vmac import MatrixUnit
from support.formats import PAIRS
from support.simulate import simulate

CONFIGS: dict[str, dict[str, Any]] = {
    "adaptivfloat8_3": {"lanes": 4, "vmacs": 4, "rows": 8, "max_depth": 32, "levels_per_stage": 2},
    "int8": {"lanes": 3, "vmacs": 5, "rows": 6, "max_depth": 24, "levels_per_stage": 1},
    "int8_int4": {"lanes": 4, "vmacs": 1, "rows": 1, "max_depth": 16, "levels_per_stage": 2},
    "ternary": {"lanes": 8, "vmacs": 3, "rows": 4, "max_depth": 64, "levels_per_stage": 3},
    "adaptivfloat4_2": {"lanes": 1, "vmacs": 2, "rows": 3, "max_depth": 9, "levels_per_stage": 1},
}


@pytest.mark.parametrize("pair", CONFIGS)
def test_rtl_equals_golden(simulator: str, pair: str) -> None:
    sizes = CONFIGS[pair]
    vmac = VmacConfig(pair=PAIRS[pair], **{k: v for k, v in sizes.items() if k != "vmacs"})
    simulate(
        MatrixUnit(VmacArrayConfig(vmac=vmac, vmacs=sizes["vmacs"])),
        simulator=simulator,
        module="vmac.bench_matrix_unit",
        top="matrix_unit",
        pair=pair,
        **sizes,
    )
