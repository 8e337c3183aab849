"""cocotb side of test_layernorm: rows through the whole unit."""

from __future__ import annotations

import random
from dataclasses import dataclass

import cocotb
import numpy as np
from alembert.config.layernorm import LayerNormConfig
from alembert.config.sfu import RowFault
from alembert.sfu.layernorm import LayerNorm
from alembert_golden.layernorm import layernorm
from alembert_golden.quick_special import layernorm_unclipped
from cocotb.triggers import ClockCycles, RisingEdge
from support.parameters import parameters
from support.streams import (
    PATTERNS,
    Monitor,
    Sink,
    Source,
    collect_beside,
    pack,
    start,
    within,
)

GIVEN = parameters()
EFFORT = GIVEN.pop("effort")
"""How many rows the longer tests take: the slow simulator gets fewer."""
CONFIG = LayerNormConfig(**GIVEN)
DEVICE = LayerNorm(CONFIG)
V, WIDTH, DEPTH, LONGEST = CONFIG.lanes, CONFIG.width, CONFIG.depth, CONFIG.max_length
HALF, LIMIT = 1 << (WIDTH - 1), 1 << 15
NAMES = list(PATTERNS)

Values = list[int]


@dataclass
class Row:
    """Values and parameters, one of each."""

    values: Values
    gamma: Values
    beta: Values

    def sent(self) -> list[int]:
        beats = [pack(self.values[k : k + V], WIDTH) for k in range(0, len(self.values), V)]
        beats[-1] |= 1 << (V * WIDTH)
        return beats

    def parameters(self) -> list[int]:
        """Beyond the row's end too, where they must not matter."""
        beats: list[int] = []
        for k in range(0, len(self.values), V):
            gamma, beta = self.gamma[k : k + V], self.beta[k : k + V]
            gamma, beta = (list(p) + [LIMIT - 1] * (V - len(p)) for p in (gamma, beta))
            beats.append(pack(gamma, 16) | pack(beta, 16) << (16 * V))
        return beats

    def saturated(self, epsilon: int) -> list[int]:
        """Which values of each beat are beyond their range:"""
        values, gamma = np.array([self.values, self.gamma])
        unclipped = layernorm_unclipped(
            values.astype(np.float64)[np.newaxis], gamma, np.array(self.beta), epsilon, CONFIG
        )[0]
        flags = (unclipped < -LIMIT) | (unclipped >= LIMIT)
        return [pack(flags[k : k + V].tolist(), 1) for k in range(0, len(flags), V)]

    def expected(self, epsilon: int) -> list[int]:
        out = layernorm(self.values, self.gamma, self.beta, epsilon, CONFIG).tolist()
        beats = [pack(out[k : k + V], 16) for k in range(0, len(out), V)]
        beats[-1] |= 1 << (V * 16)
        return beats


def random_row(n: int) -> Row:
    """Any spread about any mean, parameters of any size."""
    spread = random.choice([0, 1, 2, HALF >> random.randrange(WIDTH), HALF])
    mean = random.choice([0, HALF - 1, -HALF, random.randrange(-HALF, HALF)])
    values = [mean + random.randint(-spread, spread) for _ in range(n)]
    top = LIMIT >> random.randrange(8)
    return Row(
        [max(-HALF, min(HALF - 1, v)) for v in values],
        [random.randrange(-top, top) for _ in range(n)],
        [random.randrange(-LIMIT, LIMIT) >> random.randrange(16) for _ in range(n)],
    )


def plain(values: Values) -> Row:
    """With the γ that shows the most: the largest that lets nothing but an outlier saturate."""
    n = len(values)
    gamma = min(1 << (CONFIG.gamma_fraction + 1), LIMIT - 1)
    return Row(values, [(-gamma, gamma)[k % 2] for k in range(n)], [0] * n)


async def begin(dut, watched: tuple[str, ...] = ("i", "parameters", "o")) -> None:
    await start(dut)
    for name in watched:
        Monitor(dut, name)


async def check(
    dut,
    rows: list[Row],
    *,
    epsilon: int = 0,
    idle: str = "never",
    idle_parameters: str = "never",
    stall: str = "never",
) -> None:
    """Send rows of one length, those too long among them, and see exactly the others come out."""
    fitting = [row for row in rows if len(row.values) <= V * DEPTH]
    length = len(fitting[0].values) if fitting else 1
    dut.length.value, dut.epsilon.value = length, epsilon
    expected = [b for row in fitting for b in row.expected(epsilon)]
    sent = [b for row in rows for b in row.sent()]
    given = [b for row in fitting for b in row.parameters()]
    limit = 300 + 20 * len(sent) + 100 * len(rows)
    sending = [
        cocotb.start_soon(Source(dut, "i", idle=idle).send(sent)),
        cocotb.start_soon(Source(dut, "parameters", idle=idle_parameters).send(given)),
    ]
    flags: list[int] = []
    collecting = cocotb.start_soon(collect_beside(dut, "o", "saturated", flags))
    got = await Sink(dut, "o", stall=stall).receive(len(expected), timeout_cycles=limit)
    await RisingEdge(dut.clk)  # it may see the last beat after the sink has
    collecting.cancel()
    assert flags == [each for row in fitting for each in row.saturated(epsilon)]
    for k, (one, other) in enumerate(zip(got, expected)):
        assert one == other, (
            f"beat {k}: {one:#x}, not {other:#x}; n {length}, epsilon {epsilon}, "
            f"idle {idle} and {idle_parameters}, stall {stall}"
        )
    for task in sending:
        await within(limit, dut.clk, task)
    await Sink(dut, "o").expect_silence(DEVICE.latency + 4)


@cocotb.test()
async def every_pattern(dut) -> None:
    await begin(dut)
    for a, idle in enumerate(NAMES):
        for b, stall in enumerate(NAMES):
            n = random.randint(1, min(3 * V, LONGEST))
            await check(
                dut,
                [random_row(n) for _ in range(random.randint(1, 4))],
                epsilon=random.getrandbits(random.randrange(33)),
                idle=idle,
                stall=stall,
                idle_parameters=NAMES[(a + b) % len(NAMES)],
            )
    assert dut.fault.value == RowFault.NONE


@cocotb.test()
async def lengths_around_multiples_of_the_lanes(dut) -> None:
    await begin(dut)
    lengths = {1, 2, 3, LONGEST - 1, LONGEST}
    for beats in (1, 2, 3):
        lengths |= {beats * V - 1, beats * V, beats * V + 1}
    for n in sorted(lengths & set(range(1, LONGEST + 1))):
        await check(dut, [random_row(n) for _ in range(1 if n > 100 else 3)], stall="bursts")
    # sums as large as they can be, with any lower digits
    for mean in (-HALF, -HALF + 1, HALF - 4):
        rows = [[mean + random.randrange(4) for _ in range(LONGEST)] for _ in range(EFFORT)]
        await check(dut, [plain(row) for row in rows])
    for _ in range(20 * EFFORT):
        n = random.randint(1, min(LONGEST, 12 * V))
        await check(dut, [random_row(n), random_row(n)], epsilon=random.choice([0, 1, 99 * n * n]))


@cocotb.test()
async def corner_rows(dut) -> None:
    await begin(dut)
    for n in sorted({1, 2, 3, V, min(2 * V + 1, LONGEST), LONGEST if EFFORT > 1 else 5}):
        rows = [plain([v] * n) for v in (0, 1, -1, HALF - 1, -HALF)]
        rows += [plain([(HALF - 1, -HALF)[k % 2] for k in range(n)])]
        for common, other in ((0, 1), (HALF - 1, HALF - 2), (-HALF, HALF - 1), (HALF - 1, -HALF)):
            for place in (0, n - 1):
                row = [common] * n
                row[place] = other
                rows.append(plain(row))
        for epsilon in (0, 1, (1 << 32) - 1):
            await check(dut, rows if n < 100 else rows[4:], epsilon=epsilon)


@cocotb.test()
async def corner_parameters(dut) -> None:
    """γ and β at their limits, saturation both ways, and products half way between two results."""
    await begin(dut)
    n = min(2 * V, LONGEST)
    half = 1 << (CONFIG.out_shift - 1)
    corners = [0, 1, -1, 2, -2, 3, -3, LIMIT - 1, -LIMIT, -LIMIT + 1]
    corners += [s * (half >> k) for k in range(13) for s in (1, -1) if half >> k < LIMIT]
    pairs = [(g, b) for g in corners for b in (0, 1, -1, LIMIT - 1, -LIMIT)]
    rows: list[Row] = []
    for k in range(0, len(pairs), n):
        chosen = (pairs[k:] + pairs)[:n]
        # ±1 exactly, for an even n, so that γ itself is rounded
        values = [(100, -100)[j % 2] for j in range(n)]
        rows.append(Row(values, [g for g, _ in chosen], [b for _, b in chosen]))
    await check(dut, rows)
    # a power of two as variance, so that r = 1 or ½, and rows of every magnitude
    for bit in range(WIDTH - 1):
        await check(dut, [plain([1 << bit, -(1 << bit)] * (n // 2))], epsilon=bit % 2)


async def _transfers(dut, rows: list[Row], cycles: int) -> tuple[list[int], list[int], list[int]]:
    """Cycles of: each row's last beat in, its first beat out, and every beat out."""
    dut.length.value, dut.epsilon.value = len(rows[0].values), 0
    cocotb.start_soon(Source(dut, "i").send(b for r in rows for b in r.sent()))
    cocotb.start_soon(Source(dut, "parameters").send(b for r in rows for b in r.parameters()))
    expected = [b for r in rows for b in r.expected(0)]
    dut.o_ready.value = 1
    last_in, first_out, out, begins = [], [], [], True
    for cycle in range(cycles):
        await RisingEdge(dut.clk)
        if dut.i_valid.value and dut.i_ready.value and int(dut.i_payload.value) >> (V * WIDTH):
            last_in.append(cycle)
        if dut.o_valid.value:
            if begins:
                first_out.append(cycle)
            assert int(dut.o_payload.value) == expected[len(out)]
            begins = bool(int(dut.o_payload.value) >> (V * 16))
            out.append(cycle)
    dut.o_ready.value = 0
    assert len(out) == len(expected)
    return last_in, first_out, out


@cocotb.test()
async def latency_and_throughput(dut) -> None:
    await begin(dut)
    for n in (1, min(3 * V - 1, LONGEST)):
        last_in, first_out, _ = await _transfers(dut, [random_row(n)], 3 * DEVICE.latency)
        assert [first_out[0] - last_in[0]] == [DEVICE.latency]
    # short rows: one every period
    last_in, first_out, _ = await _transfers(
        dut, [random_row(1) for _ in range(6)], 8 * DEVICE.period + 2 * DEVICE.latency
    )
    assert np.diff(last_in).tolist() == [DEVICE.period] * 5
    assert np.diff(first_out).tolist() == [DEVICE.period] * 5
    # rows of a period and more, if the buffer has room: no gap at all, in or out
    if DEVICE.latency + 2 * DEVICE.period < DEPTH:
        for beats in (DEVICE.period, DEVICE.period + 5):
            rows = [random_row(beats * V) for _ in range(8)]
            last_in, _, out = await _transfers(dut, rows, 9 * beats + 2 * DEVICE.latency)
            assert np.diff(last_in).tolist() == [beats] * 7
            assert np.diff(out).tolist() == [1] * (8 * beats - 1)


@cocotb.test()
async def overlong_rows_are_dropped(dut) -> None:
    await begin(dut)

    async def clear() -> None:
        dut.clear.value = 1
        await RisingEdge(dut.clk)
        dut.clear.value = 0
        await RisingEdge(dut.clk)
        assert dut.fault.value == RowFault.NONE

    n = min(2 * V + 1, LONGEST)
    for beyond in (1, 2 * DEPTH)[: 1 + (EFFORT > 1)]:
        overlong = plain([HALF - 1] * (V * (DEPTH + beyond)))
        rows = [random_row(n), random_row(n)]
        await check(dut, [*rows, overlong, *rows, overlong, *rows], stall="bursts")
        assert dut.fault.value == RowFault.OVERLONG_ROW
        await clear()
        await check(dut, rows)  # nothing of it is left
        assert dut.fault.value == RowFault.NONE


@cocotb.test()
async def reset_forgets_rows(dut) -> None:
    # the reset drops beats that wait, which no monitor would forgive
    await begin(dut, watched=())
    n = min(2 * V + 1, LONGEST)
    for cycles in (0, 7, 20, DEVICE.latency - 1, DEVICE.latency + 1, DEVICE.latency + 9):
        dut.length.value = n
        rows = [random_row(n), random_row(n)]
        await Source(dut, "i").send([b for row in rows for b in row.sent()][:-1])  # one and a half
        feeding = cocotb.start_soon(Source(dut, "parameters").send(rows[0].parameters()[:-1]))
        await ClockCycles(dut.clk, cycles)
        feeding.cancel()
        dut.parameters_valid.value = 0
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        await Sink(dut, "o").expect_silence(DEVICE.latency + 10)
        other = random.randint(1, min(LONGEST, 3 * V))
        await check(dut, [random_row(other), random_row(other)])
