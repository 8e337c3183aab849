"""cocotb side of test_machine's counters: against a count in Python, past the wrap."""

from __future__ import annotations

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, RisingEdge
from support.parameters import parameters
from support.streams import start


@cocotb.test()
async def counts(dut) -> None:
    await start(dut)
    await RisingEdge(dut.clk)
    given, rng = parameters(), np.random.default_rng(cocotb.RANDOM_SEED)
    names, modulus = given["names"], 1 << given["width"]
    expected = dict.fromkeys(names, 0)
    wrapped = False
    for _ in range(300):
        await FallingEdge(dut.clk)
        clear = bool(rng.random() < 0.01)
        dut.clear.value = int(clear)
        for name in names:
            happens = bool(rng.random() < 0.8)
            getattr(dut, f"counted_{name}").value = int(happens)
            wrapped |= expected[name] + happens == modulus and not clear
            expected[name] = 0 if clear else (expected[name] + happens) % modulus
        await RisingEdge(dut.clk)
        await FallingEdge(dut.clk)
        for name in names:
            assert int(getattr(dut, f"counts_{name}").value) == expected[name]
            getattr(dut, f"counted_{name}").value = 0
        dut.clear.value = 0
    assert wrapped
