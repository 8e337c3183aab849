# amaranth: UnusedElaboratable=no
"""Special function engine and entropy engine with a scratchpad, against the golden machine's."""

from __future__ import annotations

import pytest
from alembert.config.machine import MachineConfig
from alembert.special import EntropyEngine, SpecialEngine
from special.machines import MACHINES, machine
from special.probe import SpecialProbe
from support.simulate import simulate

TOKENS = ",special.bench_tokens"


@pytest.mark.parametrize(
    ("name", "simulator"),
    [
        ("adaptivfloat", "verilator"),
        ("int8", "verilator"),
        ("adaptivfloat", "icarus"),
        ("int8", "icarus"),
    ],
)
def test_rtl_equals_golden(name: str, simulator: str) -> None:
    simulate(
        SpecialProbe(MACHINES[name]),
        simulator=simulator,
        module="special.bench_special_engine" + TOKENS * MACHINES[name].special.has_tokens,
        top="special_probe",
        machine=name,
        few=simulator == "icarus",
    )


@pytest.mark.regress
def test_speed() -> None:
    """Too large for Icarus."""
    simulate(
        SpecialProbe(MACHINES["edge"]),
        simulator="verilator",
        module="special.bench_special_speed",
        top="special_probe_edge",
        machine="edge",
    )


def _uneven() -> MachineConfig:
    """Six wide numbers in a word."""
    return machine("int8", word_width=96, words=64, banks=4, longest_row=12, max_classes=4)


@pytest.mark.parametrize("engine", [SpecialEngine, EntropyEngine])
def test_lanes_must_be_a_power_of_two(engine: type) -> None:
    message = "^wide numbers in a word must be a power of two, not 6$"
    with pytest.raises(ValueError, match=message):
        engine(_uneven())
