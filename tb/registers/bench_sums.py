"""cocotb side of test_machine's sums: against a sum in Python, up to where they stay."""

from __future__ import annotations

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, RisingEdge
from support.parameters import parameters
from support.streams import start


@cocotb.test()
async def sums(dut) -> None:
    await start(dut)
    await RisingEdge(dut.clk)
    given, rng = parameters(), np.random.default_rng(cocotb.RANDOM_SEED)
    widths, most = given["widths"], (1 << given["width"]) - 1
    expected = dict.fromkeys(widths, 0)
    stayed = dict.fromkeys(widths, False)
    for _ in range(400):
        await FallingEdge(dut.clk)
        clear, enable = bool(rng.random() < 0.02), bool(rng.random() < 0.8)
        dut.clear.value, dut.enable.value = int(clear), int(enable)
        word = place = 0
        for name, width in widths.items():
            addend = int(rng.integers(1 << width)) if rng.random() < 0.5 else 0
            word |= addend << place
            place += width
            if clear:
                expected[name] = 0
            elif enable:
                stayed[name] |= expected[name] + addend > most
                expected[name] = min(most, expected[name] + addend)
        dut.addends.value = word
        await RisingEdge(dut.clk)
        await FallingEdge(dut.clk)
        for name in widths:
            assert int(getattr(dut, f"sums_{name}").value) == expected[name]
        dut.clear.value = dut.enable.value = 0
    assert all(stayed.values())
