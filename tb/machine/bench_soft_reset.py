"""A memory that says nothing any more, and soft resets in the middle of everything."""

from __future__ import annotations

import random
from collections import Counter

import cocotb
from alembert.config.command import MachineFault
from alembert.config.status import State
from cocotb.triggers import FallingEdge
from machine.host import DONE, ERROR, REFUSED, SLVERR, Stop
from machine.small_job import SmallJob
from machine.world import FETCH, MACHINE, World


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_memory_that_falls_silent(dut) -> None:
    """No fault without a watchdog; with one TIMEOUT; then the soft reset waits for memory."""
    world = await World.begin(dut, SmallJob(MACHINE))
    host, memory = world.host, world.memory
    rng = random.Random(cocotb.RANDOM_SEED)
    await world.good_run()
    cycles = await host.read("CYCLES")
    everything = {"ar", "r", "aw", "w", "b"}
    waited = 0
    for number, dead in enumerate(
        [everything, {"r"}, {"ar"}, {"b"}, {"aw"}, {"w"}, {"aw", "w", "b"}, {"r", "b"}]
    ):
        await host.write("WATCHDOG", 0 if number % 2 else 200)
        await host.ring()
        await world.edges(rng.randrange(20, cycles // 3))
        memory.dead = frozenset(dead)
        if number % 2:
            await world.edges(2 * cycles + 500)
            assert await host.state() is State.RUNNING
            await host.write("WATCHDOG", 200)
        await host.until_interrupt(2 * cycles)
        await host.acknowledge(ERROR)
        stop = await host.stop()
        expected = Stop(MachineFault.TIMEOUT, pc=stop.pc)
        assert stop == expected, f"{dead}: {stop}"
        assert stop.pc > 0 or "aw" not in dead
        await host.write("CONTROL", 2)
        await world.edges(300)
        if not world.is_quiet:
            waited += 1
            for _ in range(3):
                assert await host.state() is State.DRAINING
                assert await host.try_write("CONTROL", 1) == SLVERR, "a doorbell while draining"
                await host.write("CONTROL", 2)  # another one changes nothing
                await world.edges(100)
            await host.write("STATUS", REFUSED)
        memory.dead = frozenset()
        await world.recover()
    assert waited >= 6, "hardly any burst was under way"
    assert await host.read("INTERRUPT_STATUS") == 0


@cocotb.test(timeout_time=30, timeout_unit="ms")
async def soft_resets(dut) -> None:
    """In many cycles of a run, whatever memory does: no burst is cut, and the next run is golden.

    A watchdog that expires while bursts are drained is no event any more.
    """
    world = await World.begin(dut, SmallJob(MACHINE))
    host, memory = world.host, world.memory
    rng = random.Random(cocotb.RANDOM_SEED)

    def late() -> None:
        memory.behave(latency=lambda: 20, answer=lambda: 20, response=memory.respond)

    late()
    await world.good_run()
    cycles = await host.read("CYCLES")
    caught, seen = 0, 0
    for number, when in enumerate(range(1, cycles, 37)):
        await host.write("WATCHDOG", (0, 150)[number % 2])
        if number % 3:
            world.disorder(rng)
        else:
            late()
        await host.ring()
        await world.edges(when)
        if number % 2:
            memory.dead = frozenset({"r", "b"} if number % 4 == 1 else {"aw", "ar"})
            await world.edges(20)
        await FallingEdge(dut.clk)
        is_running = not dut.irq.value
        caught += is_running and not world.is_quiet
        await host.write("CONTROL", 2)
        if memory.dead:
            if not world.is_quiet:
                seen += 1
                assert await host.state() is State.DRAINING
            await world.edges(200)
            memory.dead = frozenset()
        await host.soft_reset()  # while another one is served, or after it
        assert await host.read("INTERRUPT_STATUS") == (0 if is_running else DONE)
        await host.write("INTERRUPT_STATUS", 3)
        await host.write("WATCHDOG", 0)
        await world.recover()
    resets = len(range(1, cycles, 37))
    dut._log.warning("%d resets, %d with bursts under way, %d draining", resets, caught, seen)
    assert caught > resets // 2, "hardly any burst was under way"
    assert seen > resets // 5, "hardly ever draining"


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def long_transfers_are_cut(dut) -> None:
    """A soft reset begins no burst more, of whatever client, and writes nothing more."""
    world = await World.begin(dut, SmallJob(MACHINE))
    host, memory = world.host, world.memory
    place = 1 << 32
    there = "memory_base=SCRATCH memory_offset=256"
    for text, clients in (
        (f"load rows=99 columns=16 o_stride=16 {there}", {1}),
        (f"store rows=99 columns=16 a_stride=16 {there}", set()),
        (f"gather rows=99 columns=16 o_stride=16 {there} index_base=SCRATCH index_limit=1", {1, 2}),
        (f"linear rows=1 columns=400 depth=16 a_stride=4 o_address=9 o_stride=100 {there}", {0}),
        ("barrier\n" * 60, {FETCH}),
    ):
        for silent in (False, True):
            memory.put(place, bytes(1024))
            memory.mapped.append(range(place, place + (1 << 15)))
            program = world.load_program(f"{text}\nhalt")
            await host.set_up({"program": program, "scratch_base": place})
            memory.behave(
                latency=lambda: 30,
                answer=lambda: 30,
                response=memory.respond,
                pauses=dict.fromkeys(("ar", "r", "aw", "w"), "alternate"),
            )
            await host.ring()
            await world.edges(250)
            if silent:
                memory.dead = frozenset({"r", "b"})
                await world.edges(100)
            assert not world.is_quiet
            await host.write("CONTROL", 2)
            reads, writes = len(world.checker.reads), len(world.checker.writes)
            strobed = memory.strobed
            await world.edges(100)
            memory.dead = frozenset()
            await host.soft_reset()
            # one waits in a reader, one in the arbiter
            late = Counter(number for number, *_ in world.checker.reads[reads:])
            assert not late or max(late.values()) <= 2, f"{text}: {late} under drain"
            assert {number for number, *_ in world.checker.reads} >= clients
            assert len(world.checker.writes) - writes <= 1, text
            assert memory.strobed - strobed <= 2, f"{text}: written under drain"
            await world.recover()
