"""cocotb side of test_comparator: sums no softmax need give, on the very edge of the decision."""

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
Case = tuple[int, int, int]  # S, V = −W and the threshold


def word(case: Case) -> int:
    """The case as the port's payload."""
    total, weighted, threshold = case
    return total | (weighted | threshold << CONFIG.weighted_width) << CONFIG.sum_width


def expected(case: Case) -> int:
    """``exit`` and ``entropy`` in Python's unbounded integers."""
    total, weighted, threshold = case
    log = int(logarithm(total, CONFIG))
    scaled = weighted << CONFIG.weighted_shift
    decision = total * (log - threshold) < -scaled
    return int(decision) | (log + scaled // total) << 1


def edge_cases(rng: np.random.Generator, count: int) -> list[Case]:
    """V exactly at S·(T − ln S), one unit above it and one below, and far away."""
    cases: list[Case] = []
    while len(cases) < count:
        # a multiple of the scales' ratio, so that equality is within V's reach
        total = int(ONE * 2 ** rng.uniform(0, 10)) >> CONFIG.weighted_shift << CONFIG.weighted_shift
        log = int(logarithm(total, CONFIG))
        room = min(CONFIG.threshold_max - log, (5 << CONFIG.ENTROPY_FRACTION))
        gap = int(rng.integers(1, room)) if rng.random() < 0.8 else int(rng.integers(1, 4))
        equal = (total >> CONFIG.weighted_shift) * gap
        for weighted in (equal, equal - 1, equal + 1):
            if weighted < 1 << CONFIG.weighted_width:
                cases.append((total, weighted, log + gap))
        cases.append((total, 0, log))
        cases.append((total, 0, log + 1))
        cases.append((total, min(equal, 1 << 40), max(log - gap, 0)))
    return cases[:count]


async def run(dut, cases: list[Case], *, idle: str = "never", stall: str = "never") -> None:
    """Send every case and compare every decision."""
    await start(dut)
    monitors = Monitor(dut, "i"), Monitor(dut, "o")
    source, sink = Source(dut, "i", idle=idle), Sink(dut, "o", stall=stall)
    sending = cocotb.start_soon(source.send([word(c) for c in cases]))
    got = await sink.receive(len(cases))
    await sending
    await sink.expect_silence(60)
    for case, decision in zip(cases, got):
        want = expected(case)
        assert decision == want, f"S, V, T = {case}: {decision:#x}, not {want:#x}"
    assert [m.beats for m in monitors] == [len(cases)] * 2


@cocotb.test()
async def edges(dut) -> None:
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    largest = 1024 * ONE
    ends: list[Case] = [
        (ONE, 0, 0),
        (ONE, 0, 1),
        (ONE, 0, CONFIG.threshold_max),
        (largest, 0, CONFIG.threshold_max),
        (largest, (1 << CONFIG.weighted_width) - 1, CONFIG.threshold_max),
        (largest - 1, (1 << CONFIG.weighted_width) - 1, 0),
    ]
    await run(dut, ends + edge_cases(rng, parameters()["count"]))


@cocotb.test()
async def patterns(dut) -> None:
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    for idle in PATTERNS:
        for stall in PATTERNS:
            await run(dut, edge_cases(rng, 3), idle=idle, stall=stall)


@cocotb.test()
async def latency(dut) -> None:
    await start(dut)
    dut.o_ready.value = 1
    for case in ((ONE, 0, 5), (1024 * ONE, 99, 9), (3 * ONE, 1 << 30, 1 << 18)):
        dut.i_payload.value, dut.i_valid.value = word(case), 1
        cycles = 0
        while True:
            await RisingEdge(dut.clk)
            if int(dut.o_valid.value):
                break
            cycles += 1
        dut.i_valid.value = 0
        assert cycles == parameters()["latency"]
        await RisingEdge(dut.clk)
