"""cocotb side of test_activation_quantiser."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from alembert.config.ternary import ActivationQuantiserConfig, QuantiserFault
from alembert.ternary.absmax import AbsMax
from alembert.ternary.activation_quantiser import ActivationQuantiser
from alembert.ternary.reciprocal import Reciprocal
from alembert_golden.activation_quantiser import absmax_quantise
from cocotb.triggers import RisingEdge
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, pack, start, within

CONFIG = ActivationQuantiserConfig(**parameters())
V, WIDTH, DEPTH = CONFIG.lanes, CONFIG.width, CONFIG.depth
HALF = 1 << (WIDTH - 1)

Token = list[int]


def beats_in(token: Token) -> list[int]:
    """A token as input beats; the last one is filled up with zeros."""
    rows = [token[k : k + V] for k in range(0, len(token), V)]
    rows[-1] = rows[-1] + [0] * (V - len(rows[-1]))
    return [pack(row, WIDTH) | (row is rows[-1]) << (V * WIDTH) for row in rows]


def beats_out(token: Token) -> list[int]:
    """The output beats it gives."""
    codes, largest = absmax_quantise(token, CONFIG)
    rows = [codes[k : k + V].tolist() for k in range(0, len(token), V)]
    return [
        pack(row, 8) | int(largest) << (8 * V) | (row is rows[-1]) << (8 * V + WIDTH)
        for row in rows
    ]


def random_token(num_beats: int) -> Token:
    """Any magnitude; the last beat may be partial."""
    top = random.choice([1, 3, 100, HALF >> random.randrange(WIDTH), HALF])
    top = min(top, HALF)
    length = random.randint((num_beats - 1) * V + 1, num_beats * V)
    return [random.randint(-top, top - 1) for _ in range(length)]


async def begin(dut, watched: tuple[str, ...] = ("i", "o")) -> None:
    await start(dut)
    for name in watched:
        Monitor(dut, name)


async def check(dut, tokens: list[Token], *, idle: str = "never", stall: str = "never") -> None:
    """Send the tokens, those too long among them, and see exactly the others come out."""
    expected = [b for t in tokens if len(t) <= V * DEPTH for b in beats_out(t)]
    sent = [b for t in tokens for b in beats_in(t)]
    sending = cocotb.start_soon(Source(dut, "i", idle=idle).send(sent))
    limit = 200 + 20 * len(sent) + 100 * len(tokens)
    got = await Sink(dut, "o", stall=stall).receive(len(expected), timeout_cycles=limit)
    for k, (one, other) in enumerate(zip(got, expected)):
        assert one == other, f"beat {k}: {one:#x}, not {other:#x}; idle {idle}, stall {stall}"
    await within(limit, dut.clk, sending)
    quiet = 2 * DEPTH + ActivationQuantiser(CONFIG).latency
    await Sink(dut, "o").expect_silence(quiet)


@cocotb.test()
async def every_pattern(dut) -> None:
    await begin(dut)
    for idle in PATTERNS:
        for stall in PATTERNS:
            lengths = [1, random.randint(1, min(DEPTH, 7)), min(DEPTH, 7), 2, 1]
            tokens = [random_token(n) for n in lengths]
            await check(dut, tokens, idle=idle, stall=stall)
    assert dut.o_fault.value == QuantiserFault.NONE


@cocotb.test()
async def corner_tokens(dut) -> None:
    await begin(dut)
    full = V * DEPTH
    tokens = [[0], [0] * full, [-HALF], [-HALF] * full, [HALF - 1, -HALF], [0] * (V + 1)]
    # one value in any place, of either sign, after a token of the largest
    for place in range(min(full, 2 * V + 1)):
        for value in (1, -1, HALF - 1, -HALF):
            tokens += [[0] * place + [value] + [0] * (full - 1 - place), [0] * (V + 1)]
    # exact ties: 127·x / (254·j / n) at x = j · odd / n
    for j in (1, 2, 3, HALF // 254):
        top = 254 * j if 254 * j < HALF else 2 * min(j, HALF // 4)
        ties = [s * x for x in range(top // 254 or 1, top + 1, top // 127 or 2) for s in (1, -1)]
        tokens += [[*ties[k : k + full - 1], top] for k in range(0, len(ties), full - 1)][:8]
    # the largest and the smallest of every length in bits, and 1 beside it
    for bit in range(WIDTH - 1):
        tokens += [[1 << bit, 1], [-(1 << bit), -1], [(1 << bit) - 1, (1 << bit) // 2]]
    await check(dut, tokens)


@cocotb.test(skip=WIDTH > 8)
async def every_value_of_every_maximum(dut) -> None:
    await begin(dut)
    await check(dut, [list(range(-top, min(top, 127) + 1)) for top in range(129)])


@cocotb.test()
async def overlong_tokens_are_dropped(dut) -> None:
    await begin(dut)

    async def clear() -> None:
        dut.i_clear.value = 1
        await RisingEdge(dut.clk)
        dut.i_clear.value = 0
        await RisingEdge(dut.clk)
        assert dut.o_fault.value == QuantiserFault.NONE

    fits = [random_token(DEPTH), random_token(DEPTH), [1], random_token(1)]
    await check(dut, fits)
    assert dut.o_fault.value == QuantiserFault.NONE
    for beyond in (1, 2, DEPTH, 2 * DEPTH + 1):
        overlong = [HALF - 1] * (V * (DEPTH + beyond))
        await check(dut, [overlong], stall="alternate")
        assert dut.o_fault.value == QuantiserFault.OVERLONG_TOKEN
        await check(dut, [[1], [0, 1]])  # it sticks, and nothing of the token is left
        assert dut.o_fault.value == QuantiserFault.OVERLONG_TOKEN
        await clear()
        # between others, and twice in a row
        await check(dut, [*fits, overlong, overlong, [1], *fits, overlong, [2, 1]], stall="bursts")
        assert dut.o_fault.value == QuantiserFault.OVERLONG_TOKEN
        await clear()
    # a fault in the cycle of a clear is kept
    dut.i_clear.value = 1
    await Source(dut, "i").send(beats_in([1] * (V * (DEPTH + 1))))
    dut.i_clear.value = 0
    await RisingEdge(dut.clk)
    assert dut.o_fault.value == QuantiserFault.OVERLONG_TOKEN
    await clear()


async def _transfers(dut, tokens: list[Token], cycles: int) -> tuple[list[int], list[int]]:
    """Cycles in which the last beat of each token goes in and its first one comes out."""
    cocotb.start_soon(Source(dut, "i").send(b for t in tokens for b in beats_in(t)))
    dut.o_ready.value = 1
    last_in, first_out, begins = [], [], True
    for cycle in range(cycles):
        await RisingEdge(dut.clk)
        if dut.i_valid.value and dut.i_ready.value and int(dut.i_payload.value) >> (V * WIDTH):
            last_in.append(cycle)
        if dut.o_valid.value:
            if begins:
                first_out.append(cycle)
            begins = bool(int(dut.o_payload.value) >> (8 * V + WIDTH))
    dut.o_ready.value = 0
    return last_in, first_out


@cocotb.test()
async def latency_and_throughput(dut) -> None:
    await begin(dut)
    for token in ([0], [-HALF], random_token(DEPTH)):
        last_in, first_out = await _transfers(dut, [token], 4 * DEPTH + 100)
        assert [first_out[0] - last_in[0]] == [ActivationQuantiser(CONFIG).latency]
    # tokens of up to half the buffer load while the one before is divided and encoded
    num_beats = DEPTH // 2
    tokens = [[1] * (V * num_beats)] * 8
    last_in, first_out = await _transfers(dut, tokens, 8 * (num_beats + 60) + 100)
    assert len(first_out) == len(tokens)
    period = max(num_beats + AbsMax(CONFIG).latency, Reciprocal(CONFIG).latency + 1)
    assert np.diff(last_in[2:]).tolist() == [period] * 5
    assert np.diff(first_out[2:]).tolist() == [period] * 5


@cocotb.test()
async def reset_forgets_tokens(dut) -> None:
    # the reset drops a beat that waits, which no monitor of "o" would forgive
    await begin(dut, watched=("i",))
    for cycles in (0, 3, 12, 40):
        await Source(dut, "i").send(beats_in([-HALF] * (V * DEPTH)))
        await Source(dut, "i").send([pack([-HALF] * V, WIDTH)])  # and half a token
        for _ in range(cycles):
            await RisingEdge(dut.clk)
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        await check(dut, [[1, 0], [3, 1]])
