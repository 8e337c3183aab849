# amaranth: UnusedElaboratable=no
"""The decoder: RTL against the oracle, and the oracle against every word that is touched."""

from __future__ import annotations

import random

import pytest
from alembert.command import Decoder
from alembert.config.command import FOOTPRINTS, MachineFault
from alembert.config.isa import FORMATS, Instruction, MemoryBase, Opcode, Unit
from alembert_golden.decoder import resolve
from alembert_golden.machine_fault import InstructionError
from command.instructions import anything
from command.machines import MACHINES
from command.oracle import Registers, examine
from support.simulate import simulate

TINY = MACHINES["tiny"]


def test_every_working_instruction_has_its_words() -> None:
    working = {op for op, fmt in FORMATS.items() if fmt.unit is not Unit.CONTROL}
    assert set(FOOTPRINTS) == working
    for opcode, operands in FOOTPRINTS.items():
        names = {name.removesuffix("_address") for name in FORMATS[opcode].operands}
        assert set(operands) == names & {"o", "a", "b"}


@pytest.mark.parametrize(
    ("opcode", "values", "reads", "writes"),
    [
        (Opcode.LOAD, {"rows": 3, "columns": 4, "o_address": 8, "o_stride": 5}, [], [(8, 23)]),
        (
            Opcode.STORE,
            {"rows": 1, "columns": 4, "a_address": 8, "memory_base": MemoryBase.SCRATCH},
            [(8, 12)],
            [],
        ),
        # 9 terms are 3 words of 4 codes; 5 wide numbers are 3 words; a row for each of 5 columns
        (
            Opcode.MATMUL,
            {"rows": 2, "columns": 5, "depth": 9, "o_address": 100, "o_stride": 3, "a_stride": 3}
            | {"kind": 1, "b_address": 40, "b_stride": 4},
            [(0, 6), (40, 60)],
            [(100, 106)],
        ),
        # 5 columns, each with 6 rows' codes in 2 words
        (
            Opcode.LINEAR,
            {"rows": 6, "columns": 5, "depth": 4, "o_stride": 2, "kind": 2}
            | {"a_address": 50, "a_stride": 1},
            [(50, 56)],
            [(0, 10)],
        ),
        (
            Opcode.LAYERNORM,
            {"rows": 2, "columns": 5, "o_stride": 2, "a_stride": 9, "has_b": 1}
            | {"b_address": 20, "b_stride": 2, "p_address": 30},
            [(20, 24), (30, 36)],
            [(0, 4)],
        ),
        # 5 columns are 2 words of codes and one with their largest; a word of b each; 5 biases
        (
            Opcode.RESCALE,
            {"rows": 2, "columns": 5, "o_stride": 3, "kind": 3, "a_address": 50, "a_stride": 3}
            | {"has_b": 1, "b_address": 20, "b_stride": 1, "has_bias": 1, "p_address": 30},
            [(50, 56), (20, 22), (30, 35)],
            [(0, 6)],
        ),
        (
            Opcode.TANH,
            {"rows": 1, "columns": 8, "kind": 3, "a_address": 50},
            [(50, 54)],
            [(0, 3)],
        ),
        (
            Opcode.ENTROPY,
            {"rows": 3, "columns": 17, "o_stride": 2, "a_address": 10, "a_stride": 9},
            [(10, 37)],
            [(0, 6)],
        ),
    ],
)
def test_oracle_by_hand(opcode: Opcode, values: dict, reads: list, writes: list) -> None:
    access = examine(Instruction(opcode, values).encode(), TINY, Registers())
    assert not isinstance(access, MachineFault)
    assert (list(access.reads), list(access.writes)) == (reads, writes)


@pytest.mark.parametrize("name", MACHINES)
def test_no_legal_instruction_leaves_the_scratchpad(name: str) -> None:
    machine, rng, legal = MACHINES[name], random.Random(1), 0
    for _ in range(3000):
        access = examine(anything(rng, machine), machine, Registers())
        if isinstance(access, MachineFault):
            continue
        legal += 1
        for first, end in access.reads + access.writes:
            assert 0 <= first < end <= machine.scratchpad.words
    assert legal > 300


@pytest.mark.parametrize("name", MACHINES)
def test_oracle_equals_golden(name: str) -> None:
    """The golden machine reads the same table as the gateware; the oracle reads none."""
    machine, rng = MACHINES[name], random.Random(2)
    seen: set[MachineFault] = set()
    for _ in range(6000):
        word, registers = anything(rng, machine), Registers(rng.choice([0, 5, 64]), 3)
        access = examine(word, machine, registers)
        fault = access if isinstance(access, MachineFault) else MachineFault.NONE
        try:
            resolved = resolve(word, machine, length=registers.length, targets=registers.targets)
        except InstructionError as error:
            # what a unit refuses for reasons of its own, the decoder lets pass
            assert fault == (MachineFault.NONE if error.fault is MachineFault.UNIT else error.fault)
            continue
        finally:
            seen.add(fault)
        assert not isinstance(access, MachineFault)
        assert dict(resolved.instruction.operands) == access.values
        ranges = {name: (rows.address, rows.end) for name, rows in resolved.places.items()}
        assert [ranges[name] for name in "oabp" if name in ranges] == [
            *access.writes,
            *access.reads,
        ]
    assert seen == set(list(MachineFault)[: MachineFault.ADDRESS + 1])


@pytest.mark.parametrize(
    ("simulator", "name"), [("verilator", "tiny"), ("icarus", "adaptivfloat"), ("icarus", "pair")]
)
def test_rtl_equals_oracle(simulator: str, name: str) -> None:
    simulate(
        Decoder(MACHINES[name]),
        simulator=simulator,
        module="command.bench_decoder",
        top=f"decoder_{name}",
        machine=name,
        instructions=3000 if simulator == "verilator" else 1500,
    )
