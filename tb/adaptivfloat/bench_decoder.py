"""cocotb side of test_decoder: every code of every format."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.config import AdaptivFloatFormat
from alembert_golden.adaptivfloat import significand
from cocotb.triggers import Timer
from support.parameters import parameters


@cocotb.test()
async def exhaustive(dut) -> None:
    for width, exponent_width in parameters()["formats"]:
        fmt = AdaptivFloatFormat(width=width, exponent_width=exponent_width)
        i, o = getattr(dut, f"i_{fmt.slug}"), getattr(dut, f"o_{fmt.slug}")
        for code, want in enumerate(significand(np.arange(1 << width), fmt)):
            i.value = code
            await Timer(1, "ns")
            got = o.value.to_signed()
            assert got == want, f"{fmt} code {code:#x}: {got}, not {want}"
