"""cocotb side of test_result_encoder: wide numbers, and wide numbers and codes in turns."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from alembert.config import AdaptivFloatFormat, VmacArrayConfig
from alembert_golden.adaptivfloat import encode_fixed
from alembert_golden.scaler import scale
from cocotb.triggers import FallingEdge
from support.parameters import parameters
from support.streams import start
from vmac.corners import shift_corners

GIVEN = parameters()
FORMATS = [AdaptivFloatFormat(width=n, exponent_width=e) for n, e in GIVEN["formats"]]
WIDTH = VmacArrayConfig.RESULT_WIDTH
SHIFTS = 1 << VmacArrayConfig.SHIFT_WIDTH


async def check(dut, width: int, values, exponents, wide) -> None:
    """Stream the vectors through, one a cycle, and compare every result of every format."""
    values, exponents, wide = map(np.asarray, (values, exponents, wide))
    numbers = scale(values, 1, np.where(wide, exponents, 0), WIDTH) & ((1 << WIDTH) - 1)
    wanted = [np.where(wide, numbers, encode_fixed(values, exponents, fmt)) for fmt in FORMATS]
    outputs = [getattr(dut, f"o_{fmt.slug}_{width}") for fmt in FORMATS]
    words = (values & ((1 << GIVEN["wide"]) - 1)).tolist()
    fields = (exponents & ((1 << VmacArrayConfig.EXPONENT_WIDTH) - 1)).tolist()
    flags, rows = wide.astype(int).tolist(), np.stack(wanted, axis=1).tolist()
    await start(dut)
    edge = FallingEdge(dut.clk)
    latency = GIVEN["latency"]
    await edge
    for k in range(len(words) + latency):
        if k >= latency:
            j = k - latency
            for fmt, o, want in zip(FORMATS, outputs, rows[j]):
                got = int(o.value)
                assert got == want, (
                    f"{fmt}, {values[j]}, exponent {exponents[j]}, wide {flags[j]}: "
                    f"{got:#x}, not {want:#x}"
                )
        if k < len(words):
            dut.i_value.value = words[k]
            dut.i_exponent.value = fields[k]
            dut.i_wide.value = flags[k]
        await edge


@cocotb.test()
async def every_value_of_ten_bits(dut) -> None:
    """At the shifts from where all fit to where all become zero."""
    half = 1 << (GIVEN["narrow"] - 1)
    values, shifts = np.meshgrid(np.arange(-half, half), [*range(13), 31, 32, 63])
    values, shifts = values.ravel()[:: GIVEN["step"]], shifts.ravel()[:: GIVEN["step"]]
    await check(dut, GIVEN["narrow"], values, shifts, np.ones(values.size, bool))


@cocotb.test()
async def every_boundary(dut) -> None:
    """Every shift: ties to even, both ends of the range, the largest values."""
    for width in (GIVEN["wide"], GIVEN["narrow"]):
        values, shifts = zip(*shift_corners(width, WIDTH, range(SHIFTS)))
        await check(dut, width, values, shifts, np.ones(len(values), bool))


@cocotb.test()
async def in_turns(dut) -> None:
    """Wide numbers and codes one after the other: neither leaves anything for the next."""
    width = GIVEN["wide"]
    values, exponents, wide = [], [], []
    for _ in range(GIVEN["random"]):
        size = random.randrange(1, width)
        values.append(random.randrange(-(1 << size), 1 << size))
        length = abs(values[-1]).bit_length()
        wide.append(random.random() < 0.5)
        shift = min(max(length - random.randrange(20), 0), SHIFTS - 1)
        exponents.append(shift if wide[-1] else random.randrange(-4, 12) - length)
    await check(dut, width, values, exponents, wide)
