"""cocotb side of test_rescale."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import cocotb
from alembert.config.ternary import RescaleConfig, RescaleFault
from alembert.ternary.rescale import Rescale
from alembert_golden.rescale import rescale, token_scale
from cocotb.triggers import RisingEdge
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, pack, start

CONFIG = RescaleConfig(**parameters())
LATENCY = Rescale(CONFIG).latency
V, A = CONFIG.lanes, CONFIG.accumulator_width
HALF = 1 << (A - 1)


@dataclass
class Beat:
    """One beat in: accumulators, their token's absmax, last."""

    values: list[int]
    max: int
    last: bool = False

    def sent(self) -> int:
        head = self.max | self.last << CONFIG.max_width
        return pack(self.values, A) | head << (V * A)

    def expected(self, multiplier: int, shift: int) -> int:
        results = rescale(self.values, self.max, multiplier, shift, CONFIG).tolist()
        return pack(results, CONFIG.out_width) | self.last << (V * CONFIG.out_width)


def overflows(beat: Beat, multiplier: int, shift: int) -> bool:
    return bool(token_scale(beat.max, multiplier, shift, CONFIG)[1] < 0)


def random_beat() -> Beat:
    top = HALF >> random.randrange(A)
    largest = 1 << random.randint(0, CONFIG.max_width - 1)
    return Beat(
        [random.randint(-top, top - 1) for _ in range(V)],
        random.randint(0, largest),
        random.random() < 0.3,
    )


def random_parameters() -> tuple[int, int]:
    return random.randrange(1 << random.randint(0, 32)), random.randrange(64)


async def begin(dut, watched: tuple[str, ...] = ("i", "o")) -> None:
    await start(dut)
    for name in watched:
        Monitor(dut, name)


async def check(
    dut,
    beats: list[Beat],
    multiplier: int,
    shift: int,
    *,
    idle: str = "never",
    stall: str = "never",
) -> None:
    """Send the beats with these parameters and compare all that comes out, and the fault."""
    dut.i_multiplier.value, dut.i_shift.value = multiplier, shift
    sent = [b.sent() for b in beats]
    cocotb.start_soon(Source(dut, "i", idle=idle).send(sent))
    got = await Sink(dut, "o", stall=stall).receive(len(beats), timeout_cycles=20 * len(beats) + 50)
    for beat, one in zip(beats, got):
        other = beat.expected(multiplier, shift)
        assert one == other, f"{beat} · {multiplier} >> {shift}: {one:#x}, not {other:#x}"
    await Sink(dut, "o").expect_silence(LATENCY + 2)
    fault = any(overflows(b, multiplier, shift) for b in beats)
    assert dut.o_fault.value == (RescaleFault.SCALE_RANGE if fault else RescaleFault.NONE)
    dut.i_clear.value = 1
    await RisingEdge(dut.clk)
    dut.i_clear.value = 0
    await RisingEdge(dut.clk)
    assert dut.o_fault.value == RescaleFault.NONE


@cocotb.test()
async def every_pattern(dut) -> None:
    await begin(dut)
    for idle in PATTERNS:
        for stall in PATTERNS:
            beats = [random_beat() for _ in range(20)]
            multiplier, shift = random.randrange(1 << 31, 1 << 32), random.randint(33, 55)
            await check(dut, beats, multiplier, shift, idle=idle, stall=stall)


@cocotb.test()
async def corners(dut) -> None:
    await begin(dut)
    values = [0, 1, -1, 2, -2, 3, -3, HALF - 1, -HALF, -HALF + 1]
    rows = [[values[(k + j) % len(values)] for j in range(V)] for k in range(0, len(values), V)]
    largest = 1 << (CONFIG.max_width - 1)
    beats = [Beat(row, m) for row in rows for m in (0, 1, 3, largest - 1, largest)]
    for multiplier, shift in itertools.product(
        (0, 1, 3, 1 << 31, (1 << 31) + (1 << 14), (1 << 32) - 1),
        (0, 1, 15, 31, 32, 33, 40, 47, 48, 62, 63),
    ):
        await check(dut, beats, multiplier, shift)


@cocotb.test()
async def halves_and_limits(dut) -> None:
    """Scales of 2^−j, so that ties are exact, and results beside the limits of the output."""
    await begin(dut)
    for j in (1, 2, 5, A - 1, A, A + 1):
        ties = [s * odd << (j - 1) for odd in (1, 3, 5, 7) for s in (1, -1)]
        near = [t + d for t in ties for d in (-1, 0, 1) if -HALF <= t + d < HALF] or [1, -HALF]
        beats = [
            Beat((near[k:] + near)[:V] + [0] * (V - 2 * len(near)), 1) for k in range(len(near))
        ]
        await check(dut, beats, 1 << 31, 31 + j)
    for gain in range(max(0, CONFIG.out_width - A), CONFIG.out_width):
        limit = 1 << max(0, CONFIG.out_width - 1 - gain)
        near = [s * limit + d for d in (-1, 0, 1) for s in (1, -1)]
        near = [n for n in near if -HALF <= n < HALF] or [HALF - 1, -HALF]
        beats = [Beat((near[k:] * V)[:V], 1) for k in range(len(near))]
        if gain < 32:
            await check(dut, beats, 1 << gain, 0)


@cocotb.test()
async def random_parameters_and_beats(dut) -> None:
    await begin(dut)
    for _ in range(150):
        multiplier, shift = random_parameters()
        await check(dut, [random_beat() for _ in range(4)], multiplier, shift)


@cocotb.test()
async def parameters_are_taken_with_the_beat(dut) -> None:
    await begin(dut)
    beats = [random_beat() for _ in range(40)]
    chosen = [random_parameters() for _ in beats]
    expected = [b.expected(*c) for b, c in zip(beats, chosen)]
    source = Source(dut, "i", idle="random")

    async def send() -> None:
        for beat, (multiplier, shift) in zip(beats, chosen):
            dut.i_multiplier.value, dut.i_shift.value = multiplier, shift
            await source.send([beat.sent()])
        dut.i_multiplier.value, dut.i_shift.value = 0, 0

    cocotb.start_soon(send())
    assert await Sink(dut, "o", stall="random").receive(40, timeout_cycles=1000) == expected
    await Sink(dut, "o").expect_silence(10)


@cocotb.test()
async def latency_throughput_fault_and_reset(dut) -> None:
    # the reset drops beats, which no monitor of "o" would forgive
    await begin(dut, watched=("i",))
    beats = [random_beat() for _ in range(20)]
    multiplier, shift = (1 << 32) - 1, 60
    expected = [b.expected(multiplier, shift) for b in beats]
    dut.i_multiplier.value, dut.i_shift.value = multiplier, shift
    cocotb.start_soon(Source(dut, "i").send([b.sent() for b in beats]))
    dut.o_ready.value = 1
    taken, out = [], []
    for cycle in range(len(beats) + 10):
        await RisingEdge(dut.clk)
        if dut.i_valid.value and dut.i_ready.value:
            taken.append(cycle)
        if dut.o_valid.value:
            out.append(cycle)
            assert int(dut.o_payload.value) == expected[len(out) - 1]
    assert out == [cycle + LATENCY for cycle in taken]
    assert taken == list(range(taken[0], taken[0] + len(beats)))

    # the flag sticks, its beat alone is saturated, and an empty pipeline raises nothing
    loud, quiet = Beat([HALF - 1] * V, 1 << (CONFIG.max_width - 1)), Beat([1] * V, 1)
    multiplier, shift = (1 << 32) - 1, 30 + CONFIG.max_width - CONFIG.scale_width
    dut.i_multiplier.value, dut.i_shift.value = multiplier, shift
    assert overflows(loud, multiplier, shift) and not overflows(quiet, multiplier, shift)
    dut.i_payload.value = loud.sent()
    for _ in range(10):
        await RisingEdge(dut.clk)
    assert dut.o_fault.value == RescaleFault.NONE
    mixed = [quiet, loud, quiet]
    cocotb.start_soon(Source(dut, "i").send([b.sent() for b in mixed]))
    got = await Sink(dut, "o").receive(3, timeout_cycles=30)
    assert got == [b.expected(multiplier, shift) for b in mixed]
    assert dut.o_fault.value == RescaleFault.SCALE_RANGE

    await Source(dut, "i").send([b.sent() for b in mixed])
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    await Sink(dut, "o").expect_silence(20)
    assert dut.o_fault.value == RescaleFault.NONE
