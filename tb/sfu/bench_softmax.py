"""cocotb side of test_softmax."""

from __future__ import annotations

import random
from dataclasses import dataclass

import cocotb
import numpy as np
from alembert.config.sfu import RowFault
from alembert.config.softmax import SoftmaxConfig
from alembert.sfu.softmax import Softmax
from alembert_golden.softmax import softmax
from cocotb.triggers import ClockCycles, RisingEdge
from numpy.typing import ArrayLike, NDArray
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, pack, start, within

CONFIG = SoftmaxConfig(**parameters()["config"])
SHORT = parameters()["short"]
"""Fewer cases, for the simulator that is slow."""
V, WIDTH, DEPTH = CONFIG.lanes, CONFIG.width, CONFIG.depth
LOW, HIGH = CONFIG.score_min, CONFIG.score_max
ONE = 1 << CONFIG.fraction


@dataclass(frozen=True)
class Row:
    """Scores and which of them exist, [beats, V]."""

    scores: NDArray[np.int64]
    keep: NDArray[np.bool_]

    @classmethod
    def of(cls, scores: ArrayLike, keep: ArrayLike = True) -> Row:
        """Any number of positions; the last beat is filled up with what must not matter."""
        scores, keep = np.broadcast_arrays(np.asarray(scores, np.int64), np.asarray(keep, bool))
        beats = -(-scores.size // V)
        padded = np.full(beats * V, HIGH)
        exists = np.zeros(beats * V, dtype=bool)
        padded[: scores.size], exists[: scores.size] = scores, keep
        return cls(padded.reshape(beats, V), exists.reshape(beats, V))

    @property
    def beats(self) -> int:
        return len(self.scores)

    @property
    def sent(self) -> list[int]:
        return [
            pack(scores, WIDTH) | pack(keep, 1) << (V * WIDTH) | last << (V * (WIDTH + 1))
            for scores, keep, last in self._with_last(self.scores, self.keep)
        ]

    def expected(self, shift: int = 0) -> list[int]:
        p = softmax(self.scores.reshape(-1), CONFIG, keep=self.keep.reshape(-1), shift=shift)
        return [
            pack(values, 16) | last << (16 * V)
            for values, last in self._with_last(p.reshape(-1, V))
        ]

    def _with_last(self, *beats: NDArray):
        last = [0] * (self.beats - 1) + [1]
        return zip(*(b.tolist() for b in beats), last)


def random_row(beats: int) -> Row:
    """Scores of any spread at any height; most positions exist, or few, or all."""
    rng = np.random.default_rng(random.randrange(1 << 32))
    length = rng.integers((beats - 1) * V + 1, beats * V, endpoint=True)
    spread = min(ONE * 2.0 ** rng.uniform(-3, 6), HIGH)
    centre = rng.integers(LOW, HIGH, endpoint=True)
    scores = np.clip(np.rint(rng.normal(centre, spread, length)), LOW, HIGH).astype(np.int64)
    return Row.of(scores, rng.random(length) < rng.choice([0.1, 0.8, 2]))


async def begin(dut, watched: tuple[str, ...] = ("i", "o")) -> None:
    await start(dut)
    for name in watched:
        Monitor(dut, name)


async def check(
    dut, rows: list[Row], *, idle: str = "never", stall: str = "never", shift: int = 0
) -> None:
    """Send the rows, those too long among them, and see exactly the others come out."""
    fitting = [row for row in rows if row.beats <= DEPTH]
    expected = [beat for row in fitting for beat in row.expected(shift)]
    dut.shift.value = shift
    sent = [beat for row in rows for beat in row.sent]
    limit = 200 + 20 * len(sent) + 50 * len(rows)
    sending = cocotb.start_soon(Source(dut, "i", idle=idle).send(sent))
    got = await Sink(dut, "o", stall=stall).receive(len(expected), timeout_cycles=limit)
    for k, (one, other) in enumerate(zip(got, expected)):
        assert one == other, f"beat {k}: {one:#x}, not {other:#x}; idle {idle}, stall {stall}"
    await within(limit, dut.clk, sending)
    await Sink(dut, "o").expect_silence(Softmax(CONFIG).latency(2))


@cocotb.test()
async def every_pattern(dut) -> None:
    await begin(dut)
    for idle in PATTERNS:
        for stall in PATTERNS:
            most = min(DEPTH, 3 if SHORT else 9)
            lengths = [1, most, *(random.randint(1, most) for _ in range(2 if SHORT else 6))]
            await check(dut, [random_row(n) for n in lengths], idle=idle, stall=stall)
    assert dut.fault.value == RowFault.NONE


@cocotb.test()
async def long_stall_then_rows_in_order(dut) -> None:
    """Everything fills up behind a sink that does not take; then nothing is missing."""
    await begin(dut)
    rows = [random_row(random.randint(1, min(DEPTH, 4))) for _ in range(40)]
    sending = cocotb.start_soon(Source(dut, "i").send(b for row in rows for b in row.sent))
    await ClockCycles(dut.clk, 250)
    assert not sending.done()
    expected = [beat for row in rows for beat in row.expected()]
    assert await Sink(dut, "o").receive(len(expected)) == expected
    await sending
    await Sink(dut, "o").expect_silence(Softmax(CONFIG).latency(2))


@cocotb.test()
async def every_shift(dut) -> None:
    """Distances of every depth below the largest score, at every shift of them."""
    await begin(dut)
    for shift in range(1 << CONFIG.SHIFT_WIDTH):
        steps = np.arange(0, min(26 * ONE, HIGH - LOW), 7 if SHORT else 1) >> shift
        depths = np.unique(steps)[:: 5 if SHORT else 1]
        room = V * min(DEPTH, 12) - 1
        chunks = [depths[k : k + room] for k in range(0, len(depths), room)]
        rows = [Row.of([HIGH, *(HIGH - chunk)]) for chunk in chunks]
        rows += [Row.of([LOW, HIGH]), Row.of([LOW] * V, False), random_row(1), random_row(2)]
        await check(dut, rows, idle="bursts", stall="bursts", shift=shift)


@cocotb.test()
async def corner_rows(dut) -> None:
    await begin(dut)
    full = V * DEPTH if not SHORT else V * min(DEPTH, 6)
    rows = [
        *(Row.of([level] * n) for level in (LOW, -1, 0, 1, HIGH) for n in (1, V, full)),
        *(Row.of([level] * n, False) for level in (LOW, HIGH) for n in (1, full)),
        Row.of([LOW, HIGH] * (full // 2)),
        Row.of([HIGH] * full, [False] * (full - 1) + [True]),
        Row.of([HIGH] * (full - 1) + [LOW], [False] * (full - 1) + [True]),
    ]
    # one hot in every lane, the rest far below or masked, after a row of nothing
    for place in range(2 * V):
        hot = np.full(2 * V, LOW)
        hot[place] = HIGH
        rows += [
            Row.of(hot),
            Row.of(hot, hot == HIGH),
            Row.of(hot, hot != HIGH),
            Row.of([0], False),
        ]
    # every distance from 0 to past the last bit of e, beside a position at the maximum
    depths = np.arange(0, min(26 * ONE, HIGH - LOW), max(ONE // 64, 1) * (13 if SHORT else 1))
    chunk = min(V * DEPTH, 12 * V) - 1
    for k in range(0, len(depths), chunk):
        rows.append(Row.of([HIGH, *(HIGH - depths[k : k + chunk])]))
    # every octave of S, exactly and just beside it
    for count in (2**k + beside for k in range(1, full.bit_length()) for beside in (-1, 0, 1)):
        if count <= full:
            rows += [Row.of([HIGH] * count), Row.of([HIGH] * (count - 1) + [HIGH - ONE // 2])]
    await check(dut, rows)
    assert dut.fault.value == RowFault.NONE


async def _pulse_clear(dut) -> None:
    dut.clear.value = 1
    await RisingEdge(dut.clk)
    dut.clear.value = 0
    await RisingEdge(dut.clk)
    assert dut.fault.value == RowFault.NONE


@cocotb.test()
async def overlong_rows_are_dropped(dut) -> None:
    await begin(dut)
    fits = [random_row(1), random_row(2), random_row(1)]
    if not SHORT:
        fits += [random_row(DEPTH), random_row(DEPTH)]
    await check(dut, fits)
    assert dut.fault.value == RowFault.NONE
    for beyond in (1, DEPTH + 1):
        # nothing of its scores, higher than all others, may be left in the next row
        overlong = Row.of([HIGH] * (V * (DEPTH + beyond)))
        await check(dut, [overlong, Row.of([LOW, LOW + 1])], stall="alternate")
        assert dut.fault.value == RowFault.OVERLONG_ROW
        await check(dut, [Row.of([LOW])])  # it sticks
        assert dut.fault.value == RowFault.OVERLONG_ROW
        await _pulse_clear(dut)
        await check(dut, [*fits, overlong, overlong, *fits, overlong, *fits], stall="bursts")
        assert dut.fault.value == RowFault.OVERLONG_ROW
        await _pulse_clear(dut)
    # a fault in the cycle of a clear is kept
    dut.clear.value = 1
    await Source(dut, "i").send(Row.of([0] * (V * (DEPTH + 1))).sent)
    dut.clear.value = 0
    await RisingEdge(dut.clk)
    assert dut.fault.value == RowFault.OVERLONG_ROW
    await _pulse_clear(dut)


async def _transfers(dut, rows: list[Row], cycles: int) -> tuple[list[int], list[int]]:
    """Cycles in which a beat goes in, and in which one comes out."""
    sending = cocotb.start_soon(Source(dut, "i").send(b for row in rows for b in row.sent))
    dut.o_ready.value = 1
    taken: list[int] = []
    given: list[int] = []
    for cycle in range(cycles):
        await RisingEdge(dut.clk)
        if dut.i_valid.value and dut.i_ready.value:
            taken.append(cycle)
        if dut.o_valid.value:
            given.append(cycle)
    dut.o_ready.value = 0
    assert sending.done() and len(given) == len(taken) == sum(row.beats for row in rows)
    return taken, given


@cocotb.test()
async def latency(dut) -> None:
    await begin(dut)
    for beats in {1, 2, min(DEPTH, 5)}:
        taken, given = await _transfers(dut, [random_row(beats)], 3 * beats + 80)
        assert given[0] - taken[-1] == Softmax(CONFIG).latency(beats)
        assert np.diff(given).tolist() == [1] * (beats - 1)


@cocotb.test(skip=DEPTH < 32)
async def throughput(dut) -> None:
    """Rows of two beats and more, up to half of the buffer: a beat a cycle, in and out."""
    await begin(dut)
    for beats, count in ((2, 60), (4, 40), (5, 20), (DEPTH // 2, 2 if SHORT else 8)):
        rows = [random_row(beats) for _ in range(count)]
        taken, given = await _transfers(dut, rows, beats * (count + 2) + 80)
        for cycles in (taken, given):
            assert cycles[-1] - cycles[0] + 1 == beats * count, f"rows of {beats} beats"


@cocotb.test()
async def reset_forgets_rows(dut) -> None:
    # the reset drops a beat that waits, which no monitor of "o" would forgive
    await begin(dut, watched=("i",))
    most = min(DEPTH, 6)
    for cycles in (0, 3, 9, 17, 40):
        await Source(dut, "i").send(Row.of([HIGH] * (V * most)).sent)
        await Source(dut, "i").send(Row.of([HIGH] * (2 * V)).sent[:1])  # and half a row
        await ClockCycles(dut.clk, cycles)
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        await check(dut, [Row.of([LOW, LOW + 1]), random_row(2)])
    await Source(dut, "i").send(Row.of([HIGH] * (V * (DEPTH + 1))).sent)
    await RisingEdge(dut.clk)
    assert dut.fault.value == RowFault.OVERLONG_ROW
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    await RisingEdge(dut.clk)
    assert dut.fault.value == RowFault.NONE
