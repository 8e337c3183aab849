"""cocotb side of test_encoder: an encoder of unusual widths, corners and random vectors."""

from __future__ import annotations

import random

import cocotb
from alembert.config import AdaptivFloatFormat
from alembert_golden.adaptivfloat import encode_fixed
from cocotb.triggers import FallingEdge
from support.parameters import parameters
from support.streams import start


@cocotb.test()
async def corners_and_random(dut) -> None:
    given = parameters()
    width, exponent_width, latency = given["width"], given["exponent_width"], given["latency"]
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    lowest, highest = -(1 << (exponent_width - 1)), (1 << (exponent_width - 1)) - 1
    vectors = [
        (value, exponent)
        for value in (low, low + 1, -1, 0, 1, high - 1, high)
        for exponent in (lowest, -1, 0, 1, highest)
    ]
    for _ in range(400):
        value = random.randint(low, high) >> random.randrange(width)
        exponent = random.randrange(-4, 12) - abs(value).bit_length()
        vectors.append((value, min(max(exponent, lowest), highest)))
    await start(dut)
    edge = FallingEdge(dut.clk)
    await edge
    for k in range(len(vectors) + latency):
        if k >= latency:
            value, exponent = vectors[k - latency]
            want = int(encode_fixed(value, exponent, AdaptivFloatFormat()))
            got = int(dut.o.value)
            assert got == want, f"{value} · 2^{exponent}: {got:#x}, not {want:#x}"
        if k < len(vectors):
            value, exponent = vectors[k]
            dut.value.value = value & ((1 << width) - 1)
            dut.exponent.value = exponent & ((1 << exponent_width) - 1)
        await edge
