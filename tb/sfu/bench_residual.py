"""cocotb side of test_residual."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass

import cocotb
from alembert.config import AdaptivFloatFormat, IntegerFormat
from alembert.config.residual import ResidualConfig, ResidualFault
from alembert.sfu.residual import ResidualAdd
from alembert_golden.residual import residual_add
from alembert_golden.scaler import scale
from alembert_golden.vmac import integers
from cocotb.triggers import ClockCycles, RisingEdge
from support.formats import all_codes, corner_codes
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, collect_beside, pack, start

GIVEN = parameters()
FMT = (
    IntegerFormat(width=GIVEN["code_width"])
    if GIVEN["exponent_width"] is None
    else AdaptivFloatFormat(width=GIVEN["code_width"], exponent_width=GIVEN["exponent_width"])
)
CONFIG = ResidualConfig(lanes=GIVEN["lanes"], fmt=FMT, out_width=GIVEN["out_width"])
LATENCY = ResidualAdd(CONFIG).latency
V, CODES = CONFIG.lanes, all_codes(FMT).tolist()


@dataclass
class Beat:
    """One beat of both streams."""

    codes: list[int]
    wide: list[int]
    codes_last: bool = False
    wide_last: bool = False

    def codes_word(self) -> int:
        return pack(self.codes, FMT.width) | self.codes_last << (V * FMT.width)

    def wide_word(self) -> int:
        return pack(self.wide, 16) | self.wide_last << (V * 16)

    def saturated(self, multiplier: int, shift: int) -> int:
        """Which sums are beyond their range."""
        half = 1 << (CONFIG.out_width - 1)
        scaled = scale(integers(self.codes, FMT), multiplier, shift, 40)
        exact = (scaled + self.wide).tolist()
        return sum((not -half <= each < half) << k for k, each in enumerate(exact))

    def expected(self, multiplier: int, shift: int) -> int:
        sums = residual_add(self.codes, self.wide, multiplier, shift, CONFIG).tolist()
        last = self.codes_last or self.wide_last
        return pack(sums, CONFIG.out_width) | last << (V * CONFIG.out_width)


def random_beat() -> Beat:
    top = 1 << random.randint(0, 15)
    last = random.random() < 0.3
    wide = [random.randint(-top, top - 1) for _ in range(V)]
    return Beat(random.choices(CODES, k=V), wide, last, last)


def random_parameters() -> tuple[int, int]:
    """Mostly such that the scaled codes are neither all 0 nor all saturated."""
    shift = random.randrange(64)
    width = min(16, random.randint(0, 16) if shift > 20 else shift + random.randint(0, 6))
    return random.randrange(1 << width), shift


async def begin(dut, watched: tuple[str, ...] = ("codes", "wide", "o")) -> None:
    await start(dut)
    for name in watched:
        Monitor(dut, name)


async def clear(dut) -> None:
    dut.clear.value = 1
    await RisingEdge(dut.clk)
    dut.clear.value = 0
    await RisingEdge(dut.clk)
    assert dut.fault.value == ResidualFault.NONE


async def check(
    dut,
    beats: list[Beat],
    multiplier: int,
    shift: int,
    *,
    idles: tuple[str, str] = ("never", "never"),
    stall: str = "never",
) -> None:
    """Send the beats with these parameters and compare all that comes out, and the fault."""
    dut.multiplier.value, dut.shift.value = multiplier, shift
    codes, wide = (
        cocotb.start_soon(Source(dut, name, idle=idle).send(words))
        for name, idle, words in (
            ("codes", idles[0], [b.codes_word() for b in beats]),
            ("wide", idles[1], [b.wide_word() for b in beats]),
        )
    )
    flags: list[int] = []
    collecting = cocotb.start_soon(collect_beside(dut, "o", "saturated", flags))
    sink = Sink(dut, "o", stall=stall)
    got = await sink.receive(len(beats), timeout_cycles=40 * len(beats) + 50)
    for beat, one in zip(beats, got):
        other = beat.expected(multiplier, shift)
        assert one == other, f"{beat} · {multiplier} >> {shift}: {one:#x}, not {other:#x}"
    await RisingEdge(dut.clk)  # it may see the last beat after the sink has
    collecting.cancel()
    assert flags == [beat.saturated(multiplier, shift) for beat in beats]
    await codes
    await wide
    await sink.expect_silence(LATENCY + 2)
    mismatch = any(b.codes_last != b.wide_last for b in beats)
    fault = ResidualFault.LENGTH_MISMATCH if mismatch else ResidualFault.NONE
    assert dut.fault.value == fault
    if mismatch:
        await clear(dut)


def filled(codes_and_wide: Iterable[tuple[int, int]]) -> list[Beat]:
    """Pairs of code and wide number as beats."""
    pairs = list(codes_and_wide)
    pairs += pairs[:1] * (-len(pairs) % V)
    return [
        Beat([c for c, _ in pairs[k : k + V]], [w for _, w in pairs[k : k + V]])
        for k in range(0, len(pairs), V)
    ]


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_code(dut) -> None:
    """Every code with corner multipliers, shifts and wide numbers."""
    await begin(dut)
    wides = itertools.cycle((0, 1, -1, 32767, -32768, 2, -3))
    for multiplier, shift in itertools.product((1, 3, 32768, 65535), (0, 1, 4, 10, 16, 21, 63)):
        await check(dut, filled((c, next(wides)) for c in CODES), multiplier, shift)
    await check(dut, filled((c, next(wides)) for c in CODES), 0, 0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def halves_and_limits(dut) -> None:
    """Ties of the scaled codes, both neighbours of the sum's limits, and far beyond both."""
    await begin(dut)
    half = 1 << (CONFIG.out_width - 1)
    near = {s * half + d for s in (-1, 1) for d in range(-3, 3)}
    wides = sorted({w for w in near if -32768 <= w <= 32767} | {-32768, -1, 0, 1, 32767})
    pairs = filled(itertools.product(corner_codes(FMT) + CODES[1:6], wides))
    for multiplier, shift in ((1, 0), (1, 1), (1, 2), (3, 1), (65535, 0), (65535, 17)):
        await check(dut, pairs, multiplier, shift)
    # scaled codes that reach a limit with the outermost wide number, and just not
    for code in CODES if half > 32768 else ():
        value = int(residual_add(code, 0, 1, 0, CONFIG))
        if value and (half - 32768) % value == 0 and 1 < (half - 32768) // abs(value) < 65535:
            pairs = filled((code, wide) for wide in (32767, 32766, -32768, -32767))
            for offset in (-1, 0, 1):
                await check(dut, pairs, (half - 32768) // abs(value) + offset, 0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_pattern(dut) -> None:
    """Idle patterns of both inputs crossed, and each with back-pressure."""
    await begin(dut)
    for idles in itertools.product(PATTERNS, PATTERNS):
        for stall in ("never", "random"):
            beats = [random_beat() for _ in range(12)]
            await check(dut, beats, *random_parameters(), idles=idles, stall=stall)
    for idle, stall in itertools.product(PATTERNS, PATTERNS):
        for idles in ((idle, "never"), (idle, idle)):
            beats = [random_beat() for _ in range(12)]
            await check(dut, beats, *random_parameters(), idles=idles, stall=stall)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def random_parameters_and_beats(dut) -> None:
    await begin(dut)
    for _ in range(150):
        await check(dut, [random_beat() for _ in range(4)], *random_parameters())


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def mismatched_lengths(dut) -> None:
    await begin(dut)
    good = [random_beat() for _ in range(4)]
    for codes_last in (False, True):
        for position in range(5):
            for idles in (("never", "never"), ("random", "bursts"), ("mostly", "random")):
                bad = random_beat()
                bad.codes_last, bad.wide_last = codes_last, not codes_last
                beats = [*good[:position], bad, *good[position:]]
                await check(dut, beats, 5, 3, idles=idles, stall="random")

    # one side alone raises nothing, and neither does a pair that waits for the output
    bad = Beat(CODES[:1] * V, [0] * V, True, False)
    dut.codes_payload.value, dut.wide_payload.value = bad.codes_word(), bad.wide_word()
    dut.codes_valid.value = 1
    await ClockCycles(dut.clk, 3)
    assert dut.fault.value == ResidualFault.NONE
    dut.clear.value = 1  # in the cycle of the clear: kept
    dut.wide_valid.value = 1
    await RisingEdge(dut.clk)
    dut.codes_valid.value = dut.wide_valid.value = dut.clear.value = 0
    await RisingEdge(dut.clk)
    assert dut.fault.value == ResidualFault.LENGTH_MISMATCH
    await ClockCycles(dut.clk, LATENCY)
    dut.codes_valid.value = dut.wide_valid.value = dut.clear.value = 1
    await ClockCycles(dut.clk, 3)
    dut.clear.value = 0
    await ClockCycles(dut.clk, 2)
    assert dut.o_valid.value and dut.fault.value == ResidualFault.NONE
    sink = Sink(dut, "o")
    assert await sink.receive(1) == [bad.expected(5, 3)]
    dut.codes_valid.value = dut.wide_valid.value = 0
    await sink.receive(1)
    assert dut.fault.value == ResidualFault.LENGTH_MISMATCH


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def latency_throughput_and_reset(dut) -> None:
    await begin(dut, watched=("codes", "wide"))  # the reset drops beats of "o"
    beats = [random_beat() for _ in range(20)]
    multiplier, shift = 40503, 14
    expected = [b.expected(multiplier, shift) for b in beats]
    dut.multiplier.value, dut.shift.value = multiplier, shift
    cocotb.start_soon(Source(dut, "codes").send([b.codes_word() for b in beats]))
    cocotb.start_soon(Source(dut, "wide").send([b.wide_word() for b in beats]))
    dut.o_ready.value = 1
    taken, out = [], []
    for cycle in range(len(beats) + LATENCY + 5):
        await RisingEdge(dut.clk)
        if dut.codes_valid.value and dut.codes_ready.value:
            assert dut.wide_valid.value and dut.wide_ready.value
            taken.append(cycle)
        if dut.o_valid.value:
            assert int(dut.o_payload.value) == expected[len(out)]
            out.append(cycle)
    assert taken == list(range(taken[0], taken[0] + len(beats)))
    assert out == [cycle + LATENCY for cycle in taken]

    dut.o_ready.value = 0
    for num in range(1, LATENCY + 1):
        bad = [Beat(b.codes, b.wide, True, False) for b in beats[:num]]
        cocotb.start_soon(Source(dut, "codes").send([b.codes_word() for b in bad]))
        await Source(dut, "wide").send([b.wide_word() for b in bad])
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        await Sink(dut, "o").expect_silence(LATENCY + 2)
        assert dut.fault.value == ResidualFault.NONE
        await check(dut, [random_beat() for _ in range(3)], multiplier, shift)
