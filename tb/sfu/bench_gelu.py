"""cocotb side of test_gelu and test_tanh: functions of one value, by chords."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from alembert.config.gelu import GeluConfig, GeluForm
from alembert.config.tanh import TanhConfig
from alembert.sfu.gelu import Gelu
from alembert.sfu.tanh import Tanh
from alembert_golden.gelu import gelu
from alembert_golden.tanh import tanh
from cocotb.triggers import ClockCycles, RisingEdge
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, pack, start

GIVEN = parameters()
STRIDE = GIVEN.pop("stride")
FORM = GIVEN.pop("form", None)
if FORM is None:
    CONFIG, LATENCY = TanhConfig(**GIVEN), Tanh.latency
else:
    CONFIG, LATENCY = GeluConfig(**GIVEN, form=GeluForm(FORM)), Gelu.latency
V, WIDTH = CONFIG.lanes, CONFIG.width
LOW, HIGH = CONFIG.min_value, CONFIG.max_value


def golden(values: np.ndarray, shift: int = 0) -> np.ndarray:
    if isinstance(CONFIG, TanhConfig):
        return tanh(values, CONFIG)
    return gelu(values, CONFIG, shift=shift)


def words(values: np.ndarray, lasts: list[bool]) -> list[int]:
    """Beats of V values; the values fill them."""
    rows = values.reshape(-1, V).tolist()
    return [pack(row, WIDTH) | last << (V * WIDTH) for row, last in zip(rows, lasts)]


def padded(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values, np.zeros(-len(values) % V, dtype=np.int64)])


def random_values(beats: int) -> np.ndarray:
    """Near 0 as often as far away."""
    rng = np.random.default_rng(random.getrandbits(32))
    return rng.integers(LOW, HIGH + 1, beats * V) >> rng.integers(0, WIDTH, beats * V)


async def begin(dut, watched: tuple[str, ...] = ("i", "o")) -> None:
    await start(dut)
    for name in watched:
        Monitor(dut, name)


async def check(
    dut, values: np.ndarray, *, idle: str = "never", stall: str = "never", shift: int = 0
) -> None:
    """Send the values and compare all that comes out."""
    lasts = [random.random() < 0.3 for _ in range(len(values) // V)]
    expected = words(golden(values, shift), lasts)
    if isinstance(CONFIG, GeluConfig):
        dut.shift.value = shift
    cocotb.start_soon(Source(dut, "i", idle=idle).send(words(values, lasts)))
    sink = Sink(dut, "o", stall=stall)
    got = await sink.receive(len(expected), timeout_cycles=20 * len(expected) + 50)
    for beat, (one, other) in enumerate(zip(got, expected)):
        inputs = values[beat * V : (beat + 1) * V]
        assert one == other, f"{inputs.tolist()}: {one:#x}, not {other:#x}"
    await sink.expect_silence(LATENCY + 2)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def every_input(dut) -> None:
    await begin(dut)
    await check(dut, padded(np.arange(LOW, HIGH + 1, STRIDE)))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def corners(dut) -> None:
    """The ends of the range and both sides of every chord's ends, of both signs."""
    await begin(dut)
    nodes = np.arange(len(CONFIG.table.base) + 2) << CONFIG.position_width
    near = np.concatenate([nodes + d for d in (-1, 0, 1)])
    values = np.concatenate([[LOW, LOW + 1, HIGH - 1, HIGH], near, -near])
    await check(dut, padded(values[(values >= LOW) & (values <= HIGH)]))


@cocotb.test(timeout_time=5, timeout_unit="ms", skip=isinstance(CONFIG, TanhConfig))
async def every_shift(dut) -> None:
    """The whole range coarsely; both sides of every chord's ends, and all about 0."""
    assert isinstance(CONFIG, GeluConfig)
    await begin(dut)
    for shift in range(1, 1 << CONFIG.shift_width):
        nodes = np.arange(len(CONFIG.table.base) + 2) << CONFIG.position_width >> shift
        near = np.concatenate([nodes + d for d in (-1, 0, 1)])
        coarse = np.arange(LOW, HIGH + 1, 61 * STRIDE)
        fine = np.arange(-(1 << CONFIG.fraction), 1 << CONFIG.fraction, STRIDE)
        values = np.concatenate([[LOW, LOW + 1, HIGH - 1, HIGH], near, -near, coarse, fine])
        await check(dut, padded(values[(values >= LOW) & (values <= HIGH)]), shift=shift)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def every_pattern(dut) -> None:
    await begin(dut)
    for idle in PATTERNS:
        for stall in PATTERNS:
            await check(dut, random_values(20), idle=idle, stall=stall)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def latency_and_throughput(dut) -> None:
    await begin(dut)
    values = random_values(20)
    expected = words(golden(values), [True] * 20)
    cocotb.start_soon(Source(dut, "i").send(words(values, [True] * 20)))
    dut.o_ready.value = 1
    taken, out = [], []
    for cycle in range(40):
        await RisingEdge(dut.clk)
        if dut.i_valid.value and dut.i_ready.value:
            taken.append(cycle)
        if dut.o_valid.value:
            assert int(dut.o_payload.value) == expected[len(out)]
            out.append(cycle)
    assert taken == list(range(taken[0], taken[0] + 20))
    assert out == [cycle + LATENCY for cycle in taken]


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def reset_in_the_middle(dut) -> None:
    await begin(dut, watched=("i",))  # the reset drops beats, which no monitor of "o" forgives
    for beats in range(1, LATENCY + 1):
        await Source(dut, "i").send(words(random_values(beats), [True] * beats))
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        await Sink(dut, "o").expect_silence(LATENCY + 2)
        await ClockCycles(dut.clk, 1)
        await check(dut, random_values(3))
