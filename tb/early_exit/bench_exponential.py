"""cocotb side of test_exponential: distances one a cycle, with and without gaps."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.config.early_exit import EntropyConfig
from alembert.early_exit import Exponential
from alembert_golden.exponential import exponential
from cocotb.triggers import RisingEdge
from support.parameters import parameters
from support.streams import pattern, start

CONFIG = EntropyConfig()


async def run(dut, distances: np.ndarray, idle: str) -> None:
    """Feed the distances; every result must come exactly ``latency`` cycles after its own."""
    await start(dut)
    expected = exponential(distances, CONFIG).tolist()
    pauses = pattern(idle)
    edge = RisingEdge(dut.clk)
    in_flight: list[int | None] = [None] * Exponential.latency
    todo = iter(zip(distances.tolist(), expected))
    waiting = next(todo, None)
    while waiting is not None or any(x is not None for x in in_flight):
        send = waiting is not None and not next(pauses)
        dut.i_valid.value = int(send)
        now = None
        if waiting is not None and send:
            dut.i_payload.value, now = waiting
            waiting = next(todo, None)
        await edge
        due = in_flight.pop(0)
        in_flight.append(now)
        assert int(dut.o_valid.value) == (due is not None)
        if due is not None:
            assert int(dut.o_payload.value) == due
    for _ in range(8):
        await edge
        assert not int(dut.o_valid.value)


@cocotb.test()
async def every_distance(dut) -> None:
    stride = parameters()["stride"]
    ends = [0, 1, (1 << 17) - 1, 1 << 17, (1 << 19) + 3, (1 << 20) - 1, 1 << 20, (1 << 27) - 1]
    zero_from = int(27 * np.log(2) * (1 << CONFIG.logit_fraction))
    last_steps = np.arange(zero_from - 50, zero_from + 50)
    inside = np.arange(0, zero_from + 1000, stride)
    await run(dut, np.concatenate([ends, last_steps, inside]), "never")


@cocotb.test()
async def gaps(dut) -> None:
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    for idle in ("alternate", "bursts", "random"):
        await run(dut, rng.integers(0, 1 << CONFIG.logit_width >> 3, 100), idle)
