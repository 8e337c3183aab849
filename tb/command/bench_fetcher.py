"""cocotb side of test_fetcher."""

from __future__ import annotations

import random

import cocotb
from cocotb.triggers import ClockCycles
from command.fetching import Bench
from support.streams import Monitor, start


def _rng() -> random.Random:
    return random.Random(cocotb.RANDOM_SEED)


MEMORIES = [
    {},
    {"latency": (30, 30)},
    {"latency": (0, 60), "idle": 0.5, "stall": 0.5},
    {"latency": (5, 5), "stall": 0.9},
    {"idle": 0.8},
]


@cocotb.test()
async def jumps(dut) -> None:
    """Runs of any length between jumps, whatever the memory's pace, and the consumer's."""
    await start(dut)
    rng = _rng()
    for name in ("command", "words", "o"):
        Monitor(dut, name)
    for memory in MEMORIES:
        for pause in (0.0, 0.7):
            bench = Bench(dut, rng, **memory)
            # a whole number of words, and of nothing larger
            await bench.begin(bench.config.word_bytes * rng.randrange(1, 50))
            first = 0
            for _ in range(8):
                await bench.check(first, rng.choice([1, 1, 2, 3, 9]), pause=pause)
                first = rng.choice([0, rng.randrange(200)])
                await bench.take(jump=first)
            await bench.check(first, 3)
            await bench.take(stop=True)
            await bench.settle()
            limit = bench.config.burst_words * bench.config.word_bytes
            for address, words in bench.memory.commands:
                size = words * bench.config.word_bytes
                assert address // limit == (address + size - 1) // limit, "a burst is crossed"
            for _ in range(5):
                assert not dut.o_valid.value
                await bench.edge()


@cocotb.test()
async def refused_words(dut) -> None:
    """An error belongs to its instruction; read ahead and not taken, it does not matter."""
    await start(dut)
    rng = _rng()
    for _ in range(12):
        bench = Bench(dut, rng, latency=(0, 20), idle=0.2)
        for pc in range(1, 40, 3):
            word = rng.randrange(bench.config.instruction_words)
            bench.refused.add(pc * bench.bytes + word * bench.config.word_bytes)
        await bench.begin(0)
        await bench.check(0, rng.randint(1, 6))
        first = rng.randrange(40)
        await bench.take(jump=first)
        await bench.check(first, 4)
        await bench.pulse("stop")
        await bench.settle()


@cocotb.test()
async def start_again(dut) -> None:
    """Another program, while words of the last one are under way, taken or not."""
    await start(dut)
    rng = _rng()
    bench = Bench(dut, rng, latency=(10, 40), idle=0.3, stall=0.3)
    for _ in range(20):
        await bench.begin(bench.config.word_bytes * rng.randrange(100))
        if rng.random() < 0.7:
            await bench.check(0, rng.randint(1, 3))
        for _ in range(rng.randrange(20)):
            await bench.edge()
        if rng.random() < 0.5:
            await bench.pulse("stop")
    await bench.begin(0)
    await bench.check(0, 5)


@cocotb.test()
async def restart_at_any_cycle(dut) -> None:
    """A start or a jump in the very cycle in which words are asked for, or received."""
    await start(dut)
    rng = _rng()
    for stall in (0.0, 0.5):
        bench = Bench(dut, rng, latency=(2, 2), stall=stall)
        for delay in range(14):
            for is_jump in (False, True):
                await bench.begin(bench.config.word_bytes * rng.randrange(100))
                for _ in range(delay):
                    await bench.edge()
                if is_jump:
                    dut.target.value = delay
                    await bench.pulse("jump")
                else:
                    await bench.begin(bench.config.word_bytes * rng.randrange(100))
                await bench.check(delay if is_jump else 0, 2)
        await bench.take(stop=True)
        await bench.settle()


@cocotb.test()
async def ends(dut) -> None:
    """Where there is no instruction there is an error, and no command."""
    await start(dut)
    rng = _rng()
    bench = Bench(dut, rng, latency=(3, 12))
    await bench.begin(bench.config.word_bytes + 1)  # not aligned
    await bench.check(0, 1)
    await bench.pulse("stop")
    assert not bench.memory.commands
    # up to the last byte of the address space; then half an instruction, if that is words
    for last in (3 * bench.bytes, 3 * bench.bytes - bench.config.word_bytes):
        await bench.begin(bench.end - last)
        await bench.check(0, 4)
        await bench.take(jump=0)
        await bench.check(0, 2)
        await bench.take(jump=0xFFFF)  # beyond
        await bench.check(0xFFFF, 1)
        await bench.take(jump=1)
        await bench.check(1, 1)
        await bench.pulse("stop")
    if bench.bytes << 16 < bench.end:
        await bench.begin(0)
        await bench.check(0, 1)
        await bench.take(jump=0xFFFE)
        await bench.check(0xFFFE, 3)


@cocotb.test()
async def pace(dut) -> None:
    """An instruction in its words and a cycle, through a latency that bursts ahead cover."""
    await start(dut)
    bench = Bench(dut, _rng(), latency=(2, 2))
    config = bench.config
    dut.o_ready.value = 1
    await bench.begin(0)
    times = []
    for cycle in range(1, 40 * (config.instruction_words + 1)):
        await bench.edge()
        if dut.o_valid.value:
            times.append(cycle)
    # the first: a cycle to ask, one to be taken, the memory's, the words, one to be offered
    assert times[0] == 1 + 1 + 2 + config.instruction_words, times[0]
    assert len(times) > 30
    ideal = (len(times) - 1) * (config.instruction_words + 1)
    assert times[-1] - times[0] <= 1.05 * ideal, (times[-1] - times[0], ideal)


@cocotb.test()
async def reset(dut) -> None:
    """Together with its reader."""
    await start(dut)
    for cycles in range(1, 30, 4):
        bench = Bench(dut, _rng(), latency=(4, 9))
        await bench.begin(0)
        for _ in range(cycles):
            await bench.edge()
        dut.rst.value = 1
        await ClockCycles(dut.clk, 1)
        dut.rst.value = 0
        bench = Bench(dut, _rng())
        for _ in range(10):
            await bench.edge()
            assert not dut.o_valid.value
            assert not dut.command_valid.value
        await bench.begin(64)
        await bench.check(0, 3)
