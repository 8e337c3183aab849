"""cocotb side of test_walker."""

from __future__ import annotations

import random

import cocotb
from alembert.config.memory import WalkerConfig
from alembert.memory import Walker
from alembert_golden.scratchpad import walk
from cocotb.triggers import ClockCycles
from memory.loops import Command, command_word, random_command
from support.parameters import parameters
from support.streams import PATTERNS, PERIOD_NS, Monitor, Sink, Source, pack, start

CONFIG = WalkerConfig(**parameters()["config"])
MOST = min(24 >> CONFIG.levels, (1 << CONFIG.count_width) - 1)


def steps(command: Command) -> list[int]:
    """What comes out: the address, and above it a bit a loop."""
    addresses, last = walk(command.address, command.counts, command.increments, CONFIG)
    return [
        address | pack(flags, 1) << CONFIG.address_width
        for address, flags in zip(addresses.tolist(), last.tolist())
    ]


async def check(
    dut, commands: list[Command], *, idle: str = "never", stall: str = "never"
) -> tuple[float, float]:
    """Compare every address; the times of the first command and of the last address, ns."""
    source, sink = Source(dut, "i", idle=idle), Sink(dut, "o", stall=stall)
    sending = cocotb.start_soon(source.send([command_word(c, CONFIG) for c in commands]))
    want = [step for command in commands for step in steps(command)]
    assert await sink.receive(len(want)) == want
    await sending
    assert source.first_time is not None
    assert sink.last_time is not None
    return source.first_time, sink.last_time


async def begin(dut) -> None:
    await start(dut)
    Monitor(dut, "i")
    Monitor(dut, "o")


@cocotb.test(timeout_time=500, timeout_unit="us")
async def corners(dut) -> None:
    """Limits of every field, wrapping addresses, loops of one."""
    await begin(dut)
    top = (1 << CONFIG.count_width) - 1
    low, high = -(1 << (CONFIG.increment_width - 1)), (1 << (CONFIG.increment_width - 1)) - 1
    highest = (1 << CONFIG.address_width) - 1
    commands = []
    for increment in (low, -1, 0, 1, high):
        for loop in range(CONFIG.levels):
            for address in (0, highest):
                counts = [random.randint(1, 2) for _ in range(CONFIG.levels)]
                counts[loop] = min(top, 40)
                increments = [random.randint(low, high) for _ in range(CONFIG.levels)]
                increments[loop] = increment
                commands.append(Command(address, tuple(counts), tuple(increments)))
        ones = (1,) * CONFIG.levels
        commands += [Command(highest, ones, (increment,) * CONFIG.levels)] * 2
    await check(dut, commands)
    await Sink(dut, "o").expect_silence(4)


@cocotb.test(timeout_time=500, timeout_unit="us")
async def every_pattern(dut) -> None:
    await begin(dut)
    for idle in PATTERNS:
        for stall in PATTERNS:
            commands = [random_command(CONFIG, 3) for _ in range(5)]
            await check(dut, commands, idle=idle, stall=stall)
    await Sink(dut, "o").expect_silence(10)


@cocotb.test(timeout_time=500, timeout_unit="us")
async def latency_and_throughput(dut) -> None:
    """An address a cycle from the first to the last, whatever the commands."""
    await begin(dut)
    for most in (1, 2, MOST):
        commands = [random_command(CONFIG, most) for _ in range(20)]
        first, last = await check(dut, commands)
        count = sum(len(steps(command)) for command in commands)
        assert round((last - first) / PERIOD_NS) == Walker.latency + count - 1


@cocotb.test(timeout_time=500, timeout_unit="us")
async def a_count_of_zero(dut) -> None:
    """Not to be asked for; it ends all the same, after 2^count_width addresses."""
    await begin(dut)
    period = 1 << CONFIG.count_width
    if period > 256:
        return
    counts = (*((1,) * (CONFIG.levels - 1)), 0)
    command = Command(5, counts, (1,) * CONFIG.levels)
    cocotb.start_soon(Source(dut, "i").send([command_word(command, CONFIG)]))
    sink = Sink(dut, "o")
    got = await sink.receive(period)
    mask = (1 << CONFIG.address_width) - 1
    assert [step & mask for step in got] == [(5 + k) & mask for k in range(period)]
    await sink.expect_silence(10)


@cocotb.test(timeout_time=500, timeout_unit="us")
async def reset_in_the_middle(dut) -> None:
    await start(dut)
    for cycles in range(1, 8):
        sending = cocotb.start_soon(
            Source(dut, "i").send(
                [command_word(random_command(CONFIG, MOST), CONFIG) for _ in range(9)]
            )
        )
        dut.o_ready.value = 1
        await ClockCycles(dut.clk, cycles)
        sending.cancel()
        dut.i_valid.value = 0
        dut.rst.value = 1
        await ClockCycles(dut.clk, 1)
        dut.rst.value = 0
        await Sink(dut, "o").expect_silence(3)
        await check(dut, [random_command(CONFIG, 3)])
