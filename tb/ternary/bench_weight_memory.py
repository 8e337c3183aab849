"""cocotb side of test_weight_memory."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from alembert.config.ternary import Packing, WeightFault, WeightMemoryConfig
from alembert.ternary.weight_memory import WeightMemory
from alembert_golden.ternary import decode_bytes
from cocotb.triggers import RisingEdge
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, pack, start

GIVEN = parameters()
CONFIG = WeightMemoryConfig(
    lanes=GIVEN["lanes"], rows=GIVEN["rows"], packing=Packing(GIVEN["packing"])
)
CAN_WRITE_OUTSIDE = CONFIG.rows < 1 << CONFIG.address_width


class Memory:
    """The model: rows of bytes, and what a read of them gives."""

    def __init__(self) -> None:
        self.bytes = np.zeros((CONFIG.rows, CONFIG.row_bytes), dtype=np.uint8)
        _, illegal = decode_bytes(np.arange(256), CONFIG.packing)
        self.legal = np.flatnonzero(~illegal).tolist()
        self.illegal = np.flatnonzero(illegal).tolist()

    def write(self, row: int, content: list[int] | None = None) -> int:
        """Random legal bytes, or ``content``; returns the beat."""
        content = random.choices(self.legal, k=CONFIG.row_bytes) if content is None else content
        if row < CONFIG.rows:
            self.bytes[row] = content
        return row | pack(content, 8) << CONFIG.address_width

    def read(self, first: int, count: int) -> list[int]:
        """The beats of a command."""
        beats = []
        for row in range(first, first + count):
            if row < CONFIG.rows:
                codes, _ = decode_bytes(self.bytes[row], CONFIG.packing)
                beats.append(pack(codes.reshape(-1)[: CONFIG.lanes].tolist(), 2))
            else:
                beats.append(0)
        return beats


def command(first: int, count: int) -> int:
    return first | count << CONFIG.address_width


async def begin(dut, watched: tuple[str, ...] = ("i_write", "i_read", "o")) -> Memory:
    await start(dut)
    for name in watched:
        Monitor(dut, name)
    memory = Memory()
    await Source(dut, "i_write").send([memory.write(row) for row in range(CONFIG.rows)])
    return memory


def fault(dut) -> tuple[int, int]:
    return int(dut.o_fault.value), int(dut.o_fault_row.value)


async def clear(dut) -> None:
    dut.i_clear.value = 1
    await RisingEdge(dut.clk)
    dut.i_clear.value = 0
    await RisingEdge(dut.clk)
    assert fault(dut) == (WeightFault.NONE, 0)


@cocotb.test()
async def every_pattern(dut) -> None:
    memory = await begin(dut)
    half = CONFIG.rows // 2
    for turn, (idle, stall) in enumerate((i, s) for i in PATTERNS for s in PATTERNS):
        # one half is read while the other is written anew
        low, high = (0, half) if turn % 2 else (half, CONFIG.rows)
        spans = [(low, high - low), (low, 0), (high - 1, 1)]
        for _ in range(3):
            first = random.randrange(low, high)
            spans.append((first, random.randint(0, high - first)))
        expected = [beat for span in spans for beat in memory.read(*span)]
        written = [r for r in range(CONFIG.rows) if not low <= r < high]
        cocotb.start_soon(
            Source(dut, "i_write", idle=idle).send([memory.write(row) for row in written])
        )
        cocotb.start_soon(Source(dut, "i_read", idle=idle).send([command(*s) for s in spans]))
        got = await Sink(dut, "o", stall=stall).receive(len(expected), timeout_cycles=2000)
        assert got == expected, f"idle {idle}, stall {stall}"
        await Sink(dut, "o").expect_silence(100)
    assert fault(dut) == (WeightFault.NONE, 0)


@cocotb.test()
async def latency_and_throughput(dut) -> None:
    memory = await begin(dut)
    spans = [(0, CONFIG.rows), (3, 1), (2, 1), (1, 4)]
    expected = [beat for span in spans for beat in memory.read(*span)]
    cocotb.start_soon(Source(dut, "i_read").send([command(*s) for s in spans]))
    dut.o_ready.value = 1
    taken, got, cycle = None, [], 0
    while len(got) < len(expected):
        await RisingEdge(dut.clk)
        if taken is None and dut.i_read_valid.value and dut.i_read_ready.value:
            taken = cycle
        if dut.o_valid.value:
            got.append(int(dut.o_payload.value))
            assert taken is not None
            assert cycle == taken + WeightMemory.latency + len(got) - 1, f"row {len(got)}"
        cycle += 1
        assert cycle < 200
    assert got == expected
    await Sink(dut, "o").expect_silence(20)


@cocotb.test()
async def a_read_in_the_cycle_of_a_write_gets_the_old_row(dut) -> None:
    memory = await begin(dut)
    sink = Sink(dut, "o")
    for edges_later in (0, 1, 2):
        old = memory.read(5, 1)
        beat = memory.write(5, random.choices(memory.legal[::-1][:9], k=CONFIG.row_bytes))
        dut.i_read_payload.value, dut.i_read_valid.value = command(5, 1), 1
        for edge in range(3):
            dut.i_write_payload.value = beat
            dut.i_write_valid.value = int(edge == edges_later)
            await RisingEdge(dut.clk)
            dut.i_read_valid.value = 0
        dut.i_write_valid.value = 0
        # the command is taken on edge 0 and read on edge 1
        expected = memory.read(5, 1) if edges_later == 0 else old
        assert await sink.receive(1, timeout_cycles=10) == expected, f"{edges_later} later"
        await sink.expect_silence(10)


@cocotb.test()
async def illegal_bytes(dut) -> None:
    memory = await begin(dut)
    read, write, sink = Source(dut, "i_read"), Source(dut, "i_write"), Sink(dut, "o")
    for turn, byte in enumerate(memory.illegal):
        row, place = turn % CONFIG.rows, turn % CONFIG.row_bytes
        content = random.choices(memory.legal, k=CONFIG.row_bytes)
        content[place] = byte
        await write.send([memory.write(row, content)])
        await read.send([command(row, 1)])
        assert await sink.receive(1, timeout_cycles=10) == memory.read(row, 1)
        assert fault(dut) == (WeightFault.ILLEGAL_BYTE, row)
        if turn % 16 == 0:
            # it sticks, the first stays, and legal rows read as ever
            await read.send([command(row, CONFIG.rows - row)])
            beats = await sink.receive(CONFIG.rows - row, timeout_cycles=100)
            assert beats == memory.read(row, CONFIG.rows - row)
            assert fault(dut) == (WeightFault.ILLEGAL_BYTE, row)
        await write.send([memory.write(row)])
        await clear(dut)


@cocotb.test()
async def outside(dut) -> None:
    memory = await begin(dut)
    read, write, sink = (
        Source(dut, "i_read"),
        Source(dut, "i_write"),
        Sink(dut, "o", stall="bursts"),
    )
    most = (1 << CONFIG.count_width) - 1
    last = (1 << CONFIG.address_width) - 1
    for first, count in ((CONFIG.rows - 2, 4), (last, most), (0, most)):
        await read.send([command(first, count)])
        beats = await sink.receive(count, timeout_cycles=200)
        assert beats == memory.read(first, count)
        assert fault(dut) == (WeightFault.READ_OUTSIDE, max(first, CONFIG.rows))
        await clear(dut)
    if CAN_WRITE_OUTSIDE:
        for row in range(CONFIG.rows, last + 1):
            await write.send([memory.write(row)])
            await RisingEdge(dut.clk)
            assert fault(dut) == (WeightFault.WRITE_OUTSIDE, row)
            await clear(dut)
        # in one cycle with a clear it is kept, and the read's comes before the write's
        dut.i_clear.value = 1
        await write.send([memory.write(last)])
        dut.i_clear.value = 0
        await RisingEdge(dut.clk)
        assert fault(dut) == (WeightFault.WRITE_OUTSIDE, last)
        await clear(dut)
        await read.send([command(CONFIG.rows - 1, 2)])
        cocotb.start_soon(write.send([memory.write(0), memory.write(1), memory.write(last)]))
        beats = await Sink(dut, "o").receive(2, timeout_cycles=20)
        assert beats == memory.read(CONFIG.rows - 1, 2)
        assert fault(dut) == (WeightFault.READ_OUTSIDE, CONFIG.rows)
        await clear(dut)
    await read.send([command(0, CONFIG.rows)])
    assert await sink.receive(CONFIG.rows, timeout_cycles=200) == memory.read(0, CONFIG.rows)
    assert fault(dut) == (WeightFault.NONE, 0)


@cocotb.test()
async def reset_ends_the_command_and_keeps_the_rows(dut) -> None:
    # the reset drops a row that waits, which no monitor of "o" would forgive
    memory = await begin(dut, watched=("i_write", "i_read"))
    read, sink = Source(dut, "i_read"), Sink(dut, "o")
    await read.send([command(CONFIG.rows - 1, 9)])
    assert len(await sink.receive(2, timeout_cycles=20)) == 2
    assert fault(dut) == (WeightFault.READ_OUTSIDE, CONFIG.rows)
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    await sink.expect_silence(20)
    assert fault(dut) == (WeightFault.NONE, 0)
    await read.send([command(0, CONFIG.rows)])
    assert await sink.receive(CONFIG.rows, timeout_cycles=40) == memory.read(0, CONFIG.rows)
