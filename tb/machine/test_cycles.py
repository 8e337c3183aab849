"""The cycle model against the generated machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembert.config.isa import Instruction, Opcode, ResultKind, Unit
from alembert_compiler.cycles import Prediction, shape_program
from machine.cycle_programs import Job, Shapes, count_cycles
from machine.machines import MACHINES

CODES, WIDE = ResultKind.CODES, ResultKind.WIDE
MACHINE = MACHINES["adaptivfloat"]
BOUND = 0.02
"""Of what is counted over a run, by how much the model may be wrong."""
SLACK = 16
"""Cycles by which it may be wrong about what is shorter: words of its operands meet in banks."""


def models() -> list[Job]:
    """Whole models: sentences of several lengths, memory fast and slow."""
    jobs = []
    for length, latency, max_passes in ((1, 40, 0), (5, 40, 0), (13, 5, 0), (21, 100, 1)):
        program = shape_program(
            hidden=32, heads=2, ffn=52, layers=2, length=length, machine=MACHINE, embedding=12
        )
        settings = {"length": length, "max_passes": max_passes}
        name = f"model, {length} tokens"
        jobs.append(Job(name, program.instructions, settings, latency=latency, answer=latency))
    return jobs


def control() -> Job:
    """Loops around instructions that depend on each other, a barrier, more of them than fit."""
    shapes = Shapes(MACHINE)
    product = shapes.product(Opcode.MATMUL, WIDE, 9, 8, 12).instructions[0]
    softmax = shapes.special(Opcode.SOFTMAX, CODES, 9, 8).instructions[0]
    reader = Instruction(softmax.opcode, {**softmax.operands, "a_address": 0, "o_address": 1000})
    store = shapes.moved(Opcode.STORE, 3, 4, 40).instructions[0]
    program = [
        product,
        reader,
        *[product] * 5,
        store,
        Instruction(Opcode.BARRIER),
        reader,
        Instruction(Opcode.LOOP, {"target": 1, "count": 3}),
        Instruction(Opcode.HALT),
    ]
    return Job("loops", program)


def near(predicted: int, counted: int) -> bool:
    return abs(predicted - counted) <= max(SLACK, BOUND * counted)


def compare(name: str, predicted: Prediction, counted: dict[str, list[int]]) -> None:
    """The run, and what each unit did in it."""
    cycles = counted["cycles"][0]
    assert abs(predicted.cycles - cycles) <= BOUND * cycles, (
        f"{name}: {predicted.cycles} cycles, not {cycles}"
    )
    for unit, account in predicted.units.items():
        lower = unit.name.lower()
        ends = [record.ended for record in predicted.instructions if record.unit is unit]
        found = counted[f"{lower}_instructions"]
        assert len(ends) == len(found), f"{name}: {unit.name} {len(ends)} ends, not {len(found)}"
        for number, (end, seen) in enumerate(zip(ends, found)):
            assert near(end, seen), f"{name}: {unit.name} {number} ends at {end}, not {seen}"
        pairs = [("busy", account.busy), ("stall", account.stalled)]
        if f"{lower}_issues" in counted:
            pairs.append(("issues", account.work))
        for kind, value in pairs:
            seen = len(counted[f"{lower}_{kind}"])
            slack = max(SLACK, BOUND * cycles)
            assert abs(value - seen) <= slack, f"{name}: {unit.name} {kind} {value}, not {seen}"
    assert predicted.units[Unit.MATRIX].work == len(counted["matrix_issues"])
    assert predicted.written_beats == len(counted["write_beats"])


@pytest.mark.regress
def test_single_instructions_are_exact(tmp_path: Path) -> None:
    """Every latency that the model adds up is the hardware's."""
    jobs = Shapes(MACHINE).all()
    found = count_cycles(MACHINE, jobs, tmp_path, simulator="verilator", top="cycles_tiny")
    wrong = {}
    for job, counted in zip(jobs, found):
        predicted = job.predict(MACHINE)
        compare(job.name, predicted, counted)
        # words of two operands may meet in a bank
        is_pair = job.instructions[0].opcode in (Opcode.MATMUL, Opcode.LAYERNORM)
        cycles = counted["cycles"][0]
        if predicted.cycles != cycles and not (is_pair and near(predicted.cycles, cycles)):
            wrong[job.name] = (predicted.cycles, cycles)
    assert not wrong


@pytest.mark.regress
def test_rows_with_a_scale_of_their_own(tmp_path: Path) -> None:
    machine = MACHINES["ternary"]
    jobs = Shapes(machine).tokens()
    found = count_cycles(machine, jobs, tmp_path, simulator="verilator", top="cycles_ternary")
    for job, counted in zip(jobs, found):
        compare(job.name, job.predict(machine), counted)


@pytest.mark.regress
def test_programs(tmp_path: Path) -> None:
    """Within two per cent: waits for banks are all that is not known exactly."""
    jobs = [*models(), control()]
    found = count_cycles(MACHINE, jobs, tmp_path, simulator="verilator", top="cycles_tiny")
    for job, counted in zip(jobs, found):
        compare(job.name, job.predict(MACHINE), counted)


@pytest.mark.regress
def test_icarus_counts_the_same(tmp_path: Path) -> None:
    shapes = Shapes(MACHINE)
    jobs = [
        shapes.product(Opcode.LINEAR, CODES, 3, 5, 6),
        shapes.special(Opcode.LAYERNORM, CODES, 2, 9, has_a=1, has_b=1),
        shapes.moved(Opcode.GATHER, 3, 2, 10),
    ]
    found = count_cycles(MACHINE, jobs, tmp_path, simulator="icarus", top="cycles_tiny")
    for job, counted in zip(jobs, found):
        assert job.predict(MACHINE).cycles == counted["cycles"][0], job.name


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_every_machine_has_a_prediction(name: str) -> None:
    """No simulation: array, words and units of each are known to the model."""
    machine = MACHINES[name]
    program = shape_program(hidden=64, heads=4, ffn=128, layers=2, length=40, machine=machine)
    predicted = Job(name, program.instructions, {"length": 40}).predict(machine)
    vectors = predicted.units[Unit.MATRIX].work + (
        predicted.units[Unit.ATTENTION].work if machine.attention else 0
    )
    assert 0 < vectors < predicted.cycles * len(machine.arrays)
    assert len(predicted.passes) == 2
    assert predicted.passes[0][1] < predicted.passes[1][0] < predicted.cycles
