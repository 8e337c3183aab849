"""A special function's values as codes, against the golden encoder."""

from __future__ import annotations

import pytest
from alembert.special.code_lane import CodeLane
from special.machines import FORMATS
from support.simulate import simulate


@pytest.mark.parametrize(
    ("fmt", "simulator"),
    [
        ("int8", "icarus"),
        ("int8", "verilator"),
        ("adaptivfloat", "icarus"),
        ("narrow", "icarus"),
    ],
)
def test_rtl_equals_golden(fmt: str, simulator: str) -> None:
    simulate(
        CodeLane(FORMATS[fmt]),
        simulator=simulator,
        module="special.bench_code_lane",
        top="code_lane",
        fmt=fmt,
        count=20_000 if simulator == "verilator" else 3_000,
    )
