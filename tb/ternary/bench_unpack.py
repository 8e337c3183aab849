"""cocotb side of test_unpack."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.config.ternary import Packing
from alembert_golden.ternary import decode_bytes
from cocotb.triggers import Timer
from support.streams import pack


@cocotb.test()
async def every_byte(dut) -> None:
    for packing in Packing:
        codes, illegal = decode_bytes(np.arange(256), packing)
        assert int(np.sum(~illegal)) == packing.num_legal_bytes
        output = getattr(dut, packing.value)
        error = getattr(dut, f"{packing.value}_error")
        for byte in range(256):
            dut.i.value = byte
            await Timer(1, "ns")
            want = (pack(codes[byte].tolist(), 2), int(illegal[byte]))
            got = (int(output.value), int(error.value))
            assert got == want, f"{packing.value} byte {byte:#04x}: {got}, not {want}"
