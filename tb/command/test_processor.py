# amaranth: UnusedElaboratable=no
"""The command processor: programs against the oracle, hazards, loops, every fault."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from alembert.command import CommandProcessor, Scoreboard, instruction_layout, unit_operands
from alembert.config.axi import AxiConfig
from alembert.config.isa import FORMATS, OPERANDS, Unit
from alembert.config.memory import ScratchpadConfig
from amaranth.hdl import Shape
from command.machines import MACHINES
from support.simulate import simulate


def test_a_unit_gets_all_its_operands() -> None:
    for fmt in FORMATS.values():
        if fmt.unit is not Unit.CONTROL:
            assert set(fmt.operands) <= set(unit_operands(fmt.unit))
    names = [name for name, _ in instruction_layout(Unit.DMA)]
    assert names[:4] == ["opcode", "pass_number", "rows", "columns"]
    assert names[4:] == [name for name in OPERANDS if name in names[4:]]
    assert instruction_layout(Unit.ATTENTION) == instruction_layout(Unit.MATRIX)
    exponent = Shape.cast(instruction_layout(Unit.SPECIAL)["exponent"].shape)
    assert (exponent.width, exponent.signed) == (10, True)


def test_a_word_the_bus_cannot_carry_is_refused() -> None:
    machine = replace(
        MACHINES["tiny"],
        scratchpad=ScratchpadConfig(word_width=256, words=304),
        axi=AxiConfig(data_width=32),
        main=replace(
            MACHINES["tiny"].main, vmac=replace(MACHINES["tiny"].main.vmac, lanes=32), vmacs=4
        ),
    )
    message = "AXI word width must be 1, 2 or 4 times the data width 32, not 256"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        CommandProcessor(machine)


@pytest.mark.parametrize(
    ("units", "depth", "message"),
    [
        (9, 3, "scoreboard units must be between 1 and 8, not 9"),
        (5, 17, "scoreboard depth must be between 1 and 16, not 17"),
    ],
)
def test_scoreboard_refuses(units: int, depth: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Scoreboard(ScratchpadConfig(), units, depth)


@pytest.mark.parametrize("name", ["tiny", "pair"])
def test_rtl_equals_oracle(simulator: str, name: str) -> None:
    simulate(
        CommandProcessor(MACHINES[name]),
        simulator=simulator,
        module="command.bench_processor,command.bench_faults",
        top=f"command_processor_{name}",
        machine=name,
        programs=3 if simulator == "verilator" else 1,
        length=40 if simulator == "verilator" else 25,
    )
