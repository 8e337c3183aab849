"""cocotb side of test_special_engine, where codes are INT8: RESCALE, results of kind TOKEN."""

from __future__ import annotations

import itertools
from dataclasses import replace

import cocotb
from alembert.config.isa import FORMATS, Instruction, Opcode
from alembert.special import SpecialEngine
from alembert_compiler.cycles import predict
from cocotb.triggers import ClockCycles
from special.bench_special_engine import FUNCTIONS, GIVEN, KINDS, LONGEST, MACHINE, W, begin, shapes

CODES, WIDE, TOKEN = KINDS


@cocotb.test()
async def tokens(dut) -> None:
    """Rows with a scale of their own, of every function and length; and what leads to them."""
    driver = await begin(dut)
    model = driver.model
    for rows, columns in shapes()[:: 2 if GIVEN["few"] else 1]:
        for opcode in FUNCTIONS:
            model.begin_program()
            await driver.run([model.special(opcode, TOKEN, rows, columns) for _ in range(2)])
        await driver.compare()
    # encoders, what goes past them, the quantiser: one right behind the other
    kinds = [CODES, TOKEN, WIDE, TOKEN, CODES]
    for opcode in (Opcode.TANH, Opcode.GELU):
        given = {"has_lifts": 0} if opcode is Opcode.GELU else {}
        model.begin_program()
        await driver.run([model.special(opcode, kind, 2, W + 1, given=given) for kind in kinds])
    await driver.compare()
    # scales of their own, right behind one another
    model.begin_program()
    scales = [(1 << 31, shift) for shift in (31, 28, 33, 30)]
    await driver.run(
        [
            model.special(
                Opcode.RESCALE,
                WIDE,
                2,
                2 * W,
                given={"multiplier": multiplier, "shift": shift, "has_b": 0, "has_bias": 0},
            )
            for multiplier, shift in scales
        ]
    )
    await driver.compare()
    # the scale by hand: 1, just below and above what saturates, nothing, all there is
    scales = [(1 << 31, 31), (1, 0), (1 << 16, 0), ((1 << 32) - 1, 0), (0, 5), (1, 63)]
    for k, (multiplier, shift) in enumerate(scales):
        model.begin_program()
        given = {"multiplier": multiplier, "shift": shift, "has_b": k % 2, "has_bias": k // 2 % 2}
        await driver.run([model.special(Opcode.RESCALE, WIDE, 2, W + 1, given=given)])
    await driver.compare()


@cocotb.test()
async def cycles(dut) -> None:
    """Of rows of kind TOKEN, and of RESCALE, as engine and cycle model say."""
    driver = await begin(dut)
    model = driver.model
    engine = SpecialEngine(MACHINE)
    halt = Instruction(Opcode.HALT)
    roomy = replace(MACHINE, scratchpad=replace(MACHINE.scratchpad, address_width=20))
    sizes = list(itertools.product((1, 2, 6), (1, W, 4 * W, LONGEST)))
    plain = {"has_b": 0, "has_bias": 0, "has_lifts": 0}
    jobs = [(each, kind, plain) for each in FUNCTIONS for kind in (WIDE, TOKEN)]
    for b, bias in ((0, 1), (1, 0), (1, 1)):
        jobs.append((Opcode.RESCALE, TOKEN, {"has_b": b, "has_bias": bias}))
    for (rows, columns), job in itertools.product(sizes[:: 5 if GIVEN["few"] else 1], jobs):
        opcode, kind, flags = job
        given = {name: value for name, value in flags.items() if name in FORMATS[opcode].operands}
        model.begin_program()
        instruction = model.special(opcode, kind, rows, columns, given=given)
        watch = await driver.run([instruction])
        took = watch.done[0][0] - watch.taken[0]
        if rows == 1 and flags is plain:
            assert took == engine.cycles(opcode, kind, 1, columns), job
        record = predict(roomy, [instruction, halt], length=1).instructions[0]
        # words of a, of b and of parameters may meet in a bank
        slack = 0 if flags is plain else max(3, took // 50)
        wrong = record.ended - record.taken - took
        assert abs(wrong) <= slack, f"{rows}×{columns} {job}: {took} cycles, {wrong} off"
        await ClockCycles(dut.clk, 5)
    await driver.compare()
