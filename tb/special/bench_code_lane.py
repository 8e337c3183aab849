"""cocotb side of test_code_lane."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.special.code_lane import CodeLane
from alembert_golden.quick_special import encode_special
from cocotb.triggers import RisingEdge
from special.machines import FORMATS
from support.parameters import parameters
from support.streams import start

FMT = FORMATS[parameters()["fmt"]]


def vectors(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, exponents, lifts: ends of the ranges crossed, ties, then anything."""
    values = [0, 1, -1, 2, 3, -3, 127, 128, -128, 32767, 32768, -32768]
    pairs = [(0, 0), (-1, 0), (-1, 1), (0, -1), (-8, 0), (-16, 0), (-17, 0), (-18, -1), (5, -8)]
    pairs += [(-512, -32768), (511, 32767), (511, -32768), (-512, 32767), (-31, -1), (-63, -1)]
    corners = [(value, *pair) for value in values for pair in pairs]
    # n + 1/2 at every shift, of both signs
    ties = [
        (sign * (2 * n + 1) << s - 1, -s, 0)
        for s in range(1, 9)
        for n in range(9)
        for sign in (1, -1)
    ]
    columns = np.array(corners + ties).T
    count = parameters()["count"]
    exponents = rng.integers(-20, 4, count)
    lifts = rng.integers(-6, 7, count)
    lifts[::16] = rng.integers(-32768, 32768, len(lifts[::16]))
    random = np.array([rng.integers(-32768, 32769, count), exponents, lifts])
    random[0] >>= rng.integers(0, 14, count)
    values, exponents, lifts = np.concatenate([columns, random], axis=1)
    return values, exponents, lifts


@cocotb.test()
async def codes(dut) -> None:
    """One a cycle, each as in golden."""
    await start(dut)
    values, exponents, lifts = vectors(np.random.default_rng(cocotb.RANDOM_SEED))
    want = encode_special(values, exponents + lifts, FMT)
    latency = CodeLane(FMT).latency
    edge, got = RisingEdge(dut.clk), []
    for k in range(len(values) + latency):
        if k < len(values):
            dut.value.value = int(values[k]) & 0x1FFFF
            dut.exponent.value = int(exponents[k]) & 0x3FF
            dut.lift.value = int(lifts[k]) & 0xFFFF
        await edge
        got.append(dut.o.value)
    wrong = np.flatnonzero(np.array([int(code) for code in got[latency:]]) != want)
    assert not len(wrong), [(values[k], exponents[k], lifts[k], want[k]) for k in wrong[:5]]
