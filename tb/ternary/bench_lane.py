"""cocotb side of test_lane."""

from __future__ import annotations

import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def every_activation_and_weight(dut) -> None:
    """The operand is 128 + w·x, less one for w = −1, for all 256 × 4 inputs."""
    for code, weight in ((0b00, 0), (0b01, 1), (0b11, -1), (0b10, 0)):
        dut.weight.value = code
        for x in range(-128, 128):
            dut.activation.value = x & 0xFF
            await Timer(1, "ns")
            want = 128 + weight * x - (weight < 0)
            assert int(dut.o.value) == want, f"{weight} × {x}: {int(dut.o.value)}, not {want}"


@cocotb.test()
async def zero_weight_toggles_nothing(dut) -> None:
    """Not one event at the output while the activation walks through every pair of values."""
    dut.weight.value = 0
    dut.activation.value = 0
    await Timer(1, "ns")
    events = 0

    async def count() -> None:
        nonlocal events
        while True:
            await dut.o.value_change
            events += 1

    task = cocotb.start_soon(count())
    for x in range(256):
        dut.activation.value = x
        await Timer(1, "ns")
        dut.activation.value = ~x & 0xFF
        await Timer(1, "ns")
    assert events == 0
    dut.activation.value = 5
    dut.weight.value = 1
    await Timer(1, "ns")
    assert events > 0, "the counter does not count"
    task.cancel()
