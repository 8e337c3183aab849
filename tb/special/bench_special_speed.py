"""cocotb side of test_speed: cycles of whole instructions against their beats."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.config.isa import Opcode, ResultKind
from alembert.special import SpecialEngine
from cocotb.triggers import ClockCycles
from special.driver import SpecialDriver
from special.machines import MACHINES
from special.programs import Model
from support.parameters import parameters
from support.streams import start

MACHINE = MACHINES[parameters()["machine"]]
CODES, WIDE = ResultKind.CODES, ResultKind.WIDE


@cocotb.test()
async def speed(dut) -> None:
    """A beat a cycle, and the way in and out as the engine says."""
    await start(dut)
    model = Model(MACHINE, np.random.default_rng(cocotb.RANDOM_SEED))
    driver = SpecialDriver(dut, model)
    await driver.load()
    engine = SpecialEngine(MACHINE)
    for opcode, kind, rows, columns, given in (
        (Opcode.SOFTMAX, CODES, 16, 64, {"span": 0, "a_shift": 2}),
        (Opcode.SOFTMAX, WIDE, 5, 128, {"span": 20}),
        (Opcode.GELU, CODES, 4, 256, {"has_lifts": 0}),
        (Opcode.GELU, WIDE, 4, 512, {}),
        (Opcode.TANH, CODES, 4, 256, {}),
        (Opcode.LAYERNORM, CODES, 16, 128, {"has_b": 0}),
        (Opcode.LAYERNORM, WIDE, 6, 128, {"has_b": 0}),
    ):
        model.begin_program()
        watch = await driver.run([model.special(opcode, kind, rows, columns, given=given)])
        beats = rows * columns // MACHINE.word_wides
        cycles = watch.done[0][0] - watch.taken[0]
        dut._log.info(f"{opcode.name} {rows}×{columns} {kind.name}: {beats} beats, {cycles} cycles")
        assert watch.issuing[0] - watch.taken[0] == engine.latency
        assert watch.issuing[-1] - watch.issuing[0] == beats - 1
        assert watch.stalled == engine.latency - 1
        assert cycles == engine.cycles(opcode, kind, rows, columns)
        await ClockCycles(dut.clk, 5)
    await driver.compare()


@cocotb.test()
async def streams(dut) -> None:
    """Likes follow one another without a gap to speak of; lifts and codes cost little."""
    await start(dut)
    model = Model(MACHINE, np.random.default_rng(cocotb.RANDOM_SEED))
    driver = SpecialDriver(dut, model)
    await driver.load()
    for opcode, count, rows, columns, least, given in (
        (Opcode.SOFTMAX, 4, 8, 64, 0.80, {"a_shift": 1}),
        (Opcode.GELU, 2, 4, 256, 0.93, {"has_lifts": 0, "a_shift": 1}),
        (Opcode.TANH, 2, 4, 256, 0.93, {}),
        (Opcode.GELU, 1, 8, 256, 0.75, {"has_lifts": 1}),
        (Opcode.LAYERNORM, 1, 16, 128, 0.55, {"has_b": 1}),
    ):
        model.begin_program()
        program = [model.special(opcode, CODES, rows, columns, given=given) for _ in range(count)]
        watch = await driver.run(program)
        cycles = watch.done[-1][0] - watch.taken[0]
        share = len(watch.issuing) / cycles
        dut._log.info(
            f"{count} {opcode.name} {rows}×{columns}: {len(watch.issuing)} beats in {cycles} "
            f"cycles, {share:.3f}; {watch.stalled} stalled"
        )
        assert share >= least
    await driver.compare()


@cocotb.test()
async def programs(dut) -> None:
    """Odd shapes of all functions while others use the banks."""
    await start(dut)
    model = Model(MACHINE, np.random.default_rng(cocotb.RANDOM_SEED))
    driver = SpecialDriver(dut, model, idle="random", stall="bursts")
    await driver.load()
    program = [
        model.special(opcode, kind, rows, columns)
        for opcode, kind, rows, columns in (
            (Opcode.SOFTMAX, CODES, 9, 37),
            (Opcode.SOFTMAX, WIDE, 4, 61),
            (Opcode.LAYERNORM, CODES, 7, 130),
            (Opcode.GELU, CODES, 3, 333),
            (Opcode.LAYERNORM, WIDE, 2, 75),
            (Opcode.GELU, WIDE, 2, 9),
            (Opcode.TANH, CODES, 3, 43),
        )
    ]
    await driver.run(program)
    await driver.compare()
    test = SpecialDriver(dut, model, "entropy", monitors=False)
    model.begin_program()
    watch = await test.run([model.entropy(3, 41)])
    (outcome,) = model.tests
    assert watch.outcomes[0][1:] == (outcome.first_class[0], outcome.first_entropy[0])
    await driver.compare()
