"""cocotb side of test_fixed: every input of the narrowing shift, against golden."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert_golden.fixed import narrowing_shift_right
from cocotb.triggers import Timer
from support.parameters import parameters


@cocotb.test()
async def exhaustive(dut) -> None:
    given = parameters()
    width, out_width = given["width"], given["out_width"]
    values = np.arange(-(1 << (width - 1)), 1 << (width - 1))
    for shift in range(1 << given["shift_width"]):
        windows, are_spilled = narrowing_shift_right(values, shift, out_width)
        for value, window, is_spilled in zip(values, windows, are_spilled):
            dut.value.value = int(value) & ((1 << width) - 1)
            dut.shift.value = shift
            await Timer(1, "ns")
            assert dut.spilled.value == is_spilled, f"{value} >> {shift}: spilled wrong"
            got = dut.o.value.to_signed()
            assert is_spilled or got == window, f"{value} >> {shift}: {got}, not {window}"
