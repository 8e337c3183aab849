"""cocotb side of test_processor."""

from __future__ import annotations

import random
from itertools import pairwise

import cocotb
from alembert.command import CommandProcessor, units_of
from alembert.config.command import MachineFault
from alembert.config.isa import Opcode, ResultKind
from alembert.config.status import State
from command.harness import Harness, Pace
from command.instructions import program
from command.machines import MACHINES
from command.oracle import Registers
from command.snippets import HALT, LOAD, entropy, matmul, op, softmax
from support.parameters import parameters
from support.streams import Monitor, start

MACHINE = MACHINES[parameters().get("machine", "tiny")]
PACES = [
    Pace(),
    Pace(cycles=(1, 3)),
    Pace(cycles=(100, 200)),
    Pace(latency=(0, 50), idle=0.5, stall=0.5, cycles=(1, 150), refuse=0.7),
    Pace(latency=(40, 40), cycles=(1, 20), refuse=0.3),
]


def _rng() -> random.Random:
    return random.Random(cocotb.RANDOM_SEED)


def _monitor(dut) -> None:
    names = [unit.name.lower() for unit in units_of(MACHINE)]
    for name in ("fetch_command", "fetch_words", *names):
        Monitor(dut, name)


@cocotb.test()
async def random_programs(dut) -> None:
    """One after the other without a reset, at every pace; dispatch is prompt when memory is."""
    await start(dut)
    _monitor(dut)
    rng = _rng()
    for pace in PACES:
        harness = Harness(dut, MACHINE, rng, pace)
        for _ in range(parameters()["programs"]):
            # from 2: of one logit there is no test
            registers = Registers(rng.randint(2, 4), rng.randint(2, 4), rng.choice([0, 0, 2, 9]))
            code = program(rng, MACHINE, parameters()["length"])
            says = [rng.random() < 0.3 for _ in range(1000)]
            await harness.run(code, registers, settle=False, verdicts=says.__getitem__)
            if pace in (PACES[0], PACES[2]):
                slots = len(harness.units) * (MACHINE.queue_depth + 1)
                each = MACHINE.instruction_words + CommandProcessor.overhead
                assert harness.longest_idle <= each + 2 * slots + 6, harness.longest_idle
                # at a jump, words that were read ahead are dropped
                assert harness.longest_jump <= 2 * each + 80 + 2 * slots, harness.longest_jump
        await harness.settle()


@cocotb.test()
async def independent_work_overlaps(dut) -> None:
    """Softmax of a head beside the scores of the next one; each waits for what it reads."""
    await start(dut)
    harness = Harness(dut, MACHINE, _rng(), Pace(cycles=(200, 200)))
    unit = int(MACHINE.attention is not None)
    wide = {"kind": ResultKind.WIDE, "unit": unit}
    code = []
    for head in range(4):
        scores, probabilities = 100 + 16 * (head % 2), 140 + 16 * (head % 2)
        code += [
            matmul(scores, 0, 16, **wide),
            softmax(probabilities, scores),
        ]
    await harness.run([*code, HALT], Registers())
    for head in range(3):
        mine, following = 2 * head + 1, 2 * head + 2
        assert (mine, following) in harness.overlaps
        assert (mine - 1, mine) not in harness.overlaps
    # the scores of head 2 overwrite what the softmax of head 0 reads
    assert (1, 4) not in harness.overlaps


@cocotb.test()
async def each_hazard(dut) -> None:
    """Read after write, write after read, write after write; across units, and within one."""
    await start(dut)
    first = softmax(100, 140)
    cases = [
        (matmul(200, 100, 16), False),  # reads the result: last word, first word, both operands
        (matmul(200, 107, 16, a_stride=1), False),
        (matmul(200, 108, 16), True),
        (matmul(200, 92, 16), True),
        (matmul(200, 93, 16), False),
        (matmul(200, 0, 100), False),
        (matmul(140, 0, 16), False),  # writes what it reads
        (matmul(147, 0, 16), False),
        (matmul(148, 0, 16), True),
        (matmul(100, 0, 16), False),  # writes where it writes
        (matmul(93, 0, 16), False),
        (matmul(92, 0, 16), True),
        (softmax(200, 100), False),  # its own result is waited for; the rest goes in order
        (softmax(140, 200), True),
        (softmax(100, 200), True),
    ]
    for second, overlaps in cases:
        harness = Harness(dut, MACHINE, _rng(), Pace(cycles=(80, 80)))
        await harness.run([first, second, HALT], Registers())
        assert ((0, 1) in harness.overlaps) == overlaps, f"{second:#x}"


@cocotb.test()
async def loops_and_exits(dut) -> None:
    """Pass numbers, MAX_PASSES, a test's verdict, barriers, and one run after another."""
    await start(dut)
    rng = _rng()
    loop = [LOAD, entropy(), op(Opcode.EXIT, target=4), op(Opcode.LOOP, target=0, count=3), HALT]
    for count, max_passes, exit_at, passes in (
        (3, 0, 9, 3),
        (3, 2, 9, 2),
        (3, 1, 9, 1),
        (3, 60000, 9, 3),
        (0, 0, 9, 1),
        (65535, 5, 9, 5),
        (3, 0, 0, 1),
        (3, 0, 1, 2),
        (3, 0, 2, 3),
    ):
        loop[3] = op(Opcode.LOOP, target=0, count=count)
        harness = Harness(dut, MACHINE, rng, Pace(cycles=(1, 30)))
        registers = Registers(max_passes=max_passes)
        run = await harness.run(loop, registers, verdicts=lambda test, at=exit_at: test == at)
        assert (run.passes, run.exited) == (passes, exit_at < passes)
    # exit_all is still high from a run before: without a test there is no exit
    dut.exit_all.value = 1
    await Harness(dut, MACHINE, rng, Pace()).run([loop[2], LOAD, HALT, HALT, HALT], Registers())
    # a loop does not wait, a barrier does
    harness = Harness(dut, MACHINE, rng, Pace(cycles=(200, 200)))
    barrier = op(Opcode.BARRIER)
    once = op(Opcode.LOOP, target=0, count=1)
    await harness.run(
        [LOAD, once, softmax(100, 140), barrier, matmul(60, 0, 30), HALT], Registers()
    )
    assert harness.overlaps == {(0, 2)}


@cocotb.test()
async def pace(dut) -> None:
    """With nothing under way: the words of an instruction and a fixed number of cycles."""
    await start(dut)
    harness = Harness(dut, MACHINE, _rng(), Pace(cycles=(1, 1)))
    await harness.begin([*[LOAD] * 12, HALT], Registers())
    times = []
    for cycle in range(12 * 50):
        await harness.edge()
        if dut.dma_dispatched.value:
            times.append(cycle)
    assert harness.state is State.DONE
    want = MACHINE.instruction_words + CommandProcessor.overhead
    assert {b - a for a, b in pairwise(times)} == {want}
    assert len(times) == 12


@cocotb.test()
async def start_while_running(dut) -> None:
    """Is ignored, and another program address with it."""
    await start(dut)
    harness = Harness(dut, MACHINE, _rng(), Pace(cycles=(50, 50)))
    assert harness.state is State.IDLE
    assert int(dut.pass_number.value) == 0
    await harness.begin([LOAD, softmax(100, 140), HALT], Registers())
    assert harness.state is State.RUNNING
    for _ in range(20):
        dut.start.value = 1
        dut.i_program.value = 0
        await harness.edge()
        dut.start.value = 0
        await harness.edge()
    await harness.until_end()
    assert harness.state is State.DONE
    assert int(dut.fault.value) == MachineFault.NONE
