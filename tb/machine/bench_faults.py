"""Every fault ends a run with its name, its place, and a machine that can be reset."""

from __future__ import annotations

import random

import cocotb
from alembert.config.status import State
from machine.fault_cases import Case, bus_faults, faults_of_settings, refused_instructions
from machine.host import ERROR, REFUSED, SLVERR
from machine.small_job import SmallJob
from machine.world import MACHINE, World


async def _stops(world: World, case: Case) -> None:
    """The case, then a soft reset and a good run."""
    host, memory = world.host, world.memory
    word = world.load_program(case.program, case.word)
    memory.faulty = case.faulty
    for address, content in case.content.items():
        memory.put(address, content)
        memory.mapped.append(range(address, address + len(content)))
    await host.set_up({"program": word, **case.settings})
    await host.ring()
    await host.until_interrupt(20_000)
    for _ in range(2):  # and it stays so
        assert await host.state() is State.ERROR
        found = await host.stop()
        assert found == case.stop, f"{case.name}: {found}; not {case.stop}"
        await world.edges(100)
    await host.acknowledge(ERROR)
    assert await host.try_write("CONTROL", 1) == SLVERR, "a doorbell in ERROR"
    assert await host.field("STATUS", "refused")
    await host.write("STATUS", REFUSED)
    assert await host.state() is State.ERROR
    await world.recover()


async def _all(dut, cases) -> None:
    world = await World.begin(dut, SmallJob(MACHINE))
    rng = random.Random(cocotb.RANDOM_SEED)
    await world.good_run()
    for number, case in enumerate(cases(world)):
        if number % 2:
            world.disorder(rng)
        await _stops(world, case)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def memory_refuses(dut) -> None:
    """Both ways, every client of the bus."""
    await _all(dut, bus_faults)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def instructions_are_refused(dut) -> None:
    """By the command processor or the DMA."""
    await _all(dut, refused_instructions)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def settings_cannot_be(dut) -> None:
    """Bases, program and offsets that the bus does not reach."""
    await _all(dut, faults_of_settings)
