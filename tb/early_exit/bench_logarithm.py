"""cocotb side of test_logarithm: octaves, chord ends and random sums, against golden."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.config.early_exit import EntropyConfig
from alembert_golden.logarithm import logarithm
from cocotb.triggers import RisingEdge
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, start

CONFIG = EntropyConfig()
ONE = 1 << CONFIG.EXP_FRACTION


async def run(dut, values: np.ndarray, *, idle: str = "never", stall: str = "never") -> None:
    """Send every value and compare every result."""
    await start(dut)
    monitors = Monitor(dut, "i"), Monitor(dut, "o")
    source, sink = Source(dut, "i", idle=idle), Sink(dut, "o", stall=stall)
    sending = cocotb.start_soon(source.send(values.tolist()))
    got = await sink.receive(len(values))
    await sending
    await sink.expect_silence(20)
    assert got == logarithm(values, CONFIG).tolist()
    assert [m.beats for m in monitors] == [len(values)] * 2


@cocotb.test()
async def corners(dut) -> None:
    chords = (1 << CONFIG.TABLE_BITS) + np.arange(1 << CONFIG.TABLE_BITS)
    starts = np.concatenate([chords << (19 + k) for k in range(CONFIG.log2_classes)])
    values = np.concatenate([starts, starts - 1, starts + 1, [CONFIG.max_classes * ONE]])
    values = values[(values >= ONE) & (values <= CONFIG.max_classes * ONE)]
    ends = np.concatenate([values[:2], values[-2:]])
    await run(dut, np.concatenate([ends, values[:: parameters()["stride"]]]))


@cocotb.test()
async def patterns(dut) -> None:
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    for idle in PATTERNS:
        for stall in PATTERNS:
            values = (ONE * 2 ** rng.uniform(0, 10, size=4)).astype(np.int64)
            await run(dut, values, idle=idle, stall=stall)


@cocotb.test()
async def latency(dut) -> None:
    """The same for the smallest and the largest sum."""
    await start(dut)
    dut.o_ready.value = 1
    for value in (ONE, ONE + 1, 37 * ONE, CONFIG.max_classes * ONE):
        dut.i_payload.value, dut.i_valid.value = value, 1
        await RisingEdge(dut.clk)
        while not int(dut.i_ready.value):
            await RisingEdge(dut.clk)
        dut.i_valid.value = 0
        cycles = 0
        while True:
            await RisingEdge(dut.clk)
            cycles += 1
            if int(dut.o_valid.value):
                break
        assert cycles == parameters()["latency"]
