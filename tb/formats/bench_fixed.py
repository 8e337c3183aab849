"""cocotb side of test_fixed: every input of the probe, against the golden primitives."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.config import Overflow, Rounding
from alembert_golden.fixed import overflow, rounding_shift_right
from cocotb.triggers import Timer
from support.parameters import parameters


@cocotb.test()
async def exhaustive(dut) -> None:
    given = parameters()
    width, shift_width, out_width = given["width"], given["shift_width"], given["out_width"]
    rounding, mode = Rounding(given["rounding"]), Overflow(given["overflow"])
    values = np.arange(-(1 << (width - 1)), 1 << (width - 1))
    for shift in range(1 << shift_width):
        rounded = rounding_shift_right(values, shift, rounding)
        expected = overflow(rounded, out_width, mode)
        for value, want_rounded, want in zip(values, rounded, expected):
            dut.value.value = int(value) & ((1 << width) - 1)
            dut.shift.value = shift
            await Timer(1, "ns")
            got_rounded, got = dut.rounded.value.to_signed(), dut.o.value.to_signed()
            assert (got_rounded, got) == (want_rounded, want), (
                f"{value} >> {shift}: rounded {got_rounded}, not {want_rounded}; "
                f"result {got}, not {want}"
            )
