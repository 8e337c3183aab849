"""cocotb side of test_quantiser."""

from __future__ import annotations

import random

import cocotb
from adaptivfloat.tensors import Tensor, corner_tensors, random_tensor, send
from alembert.config import AdaptivFloatFormat
from alembert.config.adaptivfloat import TensorFault
from alembert_golden.adaptivfloat import bias_of_fixed, encode_fixed
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from cocotb.utils import get_sim_time
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, pack, start, unpack

GIVEN = parameters()
LANES, WIDTH, DEPTH = GIVEN["lanes"], GIVEN["width"], GIVEN["depth"]
FMT = AdaptivFloatFormat(width=GIVEN["fmt"][0], exponent_width=GIVEN["fmt"][1])
TOO_LONG = TensorFault.TENSOR_TOO_LONG.value


def golden(tensor: Tensor) -> list[tuple[list[int], int, int]]:
    """The tensor's beats as (codes, bias in eight bits, last); none if it is too long."""
    if len(tensor.rows) > DEPTH:
        return []
    bias = bias_of_fixed(tensor.values(), tensor.lsb_exponent, FMT)
    codes = encode_fixed(tensor.rows, tensor.lsb_exponent - bias, FMT).tolist()
    end = len(codes) - 1
    return [(row, bias & 0xFF, int(k == end)) for k, row in enumerate(codes)]


def split(word: int) -> tuple[list[int], int, int]:
    """A beat of the output as (codes, bias in eight bits, last)."""
    rest = word >> (LANES * FMT.width)
    return unpack(word, FMT.width, LANES), rest & 0xFF, rest >> 8


async def send_all(dut, tensors: list[Tensor], idle: str = "never") -> None:
    source = Source(dut, "i", idle=idle)
    for tensor in tensors:
        await send(dut, source, tensor, WIDTH)


async def run(dut, tensors: list[Tensor], idle: str = "never", stall: str = "never") -> int:
    """Send the tensors back to back, compare every beat; returns how many there were."""
    wanted = [beat for tensor in tensors for beat in golden(tensor)]
    sink = Sink(dut, "o", stall=stall)
    sending = cocotb.start_soon(send_all(dut, tensors, idle))
    beats = await sink.receive(len(wanted), timeout_cycles=20_000)
    await sending
    for k, (beat, want) in enumerate(zip(beats, wanted)):
        assert split(beat) == want, f"beat {k}: {split(beat)}, not {want}"
    await sink.expect_silence(GIVEN["latency"] + DEPTH + 2)
    return len(wanted)


def tensors_of(*lengths: int) -> list[Tensor]:
    return [random_tensor(length, LANES, WIDTH) for length in lengths]


@cocotb.test()
async def every_pattern(dut) -> None:
    """Lengths from one to the buffer's depth, and tensors too long for it in between."""
    await start(dut)
    monitors = [Monitor(dut, "i"), Monitor(dut, "o")]
    count = 0
    for idle in PATTERNS:
        for stall in PATTERNS:
            tensors = tensors_of(1, 2, DEPTH, DEPTH, 3, 1, DEPTH + 1, 1, 1, DEPTH + 4, DEPTH, 2)
            if "random" in (idle, stall):
                tensors += corner_tensors(LANES, WIDTH)
            count += await run(dut, tensors, idle, stall)
    assert monitors[1].beats == count


@cocotb.test()
async def a_tensor_too_long_is_a_fault(dut) -> None:
    await start(dut)
    edge = FallingEdge(dut.clk)
    await run(dut, tensors_of(DEPTH, 1))
    assert dut.o_fault.value == 0
    for length in (DEPTH + 1, DEPTH + 2, 3 * DEPTH):
        await run(dut, tensors_of(length))  # nothing comes out
        assert dut.o_fault.value == TOO_LONG
        await run(dut, tensors_of(2, DEPTH))  # the fault stays, and does no harm
        assert dut.o_fault.value == TOO_LONG
        dut.i_clear.value = 1
        await ClockCycles(dut.clk, 1)
        dut.i_clear.value = 0
        await edge
        assert dut.o_fault.value == 0
    # clearing in every cycle does not lose the fault of the same cycle
    dut.i_clear.value = 1
    faults = 0

    async def watch() -> None:
        nonlocal faults
        while True:
            await edge
            faults += int(dut.o_fault.value == TOO_LONG)

    watching = cocotb.start_soon(watch())
    await run(dut, tensors_of(1, DEPTH + 1, 1, DEPTH + 3, 1))
    watching.cancel()
    assert faults == 2


@cocotb.test()
async def a_tensor_too_long_waits_behind_a_stalled_output(dut) -> None:
    """The tensor before it is still in the encoders when the one too long is dropped."""
    await start(dut)
    Monitor(dut, "o")
    tensors = tensors_of(1, DEPTH + 2, 2)
    sending = cocotb.start_soon(send_all(dut, tensors))
    await ClockCycles(dut.clk, 4 * DEPTH + 2 * GIVEN["latency"])
    assert dut.o_fault.value == TOO_LONG
    assert dut.o_valid.value
    sink = Sink(dut, "o")
    wanted = [beat for tensor in tensors for beat in golden(tensor)]
    assert [split(beat) for beat in await sink.receive(len(wanted))] == wanted
    await sending
    await sink.expect_silence(40)


@cocotb.test()
async def no_state_survives_a_tensor_or_a_reset(dut) -> None:
    """Large, then small, then zeros; then tensors cut off by a reset at every point."""
    large, small, zeros = (Tensor([[v] * LANES] * 2, 0) for v in (-(1 << (WIDTH - 1)), 1, 0))
    await start(dut)
    await run(dut, [large, small, zeros, small])
    for cut in range(1, 2 * DEPTH + GIVEN["latency"]):
        sending = cocotb.start_soon(send_all(dut, [large, *tensors_of(DEPTH, DEPTH + 2)]))
        dut.o_ready.value = random.randrange(2)
        await ClockCycles(dut.clk, cut)
        sending.cancel()
        dut.i_valid.value = 0
        dut.rst.value = 1
        await ClockCycles(dut.clk, 1)
        dut.rst.value = 0
        await FallingEdge(dut.clk)
        assert dut.o_fault.value == 0
        await run(dut, [small, zeros])


@cocotb.test()
async def latency_and_throughput(dut) -> None:
    await start(dut)
    edge = RisingEdge(dut.clk)
    await edge
    row = [1] * LANES
    dut.o_ready.value = 1
    dut.i_payload.value = pack(row, WIDTH) | 1 << (LANES * WIDTH)
    dut.i_valid.value = 1
    await edge
    dut.i_valid.value = 0
    for cycle in range(1, 40):
        await edge
        if dut.o_valid.value:
            assert cycle == GIVEN["latency"]
            break
    else:
        raise AssertionError("nothing came out")
    length, count = 4, 20
    if length + GIVEN["latency"] > DEPTH:
        return  # the buffer is too small to load and encode at once
    begin = get_sim_time("ns")
    sending = cocotb.start_soon(send_all(dut, tensors_of(*[length] * count)))
    await Sink(dut, "o").receive(length * count)
    cycles = round((get_sim_time("ns") - begin) / 10)
    await sending
    # one beat a cycle and one cycle more a tensor, after the first tensor's way through
    assert cycles <= length + GIVEN["latency"] + count * (length + 1)
