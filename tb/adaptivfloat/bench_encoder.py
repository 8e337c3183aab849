"""cocotb side of test_encoder: vectors go in one a cycle, codes are compared ``latency`` later."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from adaptivfloat.oracle import boundaries
from alembert.config import AdaptivFloatFormat
from alembert_golden.adaptivfloat import encode_fixed
from cocotb.triggers import FallingEdge
from support.parameters import parameters
from support.streams import start

GIVEN = parameters()
FORMATS = [AdaptivFloatFormat(width=n, exponent_width=e) for n, e in GIVEN["formats"]]


async def check(dut, width: int, values, exponents) -> None:
    """Stream the vectors through and compare every code of every format."""
    values, exponents = np.asarray(values), np.asarray(exponents)
    outputs = [getattr(dut, f"o_{fmt.slug}_{width}") for fmt in FORMATS]
    wanted = np.stack([encode_fixed(values, exponents, fmt) for fmt in FORMATS], axis=1).tolist()
    words = (values & ((1 << GIVEN["wide"]) - 1)).tolist()
    fields = (exponents & 0x3FF).tolist()
    await start(dut)
    edge = FallingEdge(dut.clk)
    latency = GIVEN["latency"]
    await edge
    for k in range(len(words) + latency):
        if k >= latency:
            j = k - latency
            for fmt, o, want in zip(FORMATS, outputs, wanted[j]):
                got = int(o.value)
                assert got == want, (
                    f"{fmt}, {values[j]} · 2^{exponents[j]}: {got:#x}, not {want:#x}"
                )
        if k < len(words):
            dut.i_value.value = words[k]
            dut.i_exponent.value = fields[k]
        await edge


@cocotb.test()
async def every_value_of_ten_bits(dut) -> None:
    """At the exponents from where all become zero to where all saturate."""
    half = 1 << (GIVEN["narrow"] - 1)
    values, exponents = np.meshgrid(np.arange(-half, half), np.arange(-12, 18))
    values, exponents = values.ravel()[:: GIVEN["step"]], exponents.ravel()[:: GIVEN["step"]]
    await check(dut, GIVEN["narrow"], values, exponents)


@cocotb.test()
async def every_exponent(dut) -> None:
    half = 1 << (GIVEN["wide"] - 1)
    corners = [0, 1, -1, half - 1, -half, -half + 1, half // 2, -half // 2]
    exponents = np.repeat(np.arange(-512, 512), 2)
    values = np.resize(corners, exponents.size + 1)  # each exponent meets all, over four rounds
    vectors = [(values[k : k + exponents.size], exponents) for k in (0, 1)]
    if GIVEN["step"] > 1:
        vectors = [(v[::5], x[::5]) for v, x in vectors]
    await check(dut, GIVEN["wide"], *map(np.concatenate, zip(*vectors)))
    ends = np.repeat([-512, -511, -52, -51, -38, -1, 0, 510, 511], len(corners))
    await check(dut, GIVEN["wide"], np.resize(corners, ends.size), ends)


@cocotb.test()
async def every_boundary(dut) -> None:
    """Each value, midpoint and end of range, and one unit aside, at the widest and the narrowest
    scale that represents it; both signs."""
    half = 1 << (GIVEN["wide"] - 1)
    values, exponents = [], []
    for fmt in FORMATS:
        for boundary in boundaries(fmt):
            tight = boundary.denominator.bit_length() - 1
            for scale in (tight, GIVEN["wide"] - 2 - fmt.max_exponent - 2):
                scaled = int(boundary * 2**scale)
                for value in (scaled - 1, scaled, scaled + 1):
                    if value < half:
                        values += [value, -value]
                        exponents += [-scale, -scale]
    pairs = sorted(set(zip(values, exponents)))
    await check(dut, GIVEN["wide"], [v for v, _ in pairs], [x for _, x in pairs])


@cocotb.test()
async def random_vectors(dut) -> None:
    """All magnitudes alike, at exponents that bring most of them into range."""
    width = GIVEN["wide"]
    values, exponents = [], []
    for _ in range(GIVEN["random"]):
        size = random.randrange(1, width)
        value = random.randrange(-(1 << size), 1 << size)
        values.append(value)
        exponents.append(random.randrange(-4, 12) - abs(value).bit_length())
    await check(dut, width, values, exponents)
