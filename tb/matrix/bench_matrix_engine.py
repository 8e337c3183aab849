"""cocotb side of test_matrix_engine."""

from __future__ import annotations

import itertools

import cocotb
import numpy as np
from alembert.config.isa import Opcode, ResultKind
from alembert.config.matrix import MatrixFault
from alembert.matrix import MatrixEngine
from cocotb.triggers import ClockCycles, RisingEdge
from matrix.driver import EngineDriver, reset
from matrix.machines import ENGINES
from matrix.programs import Model, altered_word, instruction_word
from support.parameters import parameters
from support.streams import PATTERNS, Source, start

GIVEN = parameters()
UNDER_TEST = ENGINES[GIVEN["engine"]]
ARRAY = UNDER_TEST.array
V, C, R = ARRAY.vmac.lanes, ARRAY.vmacs, ARRAY.vmac.rows
OPCODES = [Opcode.LINEAR] * UNDER_TEST.has_weight_stream + [Opcode.MATMUL] * UNDER_TEST.has_products
KINDS = [ResultKind.CODES, ResultKind.WIDE] + [ResultKind.COLUMNS] * UNDER_TEST.has_columns


async def begin(dut, **options) -> EngineDriver:
    await start(dut)
    model = Model(UNDER_TEST, np.random.default_rng(cocotb.RANDOM_SEED))
    driver = EngineDriver(dut, model, **options)
    await driver.load()
    return driver


def shapes() -> list[tuple[int, int, int]]:
    """Every way to fill, under-fill and over-fill R, V, C, and words of depth and columns."""
    W = UNDER_TEST.machine.word_codes
    rows = sorted({1, 2, R - 1, R, R + 1, 2 * R + 3} - {0})
    depths = sorted({1, W, W + 1, V - 1, V, V + 1, 2 * V + 1, 3 * V - W + 1} - {0})
    columns = sorted({1, C, C + 1, W // 2, W // 2 + 1, W - 1, W, W + 1, 2 * W + 3} - {0})
    longest = max(len(rows), len(depths), len(columns))
    cycles = [itertools.islice(itertools.cycle(d), k, None) for k, d in enumerate((rows, depths))]
    order = [columns[(k * 5 + k // len(columns)) % len(columns)] for k in range(2 * longest)]
    return [(m, k, n) for m, k, n in zip(*cycles, order)]


@cocotb.test()
async def programs(dut) -> None:
    """Shapes of every kind back to back; afterwards no word is other than it should be."""
    driver = await begin(dut)
    choices = itertools.cycle(itertools.product(KINDS, OPCODES))
    every = shapes() * 2
    for k in range(0, len(every), 4):
        driver.model.begin_program()
        program = []
        for shape in every[k : k + 4]:
            kind, opcode = next(choices)
            program.append(driver.model.instruction(opcode, kind, *shape))
        await driver.run(program)
        await driver.compare()


@cocotb.test()
async def patterns(dut) -> None:
    """Late instructions and weights × commands not taken and banks in use."""
    driver = await begin(dut)
    model = driver.model
    choices = itertools.cycle(itertools.product(KINDS, OPCODES))
    for k, (idle, stall) in enumerate(itertools.product(PATTERNS, PATTERNS)):
        disturbed = EngineDriver(
            dut, model, idle=idle, stall=stall, rivals=stall != "never", monitors=k == 0
        )
        model.begin_program()
        program = []
        for shape in ((min(R, 5), V + 1, C + 1), (2, 2 * V, 1), (3, V, 2 * C)):
            kind, opcode = next(choices)
            program.append(model.instruction(opcode, kind, *shape))
        await disturbed.run(program)
    await driver.compare()


@cocotb.test()
async def kinds_and_channels_do_not_have_to_agree(dut) -> None:
    """The kind decides where results lie, the channel what they are."""
    if not UNDER_TEST.has_weight_stream:
        return
    driver = await begin(dut)
    program = [
        driver.model.instruction(Opcode.LINEAR, kind, 3, V, 2 * C + 1, mixed=True) for kind in KINDS
    ]
    await driver.run(program)
    await driver.compare()


@cocotb.test()
async def latency_and_no_gaps(dut) -> None:
    """The first vector enters when it should, and from then on one every cycle.

    The operands lie side by side, so that their first words are in different banks.
    """
    if not UNDER_TEST.has_products or 2 * C + 2 > R:
        return  # a tile's last weights and parameters would take longer than a pass
    driver = await begin(dut)
    engine = MatrixEngine(UNDER_TEST.machine, ARRAY, has_weight_stream=UNDER_TEST.has_weight_stream)
    places = {"a_address": 0, "a_stride": 8, "b_address": 4, "b_stride": 8}
    places |= {"o_address": 128, "o_stride": 8}
    program = [
        driver.model.instruction(Opcode.MATMUL, kind, R, 3 * V, 2 * C, places=places)
        for kind in KINDS[:2] * 2
    ]
    watch = await driver.run(program)
    assert watch.issuing[0] - watch.taken[0] == engine.latency
    assert watch.issuing[-1] - watch.issuing[0] == len(watch.issuing) - 1
    assert watch.stalled == engine.latency - 1
    await driver.compare()


def bad_instructions() -> list[tuple[dict, int, MatrixFault]]:
    """Operands that replace good ones, opcode, and the fault that names them."""
    opcode = OPCODES[0]
    found = [
        ({}, 0x30, MatrixFault.OPCODE),
        ({}, 0, MatrixFault.OPCODE),
        ({"kind": 3}, opcode, MatrixFault.KIND),
        ({"depth": ARRAY.vmac.max_depth + 1}, opcode, MatrixFault.TOO_DEEP),
        ({"depth": 65535}, opcode, MatrixFault.TOO_DEEP),
        *(({n: 0}, opcode, MatrixFault.ZERO_DIMENSION) for n in ("rows", "columns", "depth")),
    ]
    if not UNDER_TEST.has_columns:
        found.append(({"kind": 2}, opcode, MatrixFault.KIND))
    if not UNDER_TEST.has_weight_stream:
        found.append(({}, Opcode.LINEAR, MatrixFault.NO_WEIGHT_STREAM))
    if not UNDER_TEST.has_products:
        found.append(({}, Opcode.MATMUL, MatrixFault.NO_PRODUCTS))
    return found


@cocotb.test()
async def faults(dut) -> None:
    """A bad instruction ends in its turn, without effect; the first fault stays, all goes on."""
    driver = await begin(dut)
    model = driver.model
    opcode = OPCODES[0]
    for changes, bad_opcode, fault in bad_instructions():
        model.begin_program()
        before = model.instruction(opcode, ResultKind.CODES, 3, V + 1, C)
        driver.begin([before])
        await RisingEdge(dut.instruction_valid)
        await ClockCycles(dut.clk, 2)
        bad = altered_word(before, changes, bad_opcode)
        cocotb.start_soon(Source(dut, "instruction").send([bad, bad]))
        assert await faults_at_the_end(dut, 3) == [MatrixFault.NONE, fault, fault]
        await driver.compare()
        model.begin_program()
        after = model.instruction(opcode, ResultKind.CODES, 2, V, 1)
        driver.begin([after])
        await faults_at_the_end(dut, 1)
        assert dut.fault.value == fault
        await driver.compare()
        await reset(dut)
        assert dut.fault.value == MatrixFault.NONE


async def faults_at_the_end(dut, count: int) -> list[int]:
    """The fault one cycle after each instruction's end."""
    seen: list[int] = []
    was_done = False
    for _ in range(5_000):
        await RisingEdge(dut.clk)
        if was_done:
            seen.append(int(dut.fault.value))
            if len(seen) == count:
                assert dut.busy.value == 0
                return seen
        was_done = bool(dut.done.value)
    raise AssertionError(f"{len(seen)} of {count} instructions done")


@cocotb.test()
async def weights_out_of_step(dut) -> None:
    """A command that ends too early or too late is named; the instruction ends all the same."""
    if not UNDER_TEST.has_weight_stream:
        return
    driver = await begin(dut)
    for wrong in ("early", "late"):
        driver.model.begin_program()
        instruction = driver.model.instruction(Opcode.LINEAR, ResultKind.CODES, 2, V + 1, C + 1)
        ((base, offset, words),) = driver.model.weight_commands(instruction)
        last = words // 2 if wrong == "early" else -1
        width = UNDER_TEST.machine.scratchpad.word_width
        beats = [
            driver.model.memory_word(base, offset + k)
            | ((k == last) | (wrong == "early" and k == words - 1)) << width
            for k in range(words)
        ]
        dut.weight_command_ready.value = 1
        cocotb.start_soon(Source(dut, "instruction").send([instruction_word(instruction)]))
        cocotb.start_soon(Source(dut, "weights").send(beats))
        await faults_at_the_end(dut, 1)
        assert dut.fault.value == MatrixFault.WEIGHTS_OUT_OF_STEP
        await driver.compare()
        await reset(dut)


@cocotb.test()
async def reset_in_the_middle(dut) -> None:
    """After a reset at any point of a program, the next one is right."""
    driver = await begin(dut, monitors=False)
    model = driver.model
    for cycles in (3, 9 + C, 40, 150):
        model.begin_program()
        program = [model.instruction(OPCODES[-1], kind, R + 1, 2 * V, 2 * C) for kind in KINDS]
        cut_off = EngineDriver(dut, model, monitors=False)
        cut_off.begin(program)
        await ClockCycles(dut.clk, cycles)
        cut_off.abandon()
        for name in (
            ("instruction", "weights") if UNDER_TEST.has_weight_stream else ("instruction",)
        ):
            getattr(dut, f"{name}_valid").value = 0
        await reset(dut)
        fresh = EngineDriver(dut, model, monitors=False)
        await fresh.load()
        model.begin_program()
        kind = KINDS[cycles % len(KINDS)]
        await fresh.run([model.instruction(OPCODES[0], kind, R + 1, V + 1, C + 1)])
        await fresh.compare()
