"""cocotb side of test_row_buffer."""

from __future__ import annotations

import random

import cocotb
from alembert.config.sfu import RowFault
from alembert.sfu.row_buffer import RowBuffer
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, start

DEPTH, ROWS = parameters()["depth"], parameters()["rows"]
DELAYS = (0, 1, 2, 5, 15)
SETTLED = max(DELAYS) + RowBuffer.latency + DEPTH + 2
"""Cycles after which the reducer's delay line is empty, so that its tap may move."""

Row = list[int]


def beats_in(row: Row) -> list[int]:
    """A row as input beats: value, and last above it."""
    return [value | (k == len(row) - 1) << 8 for k, value in enumerate(row)]


def beats_out(row: Row) -> list[int]:
    """What comes out: the same beats, each with the row's sum and count; none if overlong."""
    if len(row) > DEPTH:
        return []
    return [beat | sum(row) << 9 | len(row) << 25 for beat in beats_in(row)]


def flat(rows: list[Row], beats_of) -> list[int]:
    return [beat for row in rows for beat in beats_of(row)]


def random_row(length: int) -> Row:
    return [random.randrange(256) for _ in range(length)]


async def begin(dut, watched: tuple[str, ...] = ("i", "o")) -> None:
    await start(dut)
    for name in watched:
        Monitor(dut, name)


async def check(
    dut, rows: list[Row], *, delay: int = 1, idle: str = "never", stall: str = "never"
) -> None:
    """Send the rows and compare all that comes out, and the fault; then clear it."""
    dut.delay.value = delay
    expected = flat(rows, beats_out)
    sending = cocotb.start_soon(Source(dut, "i", idle=idle).send(flat(rows, beats_in)))
    sink = Sink(dut, "o", stall=stall)
    cycles = 40 * len(expected) + 40 * len(rows) + 200
    assert await sink.receive(len(expected), timeout_cycles=cycles) == expected
    await sending
    await sink.expect_silence(SETTLED)
    overlong = any(len(row) > DEPTH for row in rows)
    assert dut.fault.value == (RowFault.OVERLONG_ROW if overlong else RowFault.NONE)
    await clear(dut)


async def clear(dut) -> None:
    dut.clear.value = 1
    await RisingEdge(dut.clk)
    dut.clear.value = 0
    await RisingEdge(dut.clk)
    assert dut.fault.value == RowFault.NONE


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_pattern(dut) -> None:
    await begin(dut)
    for idle in PATTERNS:
        for stall in PATTERNS:
            rows = [random_row(random.randint(1, DEPTH)) for _ in range(8)]
            await check(dut, rows, delay=random.choice(DELAYS), idle=idle, stall=stall)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_delay_and_length(dut) -> None:
    await begin(dut)
    for delay in DELAYS:
        rows = [random_row(1 + k % DEPTH) for k in range(2 * DEPTH)]
        await check(dut, rows + [random_row(1)] * (ROWS + 2) + rows[::-1], delay=delay)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def overlong_rows(dut) -> None:
    """First, in the middle, last, in a run; by one beat and by many; good rows stay good."""
    await begin(dut)
    for excess in (1, 2, DEPTH, 3 * DEPTH + 1):
        long, good = random_row(DEPTH + excess), random_row(DEPTH)
        short = [random_row(random.randint(1, DEPTH)) for _ in range(3)]
        sequences = (
            [long],
            [long, good],
            [*short, long, *short],
            [good, long, long, short[0], long, random_row(1)],
        )
        for rows in sequences:
            for idle, stall in (("never", "never"), ("random", "mostly"), ("bursts", "random")):
                await check(dut, rows, delay=random.choice(DELAYS), idle=idle, stall=stall)
    for _ in range(20):
        rows = [random_row(random.randint(1, DEPTH + 2)) for _ in range(10)]
        await check(dut, rows, delay=random.choice(DELAYS), idle="random", stall="random")


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def clear_and_fault(dut) -> None:
    await begin(dut)
    source = Source(dut, "i")
    long = beats_in(random_row(DEPTH + 3))
    await source.send(long[:DEPTH])
    await RisingEdge(dut.clk)
    assert dut.fault.value == RowFault.NONE  # a full buffer is none: the row may have ended
    dut.clear.value = 1
    await source.send(long[DEPTH : DEPTH + 1])  # in the cycle of the clear: kept
    dut.clear.value = 0
    await RisingEdge(dut.clk)
    assert dut.fault.value == RowFault.OVERLONG_ROW
    await clear(dut)
    await source.send(long[DEPTH + 1 :])  # drained, and no second fault
    await ClockCycles(dut.clk, 3)
    assert dut.fault.value == RowFault.NONE
    await source.send(long)
    await ClockCycles(dut.clk, 20)
    assert dut.fault.value == RowFault.OVERLONG_ROW  # it stays, and good rows do not change it
    row = random_row(DEPTH)
    cocotb.start_soon(source.send(beats_in(row)))
    assert await Sink(dut, "o").receive(DEPTH, timeout_cycles=100) == beats_out(row)
    assert dut.fault.value == RowFault.OVERLONG_ROW


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def limits(dut) -> None:
    """With nobody at the output, exactly as many rows and beats are taken as there is room for."""
    await begin(dut)
    for length in range(1, DEPTH + 1):
        rows = [random_row(length) for _ in range(ROWS + DEPTH + 2)]
        source = cocotb.start_soon(Source(dut, "i").send(flat(rows, beats_in)))
        taken = 0
        for _ in range(4 * DEPTH + 10 * ROWS + 20):
            await RisingEdge(dut.clk)
            taken += int(dut.i_valid.value) & int(dut.i_ready.value)
        # one beat waits at the output; if it was its row's last, the row counts no more
        beats = 1 + min(DEPTH, ROWS * length - (length > 1))
        assert taken == beats, f"rows of {length}: {taken} beats taken, not {beats}"
        expected = flat(rows, beats_out)
        sink = Sink(dut, "o", stall="alternate")
        assert await sink.receive(len(expected), timeout_cycles=1000) == expected
        await source
        await sink.expect_silence(SETTLED)


async def record(dut, rows: list[Row], cycles: int) -> tuple[list[int], list[int], list[int]]:
    """Cycles of the beats in, of the reductions and of the beats out, nothing ever pausing."""
    expected = flat(rows, beats_out)
    cocotb.start_soon(Source(dut, "i").send(flat(rows, beats_in)))
    dut.o_ready.value = 1
    taken, reduced, out = [], [], []
    for cycle in range(cycles):
        await RisingEdge(dut.clk)
        if dut.i_valid.value and dut.i_ready.value:
            taken.append(cycle)
        if dut.reduced.value:
            reduced.append(cycle)
        if dut.o_valid.value:
            assert int(dut.o_payload.value) == expected[len(out)]
            out.append(cycle)
    dut.o_ready.value = 0
    assert len(out) == len(expected) and len(reduced) == len(rows)
    return taken, reduced, out


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def latency_and_throughput(dut) -> None:
    await begin(dut)
    for delay in DELAYS:
        dut.delay.value = delay
        for length in (1, DEPTH):
            _, reduced, out = await record(dut, [random_row(length)], length + SETTLED)
            assert out == [reduced[0] + RowBuffer.latency + k for k in range(length)]
    # rows follow each other without a gap if their reductions come early enough
    for delay in (0, 1):
        dut.delay.value = delay
        for length in range(1, DEPTH // 2 + 1):
            if ROWS * length < length + delay + 2:
                continue
            rows = [random_row(length) for _ in range(20)]
            taken, reduced, out = await record(dut, rows, 20 * length + SETTLED)
            assert taken == list(range(taken[0], taken[0] + 20 * length))
            first = reduced[0] + RowBuffer.latency
            assert out == list(range(first, first + 20 * length))


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def reset_in_the_middle(dut) -> None:
    await begin(dut, watched=())  # the reset drops beats, which no monitor forgives
    for length in range(1, 2 * DEPTH + 3):
        dut.delay.value = random.choice(DELAYS)
        beats = flat([random_row(random.randint(1, DEPTH)) for _ in range(3)], beats_in)
        beats += beats_in(random_row(DEPTH + 9))
        source = Source(dut, "i")
        sending = cocotb.start_soon(source.send(beats))
        dut.o_ready.value = length % 2
        await ClockCycles(dut.clk, length)
        sending.cancel()
        await FallingEdge(dut.clk)
        dut.i_valid.value = 0
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        await FallingEdge(dut.clk)
        dut.rst.value = 0
        await Sink(dut, "o").expect_silence(SETTLED)
        assert dut.fault.value == RowFault.NONE
        rows = [random_row(random.randint(1, DEPTH)) for _ in range(3)]
        await check(dut, rows, delay=1, idle="random", stall="random")
