"""cocotb side of test_bias_finder."""

from __future__ import annotations

import random

import cocotb
from adaptivfloat.tensors import Tensor, corner_tensors, random_tensor, send
from alembert.config import AdaptivFloatFormat
from alembert_golden.adaptivfloat import bias_of_fixed
from cocotb.triggers import ClockCycles
from cocotb.utils import get_sim_time
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, start, unpack_signed

GIVEN = parameters()
LANES, WIDTH, LATENCY = GIVEN["lanes"], GIVEN["width"], GIVEN["latency"]
FMT = AdaptivFloatFormat()


def golden(tensor: Tensor) -> tuple[int, int]:
    """Bias, and exponent relative to it in ten bits."""
    bias = bias_of_fixed(tensor.values(), tensor.lsb_exponent, FMT)
    return bias, (tensor.lsb_exponent - bias + 512) % 1024 - 512


def split(word: int) -> tuple[int, int]:
    """A beat of the output as bias and exponent."""
    return unpack_signed(word, 8, 1)[0], unpack_signed(word >> 8, 10, 1)[0]


async def run(dut, tensors: list[Tensor], idle: str = "never", stall: str = "never") -> None:
    """Send the tensors back to back and compare every bias."""
    source, sink = Source(dut, "i", idle=idle), Sink(dut, "o", stall=stall)

    async def send_all() -> None:
        for tensor in tensors:
            await send(dut, source, tensor, WIDTH)

    sending = cocotb.start_soon(send_all())
    beats = await sink.receive(len(tensors))
    await sending
    for tensor, beat in zip(tensors, beats):
        assert split(beat) == golden(tensor), f"{tensor}: {split(beat)}, not {golden(tensor)}"
    await sink.expect_silence(8)


@cocotb.test()
async def every_pattern(dut) -> None:
    await start(dut)
    monitors = [Monitor(dut, "i"), Monitor(dut, "o")]
    count = 0
    for idle in PATTERNS:
        for stall in PATTERNS:
            tensors = [random_tensor(n, LANES, WIDTH) for n in (1, 2, 1, 5, 3)]
            if "random" in (idle, stall):
                tensors += corner_tensors(LANES, WIDTH)
            await run(dut, tensors, idle, stall)
            count += len(tensors)
    assert monitors[1].beats == count


@cocotb.test()
async def every_value_of_a_lane_one_a_cycle(dut) -> None:
    """One tensor a cycle, so the time is the number of tensors and the latency."""
    half = 1 << (WIDTH - 1)
    tensors = []
    for value in range(-half, half):
        row = [0] * LANES
        row[value % LANES] = value
        tensors.append(Tensor([row], 3))
    await start(dut)
    source, sink = Source(dut, "i"), Sink(dut, "o")
    begin = get_sim_time("ns")

    async def send_all() -> None:
        for tensor in tensors:
            await send(dut, source, tensor, WIDTH)

    sending = cocotb.start_soon(send_all())
    beats = await sink.receive(len(tensors))
    cycles = round((get_sim_time("ns") - begin) / 10)
    await sending
    for tensor, beat in zip(tensors, beats):
        assert split(beat) == golden(tensor), f"{tensor}: {split(beat)}, not {golden(tensor)}"
    assert cycles == len(tensors) + LATENCY


@cocotb.test()
async def no_state_survives_a_tensor_or_a_reset(dut) -> None:
    """A large tensor, then a small one, then zeros; then half a tensor cut off by a reset."""
    large, small, zeros = ([[v] * LANES] * 2 for v in (-(1 << (WIDTH - 1)), 1, 0))
    await start(dut)
    await run(dut, [Tensor(rows, 0) for rows in (large, small, zeros, small)])
    source = Source(dut, "i")
    for _ in range(4):
        # to every stage: the beats are not the tensor's last
        await source.send([random.getrandbits(LANES * WIDTH) for _ in range(3)])
        dut.rst.value = 1
        await ClockCycles(dut.clk, 1)
        dut.rst.value = 0
        await run(dut, [Tensor(rows, 0) for rows in (small, zeros)])
