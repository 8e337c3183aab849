"""cocotb side of test_transposer."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.memory import Transposer
from alembert_golden.transposer import transpose_blocks
from cocotb.triggers import ClockCycles
from support.parameters import parameters
from support.streams import PATTERNS, PERIOD_NS, Monitor, Sink, Source, pack, start


def _tensor(rng: np.random.Generator, rows: int) -> tuple[list[int], list[int]]:
    """Beats in and beats out of a tensor of so many rows, ``last`` with its last."""
    given = parameters()
    lanes, width = given["lanes"], given["width"]
    codes = rng.integers(0, 1 << width, (rows, lanes))
    flag = 1 << (lanes * width)
    words = [
        [pack(row, width) for row in beats.tolist()]
        for beats in (codes, transpose_blocks(codes, lanes))
    ]
    for beats in words:
        beats[-1] |= flag
    return words[0], words[1]


async def _check(dut, tensors, *, idle: str = "never", stall: str = "never") -> tuple[float, float]:
    """Send tensors back to back, compare every beat; the times of the first and the last."""
    source, sink = Source(dut, "i", idle=idle), Sink(dut, "o", stall=stall)
    sending = cocotb.start_soon(source.send([beat for sent, _ in tensors for beat in sent]))
    want = [beat for _, expected in tensors for beat in expected]
    assert await sink.receive(len(want)) == want
    await sending
    assert source.first_time is not None
    assert sink.last_time is not None
    return source.first_time, sink.last_time


@cocotb.test()
async def every_pattern(dut) -> None:
    """Blocks full and partial, of every idle × back-pressure pattern, without a reset between."""
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    await start(dut)
    Monitor(dut, "i")
    Monitor(dut, "o")
    lanes = parameters()["lanes"]
    sizes = [1, lanes - 1, lanes, lanes + 1, 2 * lanes, 3 * lanes - 1]
    for idle in PATTERNS:
        for stall in PATTERNS:
            chosen = rng.permutation(sizes)[:4].tolist()
            await _check(dut, [_tensor(rng, rows) for rows in chosen], idle=idle, stall=stall)
    await Sink(dut, "o").expect_silence(3 * lanes)


@cocotb.test()
async def latency_and_throughput(dut) -> None:
    """The first column ``latency`` cycles after the last row; full blocks without a gap."""
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    await start(dut)
    lanes = parameters()["lanes"]
    blocks = 5
    first, last = await _check(dut, [_tensor(rng, blocks * lanes)])
    # the rows of the first block, its latency, and then a beat a cycle
    cycles = round((last - first) / PERIOD_NS) + 1
    assert cycles == lanes + Transposer.latency - 1 + blocks * lanes


@cocotb.test()
async def reset_in_the_middle(dut) -> None:
    """Whatever was under way is gone, and the next tensor is right."""
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    await start(dut)
    lanes = parameters()["lanes"]
    for cycles in (1, lanes, lanes + 3, 2 * lanes + 1):
        sent, expected = _tensor(rng, 4 * lanes)
        tasks = [
            cocotb.start_soon(Source(dut, "i").send(sent)),
            cocotb.start_soon(Sink(dut, "o").receive(len(expected))),
        ]
        await ClockCycles(dut.clk, cycles)
        for task in tasks:
            task.cancel()
        dut.i_valid.value = 0
        dut.o_ready.value = 0
        dut.rst.value = 1
        await ClockCycles(dut.clk, 2)
        dut.rst.value = 0
        await _check(dut, [_tensor(rng, lanes + 1)])
