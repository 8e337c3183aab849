"""cocotb side of test_processor: everything that ends a run but HALT."""

from __future__ import annotations

import random

import cocotb
from alembert.command import units_of
from alembert.config.command import MachineFault
from alembert.config.isa import Opcode, ResultKind, Unit
from alembert.config.status import State
from cocotb.triggers import RisingEdge
from command.harness import Harness, Pace
from command.instructions import program
from command.machines import MACHINES
from command.oracle import Registers
from command.snippets import HALT, LOAD, entropy, matmul, op, softmax
from support.parameters import parameters
from support.streams import Monitor, start

MACHINE = MACHINES[parameters().get("machine", "tiny")]
SLOW = Pace(latency=(0, 50), idle=0.5, stall=0.5, cycles=(1, 150), refuse=0.7)


def _rng() -> random.Random:
    return random.Random(cocotb.RANDOM_SEED)


@cocotb.test()
async def faults_of_instructions(dut) -> None:
    """By name, with their number; a start does not help, a reset does."""
    await start(dut)
    refusals = {
        0: MachineFault.ILLEGAL_OPCODE,
        0xFF: MachineFault.ILLEGAL_OPCODE,
        LOAD | 1 << 255: MachineFault.OPERAND,
        HALT | 1 << 8: MachineFault.OPERAND,
        matmul(0, 0, 0) | 3 << 152: MachineFault.OPERAND,
        matmul(0, 0, 0, depth=1000, a_stride=300, b_stride=300): MachineFault.OPERAND,
        matmul(0, 0, 0, columns=0xFFFF): MachineFault.OPERAND,  # TARGETS is 0
        softmax(0, 0, kind=ResultKind.COLUMNS): MachineFault.OPERAND,
        softmax(0, 0, columns=2000, a_stride=1000, o_stride=1000): MachineFault.OPERAND,
        softmax(MACHINE.scratchpad.words - 7, 0): MachineFault.ADDRESS,
        softmax(0, MACHINE.scratchpad.words - 7): MachineFault.ADDRESS,
        op(Opcode.LINEAR, rows=1, columns=1, depth=1, unit=1): MachineFault.OPERAND,
        op(Opcode.ENTROPY, rows=1, columns=1): MachineFault.OPERAND,
        op(Opcode.LOOP, target=0xFFFF, count=2): MachineFault.FETCH,
    }
    if MACHINE.attention is None:
        refusals[matmul(0, 0, 0, unit=1)] = MachineFault.OPERAND
    for bad, fault in refusals.items():
        harness = Harness(dut, MACHINE, _rng(), Pace(cycles=(30, 30)))
        registers = Registers(targets=0)
        is_jump = fault is MachineFault.FETCH
        if is_jump:
            await harness.begin([LOAD, HALT, HALT], registers)
            harness.image[1] = bad
            await harness.until_end()
        else:
            await harness.run([LOAD, bad, LOAD, HALT], registers)
        assert int(dut.fault.value) == fault, f"{bad:#x}"
        assert int(dut.fault_pc.value) == (0xFFFF if is_jump else 1)
        assert int(dut.fault_unit.value) == Unit.CONTROL
        dut.start.value = 1
        for _ in range(60):
            await harness.edge()  # a dispatch would be one too many
            assert harness.state is State.ERROR
        dut.start.value = 0
        await harness.reset()
        harness = Harness(dut, MACHINE, _rng(), Pace())
        await harness.run([LOAD, HALT], registers)


@cocotb.test()
async def refused_reads(dut) -> None:
    """Matter only where they are executed; here everything behind the program is refused."""
    await start(dut)
    for pace in (Pace(), SLOW):
        harness = Harness(dut, MACHINE, _rng(), pace)
        harness.refused = {2, 3}
        await harness.run([LOAD, op(Opcode.LOOP, target=4, count=2), LOAD, LOAD, HALT], Registers())
        harness.refused = {1}  # of a run that follows without a pause
        await harness.begin([LOAD, HALT], Registers())
        await harness.until_end()
        assert int(dut.fault.value) == MachineFault.FETCH
        assert int(dut.fault_pc.value) == 1
        await harness.reset()


@cocotb.test()
async def faults_of_units(dut) -> None:
    """Latched with unit and oldest instruction; nothing is dispatched or offered any more."""
    await start(dut)
    codes = [fault for fault in MachineFault if fault]
    work = {
        Unit.DMA: LOAD,
        Unit.MATRIX: matmul(60, 0, 30),
        Unit.ATTENTION: matmul(60, 0, 30, unit=1),
        Unit.SPECIAL: softmax(100, 140),
        Unit.ENTROPY: entropy(200),
    }
    for unit in units_of(MACHINE):
        for when in ("working", "with done", "idle"):
            harness = Harness(dut, MACHINE, _rng(), Pace(cycles=(25, 25)))
            other = matmul(60, 0, 30) if unit is Unit.SPECIAL else softmax(100, 140)
            mine = other if when == "idle" else work[unit]
            await harness.begin([other, *[mine] * 3, *[LOAD] * 30, HALT], Registers())
            model = harness.units[unit]
            ours = harness.under_way[unit]
            want_pc = None
            for _ in range(1000):
                await harness.edge()
                if when == "idle":
                    break
                if len(ours) >= 2 and (model.finishing or when == "working"):
                    want_pc = ours[0].pc
                    break
            fault = codes[unit % len(codes)]
            model.fault.value = fault
            await harness.edge()
            seen = sum(map(len, harness.under_way.values()))
            for _ in range(2):
                await harness.edge()
            assert harness.state is State.ERROR
            assert int(dut.fault.value) == fault
            assert int(dut.fault_unit.value) == unit
            if want_pc is not None:
                assert int(dut.fault_pc.value) == want_pc
            for each in harness.units.values():
                each.frozen = True
            now = sum(map(len, harness.under_way.values()))
            assert now <= seen
            for _ in range(100):
                await harness.edge()
            assert sum(map(len, harness.under_way.values())) <= now
            assert harness.state is State.ERROR
            await harness.reset()


@cocotb.test()
async def queues_after_a_fault(dut) -> None:
    """What is offered stays, and may still be taken; what waits behind it is never offered."""
    await start(dut)
    watched = Monitor(dut, "special")
    for refused in (1, 2):
        harness = Harness(dut, MACHINE, _rng(), Pace(refuse=1.0))
        tests = [softmax(100 + 8 * k, 140) for k in range(refused)]
        await harness.begin([*tests, *[softmax(140, 100)] * 3, HALT], Registers())
        for _ in range(200):
            await harness.edge()
        waiting = len(harness.under_way[Unit.SPECIAL])
        assert waiting == min(refused, MACHINE.queue_depth)
        harness.units[Unit.DMA].fault.value = MachineFault.DMA_WRITE
        for _ in range(3):
            await harness.edge()
        assert harness.state is State.ERROR
        taken = 0
        dut.special_ready.value = 1
        for _ in range(20):
            await RisingEdge(dut.clk)
            taken += int(dut.special_valid.value)
        dut.special_ready.value = 0
        assert taken == 1, f"{taken} of {waiting} were taken"
        assert watched.beats == refused
        harness.units[Unit.DMA].fault.value = MachineFault.NONE
        await harness.reset()


@cocotb.test()
async def two_faults_at_once(dut) -> None:
    """The first unit's counts, and the first one of all stays."""
    await start(dut)
    harness = Harness(dut, MACHINE, _rng(), Pace(cycles=(500, 500)))
    await harness.begin([LOAD, softmax(100, 140), matmul(60, 0, 30), HALT], Registers())
    for _ in range(100):
        await harness.edge()
    harness.units[Unit.SPECIAL].fault.value = MachineFault.UNIT
    harness.units[Unit.MATRIX].fault.value = MachineFault.WEIGHTS_READ
    for cycle in range(10):
        await harness.edge()
        if cycle == 1:
            harness.units[Unit.DMA].fault.value = MachineFault.DMA_READ
    got = int(dut.fault.value), int(dut.fault_unit.value), int(dut.fault_pc.value)
    assert got == (MachineFault.WEIGHTS_READ, Unit.MATRIX, 2)
    await harness.reset()


@cocotb.test()
async def done_without_work(dut) -> None:
    """Of a unit that has nothing under way: no retirement, and nothing is lost later."""
    await start(dut)
    dut.dma_done.value = 1
    for _ in range(5):
        await RisingEdge(dut.clk)
        assert not dut.dma_retired.value
    dut.dma_done.value = 0
    harness = Harness(dut, MACHINE, _rng(), Pace())
    await harness.run([LOAD, LOAD, LOAD, HALT], Registers())


@cocotb.test()
async def timeouts(dut) -> None:
    """A unit or a memory that is never done; exactly as many cycles as the limit says."""
    await start(dut)
    for limit in (1, 2, 50):
        harness = Harness(dut, MACHINE, _rng(), Pace(latency=(3, 3)))
        harness.units[Unit.DMA].frozen = True
        dut.progress.value = 1
        await harness.begin([LOAD, HALT], Registers(), watchdog=limit)
        for _ in range(100):
            await harness.edge()
        assert harness.state is State.RUNNING
        dut.progress.value = 0
        for _ in range(limit):
            assert harness.state is State.RUNNING
            await harness.edge()
        await harness.edge()
        assert harness.state is State.ERROR
        got = int(dut.fault.value), int(dut.fault_unit.value), int(dut.fault_pc.value)
        assert got == (MachineFault.TIMEOUT, Unit.CONTROL, 1)
        await harness.reset()
    # never, with 0; then set while it waits
    harness = Harness(dut, MACHINE, _rng(), Pace())
    harness.memory.silent = True
    await harness.begin([HALT], Registers())
    for _ in range(300):
        await harness.edge()
    assert harness.state is State.RUNNING
    dut.watchdog.value = 20
    await harness.until_end(limit=25)
    assert int(dut.fault.value) == MachineFault.TIMEOUT
    assert int(dut.fault_pc.value) == 0
    await harness.reset()
    # enough for the slowest step, and a whole run of it
    harness = Harness(dut, MACHINE, _rng(), Pace(cycles=(60, 60)))
    await harness.run([*[softmax(100, 140)] * 6, HALT], Registers(), watchdog=100)


@cocotb.test()
async def reset_in_the_middle(dut) -> None:
    """Together with reader and units: the next run knows nothing of the one before."""
    await start(dut)
    rng = _rng()
    for cycles in (1, 7, 20, 33, 60, 150):
        harness = Harness(dut, MACHINE, rng, Pace(latency=(2, 9), cycles=(40, 90)))
        await harness.begin(program(rng, MACHINE, 30), Registers())
        for _ in range(cycles):
            await harness.edge()
        await harness.reset()
        harness = Harness(dut, MACHINE, rng, Pace())
        await harness.edge()
        assert harness.state is State.IDLE
        await harness.run(program(rng, MACHINE, 10), Registers())
