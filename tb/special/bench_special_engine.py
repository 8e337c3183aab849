"""cocotb side of test_special_engine."""

from __future__ import annotations

import itertools

import cocotb
import numpy as np
from alembert.config.isa import Opcode, ResultKind
from alembert.config.special import EntropyEngineFault, SpecialFault
from alembert.special import EntropyEngine
from cocotb.triggers import ClockCycles, RisingEdge
from special.driver import SpecialDriver, reset
from special.machines import MACHINES
from special.programs import Model, instruction_word
from support.parameters import parameters
from support.streams import PATTERNS, Source, start, within

GIVEN = parameters()
MACHINE = MACHINES[GIVEN["machine"]]
L, W, LONGEST = MACHINE.word_wides, MACHINE.word_codes, MACHINE.longest_row
FUNCTIONS = [Opcode.SOFTMAX, Opcode.GELU, Opcode.LAYERNORM, Opcode.TANH]
KINDS = [ResultKind.CODES, ResultKind.WIDE]
HAS_TOKENS = MACHINE.special.has_tokens
if HAS_TOKENS:
    FUNCTIONS.append(Opcode.RESCALE)
    KINDS.append(ResultKind.TOKEN)


def function(number: int) -> Opcode:
    return FUNCTIONS[number % len(FUNCTIONS)]


async def begin(dut, engine: str = "special", *, monitors: bool = True) -> SpecialDriver:
    await start(dut)
    model = Model(MACHINE, np.random.default_rng(cocotb.RANDOM_SEED))
    driver = SpecialDriver(dut, model, engine, monitors=monitors)
    await driver.load()
    return driver


def shapes() -> list[tuple[int, int]]:
    """One row and several; one column, parts of words, whole words, the longest row."""
    columns = sorted({1, L - 1, L, L + 1, W - 1, W, W + 1, 2 * W + 1, LONGEST} - {0})
    return list(zip(itertools.cycle((1, 2, 5, 3, 9)), columns))


@cocotb.test()
async def programs(dut) -> None:
    """Each function and kind, likes and others behind one another; no other word is touched."""
    driver = await begin(dut)
    model = driver.model
    kinds = itertools.cycle(KINDS)
    for k, (rows, columns) in enumerate(shapes()[:: 2 if GIVEN["few"] else 1]):
        model.begin_program()
        # of a function two in a row: they overlap, unless they have parameters
        order = [function(k + step // 2) for step in range(5)]
        await driver.run([model.special(each, next(kinds), rows, columns) for each in order])
        await driver.compare()


@cocotb.test()
async def operands(dut) -> None:
    """Spans, lifts, sums without a or b, extreme exponents, results in their operands' place."""
    driver = await begin(dut)
    model = driver.model
    codes, wide = KINDS[:2]
    columns = 2 * W + 1
    model.begin_program()
    program = [
        model.special(Opcode.SOFTMAX, kind, 7, L + 1, given={"span": span})
        for span, kind in zip((1, 2, 3, 7, 0), itertools.cycle(KINDS))
    ]
    await driver.run(program)
    model.begin_program()
    program = [
        model.special(Opcode.LAYERNORM, kind, 2, columns, given={"has_a": a, "has_b": b})
        for a, b, kind in ((1, 0, wide), (0, 1, codes), (0, 0, wide), (1, 1, codes))
    ]
    await driver.run(program)
    await driver.compare()
    # the shift of one must not reach the rows of the other, which are still under way
    model.begin_program()
    program = [
        model.special(opcode, wide, 2, L + 1, given={"a_shift": shift, **others})
        for opcode, others in ((Opcode.SOFTMAX, {"span": 0}), (Opcode.GELU, {"has_lifts": 0}))
        for shift in (0, 7, 1, 1, 0)
    ]
    await driver.run(program)
    await driver.compare()
    model.begin_program()
    program = [
        model.special(Opcode.GELU, codes, 3, columns, given={"has_lifts": 1, "exponent": exponent})
        for exponent in (-512, -8, 511, 0)
    ]
    program.append(model.special(Opcode.GELU, wide, 2, W, given={"has_lifts": 1}))
    program.append(model.special(Opcode.GELU, codes, 2, W, given={"has_lifts": 0}))
    await driver.run(program)
    await driver.compare()
    for opcode, kind in itertools.product(FUNCTIONS, KINDS):
        model.begin_program()
        await driver.run([model.special(opcode, kind, 3, columns, in_place=True)])
    await driver.compare()


@cocotb.test()
async def patterns(dut) -> None:
    """Late instructions × banks in use."""
    driver = await begin(dut)
    model = driver.model
    pairs = list(itertools.product(PATTERNS, PATTERNS))
    if GIVEN["few"]:
        pairs = list(zip(PATTERNS, reversed(PATTERNS)))
    choices = itertools.cycle(itertools.product(FUNCTIONS, KINDS))
    for idle, stall in pairs:
        disturbed = SpecialDriver(dut, model, idle=idle, stall=stall, monitors=False)
        model.begin_program()
        program = []
        for rows, columns in ((3, W + 1), (2, 2 * L), (4, 3 * W - 1)):
            opcode, kind = next(choices)
            program.append(model.special(opcode, kind, rows, columns))
        await disturbed.run(program)
    await driver.compare()


@cocotb.test()
async def sieges(dut) -> None:
    """A bank that others keep for long stops all that is behind it, and nothing is lost."""
    driver = await begin(dut)
    model = driver.model
    rivals = {"a": Source(dut, "rival_i"), "o": Source(dut, "rival_write")}

    async def besiege(name: str, address: int) -> None:
        if name == "a":
            await ClockCycles(dut.clk, 20)
        await rivals[name].send([address] * 130)

    for opcode, kind in itertools.product(FUNCTIONS, KINDS):
        model.begin_program()
        program = [model.special(opcode, kind, 4, 3 * W + 1) for _ in range(2)]
        tasks = [cocotb.start_soon(besiege(name, program[0][f"{name}_address"])) for name in rivals]
        watch = await driver.run(program)
        assert watch.stalled > 100
        for task in tasks:
            await task
    await driver.compare()


@cocotb.test()
async def faults(dut) -> None:
    """A bad instruction ends in its turn, without effect; the first fault stays, all goes on."""
    driver = await begin(dut)
    model = driver.model
    source = Source(dut, "special_instruction")
    bad = [
        ({"opcode": 0}, SpecialFault.OPCODE),
        ({"opcode": Opcode.ENTROPY}, SpecialFault.OPCODE),
        ({"rows": 0}, SpecialFault.ZERO_DIMENSION),
        ({"columns": 0}, SpecialFault.ZERO_DIMENSION),
        ({"columns": LONGEST + 1}, SpecialFault.TOO_LONG),
        ({"columns": 65535}, SpecialFault.TOO_LONG),
        ({"kind": ResultKind.COLUMNS}, SpecialFault.KIND),
    ]
    if not HAS_TOKENS:
        bad += [
            ({"opcode": Opcode.RESCALE}, SpecialFault.OPCODE),
            ({"kind": ResultKind.TOKEN}, SpecialFault.KIND),
        ]
    for changes, fault in bad[:: 2 if GIVEN["few"] else 1]:
        model.begin_program()
        before, opcode = driver.port("written"), function(int(fault))
        good = [model.special(opcode, KINDS[0], 2, W + 1) for _ in range(2)]
        words = [instruction_word(each) for each in good]
        second = instruction_word(good[0], rows=0, columns=0, opcode=9)
        task = cocotb.start_soon(
            source.send([words[0], instruction_word(good[0], **changes), second, words[1]])
        )
        seen = []
        while len(seen) < 4:
            await within(2000, dut.clk, RisingEdge(dut.special_done))
            await RisingEdge(dut.clk)
            # done of refused instructions may follow one another in neighbouring cycles
            while dut.special_done.value:
                seen.append((driver.port("fault"), driver.port("written") - before))
                await RisingEdge(dut.clk)
        await task
        half = (driver.port("written") - before) // 2
        assert [fault for fault, _ in seen] == [0, 0, fault, fault]
        assert [written for _, written in seen] == [half, half, half, 2 * half]
        await reset(dut)
        assert driver.port("fault") == 0
    await driver.compare()


@cocotb.test()
async def resets(dut) -> None:
    """A reset in the midst of anything leaves nothing behind; then results are right again."""
    driver = await begin(dut, monitors=False)  # instructions are withdrawn
    model = driver.model
    source = Source(dut, "special_instruction")
    for k, wait in enumerate((9, 25, 61) if GIVEN["few"] else (3, 8, 9, 14, 25, 40, 61, 90)):
        scratchpad = model.scratchpad.copy()
        model.begin_program()
        lost = [
            model.special(function(k + n // 2), KINDS[(k + n) % len(KINDS)], 4, W + 3)
            for n in (0, 1, 2)
        ]
        model.scratchpad[:] = scratchpad
        task = cocotb.start_soon(source.send(instruction_word(each) for each in lost))
        await ClockCycles(dut.clk, wait)
        task.cancel()
        dut.special_instruction_valid.value = 0
        await reset(dut)
        assert driver.port("busy") == 0
        await driver.load()  # what was written till then
        model.begin_program()
        await driver.run([model.special(function(k + n), KINDS[-1 - n], 3, W + 1) for n in (0, 1)])
        await driver.compare()


def outcomes(model: Model) -> list[tuple[int, ...]]:
    """What the engine should say at the end of each of the program's tests."""
    return [
        tuple(int(values[0]) for values in (t.exit_all, t.first_class, t.first_entropy))
        for t in model.tests
    ]


@cocotb.test()
async def entropy_records(dut) -> None:
    """Rows that exit, rows that do not, rows at fault; one row and several."""
    driver = await begin(dut, "entropy")
    model = driver.model
    most = MACHINE.max_classes
    seen = set()
    for threshold in (0, 1 << 13, 3 << 15, (1 << 19) - 1):
        model.threshold = threshold
        dut.entropy_threshold.value = threshold
        model.begin_program()
        shapes = [(1, 2), (3, L + 1), (2, 1), (1, most), (2, most + 1), (1, W), (4, 3)]
        program = [model.entropy(rows, columns) for rows, columns in shapes]
        watch = await driver.run(program)
        assert watch.outcomes == outcomes(model)
        seen |= {exits for exits, _, _ in watch.outcomes}
        await driver.compare()
    assert seen == {0, 1}


@cocotb.test()
async def entropy_patterns(dut) -> None:
    """Late instructions × banks in use; the way in and the whole way take what they should."""
    driver = await begin(dut, "entropy")
    model = driver.model
    for idle, stall in zip(PATTERNS, reversed(PATTERNS)):
        disturbed = SpecialDriver(dut, model, "entropy", idle=idle, stall=stall, monitors=False)
        model.begin_program()
        program = [model.entropy(*shape) for shape in ((2, L + 1), (1, 5))]
        watch = await disturbed.run(program)
        assert watch.outcomes == outcomes(model)
    await driver.compare()
    model.begin_program()
    watch = await driver.run([model.entropy(1, W + 1)])
    engine = EntropyEngine(MACHINE)
    assert watch.issuing[0] - watch.taken[0] == engine.latency
    assert watch.done[0][0] - watch.taken[0] == engine.cycles(W + 1)


@cocotb.test()
async def entropy_faults(dut) -> None:
    """What cannot be executed says so, and forgets what the test before said."""
    driver = await begin(dut, "entropy")
    model = driver.model
    model.threshold = (1 << 19) - 1
    dut.entropy_threshold.value = model.threshold
    source = Source(dut, "entropy_instruction")
    for changes, fault in (
        ({"opcode": Opcode.GELU}, EntropyEngineFault.OPCODE),
        ({"rows": 0}, EntropyEngineFault.ZERO_DIMENSION),
        ({"columns": 0}, EntropyEngineFault.ZERO_DIMENSION),
    ):
        model.begin_program()
        good = model.entropy(1, 5)
        await driver.run([good])
        assert driver.port("exit_all") == 1
        await source.send([instruction_word(good, **changes)])
        if not dut.entropy_done.value:
            await within(20, dut.clk, RisingEdge(dut.entropy_done))
        await RisingEdge(dut.clk)
        assert [driver.port(n) for n in ("exit_all", "first_class", "first_entropy")] == [0, 0, 0]
        await RisingEdge(dut.clk)
        assert driver.port("fault") == fault
        assert driver.port("busy") == 0
        await reset(dut)
    await driver.compare()
