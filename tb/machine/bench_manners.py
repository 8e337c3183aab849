"""How the machine behaves towards a host that disturbs it, and towards a slow memory."""

from __future__ import annotations

import random

import cocotb
from alembert.config.isa import Unit
from alembert.config.status import State
from cocotb.utils import get_sim_time
from machine.host import DONE, ERROR, REFUSED, SLVERR
from machine.small_job import COLUMNS, DEPTH, SmallJob
from machine.world import CLIENTS, MACHINE, World
from support.streams import PERIOD_NS


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_host_that_disturbs(dut) -> None:
    """Doorbell and locked registers during a run: refused, and the run does not notice."""
    world = await World.begin(dut, SmallJob(MACHINE))
    host = world.host
    locked = ("PROGRAM", "LENGTH", "TARGETS", "THRESHOLD", "MAX_PASSES")
    locked += tuple(f"{name}_BASE" for name in ("IMAGE", "INPUT", "OUTPUT", "SCRATCH"))

    async def disturb() -> None:
        for name in locked:
            before = await host.read(name)
            assert await host.try_write(name, 0x1F) == SLVERR, name
            assert await host.read("STATUS") & REFUSED
            assert await host.read(name) == before, name
            await host.write("STATUS", REFUSED)
            for value in (1, 3):  # with a soft reset, which is refused with it
                assert await host.try_write("CONTROL", value) == SLVERR
            assert await host.read("STATUS") & REFUSED
            await host.write("STATUS", REFUSED)
            assert await host.state() is State.RUNNING, "too late to disturb"
        await host.write("WATCHDOG", 5000)
        await host.write("INTERRUPT_ENABLE", 0)
        await host.write("INTERRUPT_ENABLE", 3)

    # slow, for there is much to try
    world.memory.behave(latency=lambda: 90, answer=lambda: 90, response=world.memory.respond)
    await world.good_run(during=disturb)
    assert not await host.read("STATUS") & REFUSED
    cycles = await host.read("CYCLES")
    assert cycles > 1000, "the doorbell has cleared the counters"
    assert await host.read("CYCLES") == cycles, "a counter runs after the run"


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def interrupts(dut) -> None:
    """Each flag is enabled for itself, and cleared for itself."""
    world = await World.begin(dut, SmallJob(MACHINE))
    host, irq = world.host, dut.irq
    illegal = world.load_program([0])
    for enable, is_good in ((0, True), (0, False), (1, False), (1, True), (2, True), (2, False)):
        await host.write("INTERRUPT_ENABLE", enable)
        await host.write("PROGRAM", world.job.words["program"] if is_good else illegal)
        await host.ring()
        while await host.state() is State.RUNNING:
            pass
        flag = DONE if is_good else ERROR
        assert await host.read("INTERRUPT_STATUS") == flag
        assert irq.value == bool(enable & flag)
        await host.write("INTERRUPT_ENABLE", 3)
        await world.edges(2)
        assert irq.value == 1
        await host.write("INTERRUPT_STATUS", 3 ^ flag)
        assert await host.read("INTERRUPT_STATUS") == flag, "the other one was cleared"
        assert irq.value == 1
        await host.write("INTERRUPT_STATUS", flag)
        await world.edges(2)
        assert irq.value == 0
        if not is_good:
            await host.soft_reset()
            assert await host.read("INTERRUPT_STATUS") == 0
            assert await host.read("INTERRUPT_ENABLE") == 3, "a setting was reset"
    # a flag that nobody clears stays over a soft reset and a run
    await host.write("PROGRAM", illegal)
    await host.ring()
    await host.until_interrupt(1000)
    await host.soft_reset()
    assert irq.value == 1
    await host.write("PROGRAM", world.job.words["program"])
    await host.ring()
    while await host.state() is not State.DONE:
        pass
    await host.acknowledge(DONE | ERROR)


async def _count(world: World) -> dict[str, int]:
    names = {name.removesuffix("_LO") for name in world.host.registers}
    counters = ("_BUSY", "_STALL", "_INSTRUCTIONS", "_ISSUES", "_BEATS", "CYCLES")
    return {name: await world.host.read(name) for name in sorted(names) if name.endswith(counters)}


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def counters(dut) -> None:
    """What the program has, what the bus has seen; a doorbell clears them, the next run counts."""
    job = SmallJob(MACHINE)
    world = await World.begin(dut, job)
    host = world.host
    assert not any((await _count(world)).values()), "counters before the first run"
    for _ in range(2):
        beats = dict(world.checker.data_beats)
        began = get_sim_time("ns")
        await world.good_run()
        elapsed = (get_sim_time("ns") - began) / PERIOD_NS
        await world.edges(50)
        found = await _count(world)
        assert found == await _count(world), "counters run after the run"
        assert found["READ_BEATS"] == world.checker.data_beats["r"] - beats["r"]
        assert found["WRITE_BEATS"] == world.checker.data_beats["w"] - beats["w"]
        cycles = found["CYCLES"]
        assert 0 < cycles < elapsed
        for unit in Unit:
            if unit is Unit.CONTROL:
                continue
            name = unit.name
            assert found[f"{name}_INSTRUCTIONS"] == job.instructions[unit], name
            busy = found[f"{name}_BUSY"]
            assert bool(busy) == bool(job.instructions[unit]), name
            assert found[f"{name}_STALL"] <= busy <= cycles, name
        assert 0 < found["MATRIX_ISSUES"] <= found["MATRIX_BUSY"] - found["MATRIX_STALL"]
        # V terms of a row for C columns a cycle: of the layer, and of products with LENGTH rows
        lanes, vmacs = MACHINE.main.vmac.lanes, MACHINE.main.vmacs
        tiles = -(-DEPTH // lanes) * -(-COLUMNS // vmacs)
        tiles += -(-COLUMNS // lanes) * -(-job.length // vmacs)
        assert found["MATRIX_ISSUES"] == 2 * job.length * tiles
    # of a run that was stopped they stay, and a soft reset does not clear them
    await host.write("PROGRAM", world.load_program([0]))
    await host.ring()
    await host.until_interrupt(1000)
    await host.acknowledge(ERROR)
    found = await _count(world)
    assert 0 < found["CYCLES"] < 100 and found["DMA_INSTRUCTIONS"] == 0
    await host.soft_reset()
    left = await _count(world)
    assert left["CYCLES"] - found["CYCLES"] in range(1, 100), "draining counts"
    await world.recover()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_slow_memory(dut) -> None:
    """Late, out of order, with pauses on every channel, a run after a run without a reset.

    What the one before has read ahead may still be under way.
    """
    job = SmallJob(MACHINE, threshold=95_000)
    world = await World.begin(dut, job)
    rng = random.Random(cocotb.RANDOM_SEED)
    assert job.results["exited"]
    overtaken = 0
    for number in range(16):
        world.restore()
        world.disorder(rng, worst=(5, 40, 400)[number % 3])
        await world.good_run(cycles=60_000, settle=number % 4 == 3)
        overtaken += not world.is_quiet
    assert overtaken, "nothing was ever under way after a run"
    assert {each for each, *_ in world.checker.reads} == set(range(CLIENTS))
