"""cocotb side of test_accumulator: vectors of distances, back to back and with pauses."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.config.early_exit import EntropyConfig
from alembert_golden.exponential import exponential
from cocotb.triggers import RisingEdge
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, start

CONFIG = EntropyConfig(max_classes=24, logit_width=14, logit_fraction=8)


def beats(distances: np.ndarray) -> list[int]:
    """Distances as the port's payloads, ``last`` on the last."""
    words = distances.tolist()
    return [*words[:-1], words[-1] | 1 << CONFIG.shifted_width]


def expected(distances: np.ndarray) -> int:
    """S and V of one vector as the port's payload."""
    exps = exponential(distances, CONFIG)
    return int(exps.sum()) | int((distances * exps).sum()) << CONFIG.sum_width


async def run(dut, vectors: list[np.ndarray], *, idle: str = "never", stall: str = "never") -> None:
    """Send every vector and compare every pair of sums."""
    await start(dut)
    monitors = Monitor(dut, "i"), Monitor(dut, "o")
    source, sink = Source(dut, "i", idle=idle), Sink(dut, "o", stall=stall)
    sending = cocotb.start_soon(source.send([b for v in vectors for b in beats(v)]))
    got = await sink.receive(len(vectors))
    await sending
    await sink.expect_silence(20)
    assert got == [expected(v) for v in vectors]
    assert [m.beats for m in monitors] == [sum(map(len, vectors)), len(vectors)]


@cocotb.test()
async def corners(dut) -> None:
    """The largest S, the largest V (every class at a = 1), nothing but far classes, and one."""
    most, one = CONFIG.max_classes, 1 << CONFIG.logit_fraction
    far = (1 << CONFIG.shifted_width) - 1
    vectors = [np.full(most, a) for a in (0, one, one - 1, far, 18 * one)]
    vectors += [np.array([a]) for a in (0, one, far, 32 * one, 32 * one - 1)]
    await run(dut, vectors)


@cocotb.test()
async def patterns(dut) -> None:
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    for idle in PATTERNS:
        for stall in PATTERNS:
            sizes = (1, 4, 9)
            vectors = [rng.integers(0, 1 << rng.integers(4, 15), n) for n in sizes]
            await run(dut, vectors, idle=idle, stall=stall)


@cocotb.test()
async def latency(dut) -> None:
    await start(dut)
    await Source(dut, "i").send(beats(np.arange(5)))
    cycles = 1
    await RisingEdge(dut.clk)
    while not int(dut.o_valid.value):
        assert not int(dut.i_ready.value)
        await RisingEdge(dut.clk)
        cycles += 1
    assert cycles == parameters()["latency"]
