"""cocotb side of test_dot_product: vectors through the probe, sums against golden."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert_golden.vmac import accumulate
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge
from support.formats import all_codes, corner_codes, pair_of
from support.simulate import parameters
from support.streams import pack


def _vectors(pair, lanes: int, rng: np.random.Generator, count: int):
    """Corner vectors, then random ones, as (activations, weights)."""
    corners_a, corners_w = corner_codes(pair.activation), corner_codes(pair.weight)
    for a in corners_a:
        for w in corners_w:
            yield np.full(lanes, a), np.full(lanes, w)
    every_a, every_w = all_codes(pair.activation), all_codes(pair.weight)
    for _ in range(count):
        a, w = rng.choice(every_a, lanes), rng.choice(every_w, lanes)
        if rng.random() < 0.2:
            a[rng.random(lanes) < 0.5] = 0
        if rng.random() < 0.2:
            w = rng.choice(corners_w, lanes)
        yield a, w


async def _stream(dut, pair, latency: int, vectors) -> None:
    """A vector every cycle; each sum is checked ``latency`` cycles later."""
    Clock(dut.clk, 10, unit="ns").start(start_high=False)
    await RisingEdge(dut.clk)  # the first falling edge is X → 0 in one simulator, none in another
    await FallingEdge(dut.clk)
    expected: list[tuple[int, str]] = []
    pending = list(vectors)
    for cycle in range(len(pending) + latency):
        if cycle < len(pending):
            a, w = pending[cycle]
            dut.activations.value = pack(a, pair.activation.width)
            dut.weights.value = pack(w, pair.weight.width)
            total = int(accumulate(a[None, :], w[:, None], pair, max_depth=len(a))[0, 0])
            expected.append((total, f"{a.tolist()} · {w.tolist()}"))
        await FallingEdge(dut.clk)  # the clock rises between two falling edges
        if cycle >= latency - 1 and cycle - latency + 1 < len(pending):
            want, what = expected[cycle - latency + 1]
            got = dut.o.value.to_signed()
            assert got == want, f"{what}: {got}, not {want}"


@cocotb.test()
async def vectors(dut) -> None:
    given = parameters()
    pair = pair_of(given)
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    await _stream(dut, pair, given["latency"], _vectors(pair, given["lanes"], rng, given["count"]))


@cocotb.test()
async def every_pair_of_codes(dut) -> None:
    """All products: lane 0 walks every pair, the others hold zeros."""
    given = parameters()
    pair = pair_of(given)
    lanes = given["lanes"]

    def walk():
        for w in all_codes(pair.weight):
            for a in all_codes(pair.activation):
                activations = np.zeros(lanes, dtype=np.int64)
                weights = np.zeros(lanes, dtype=np.int64)
                activations[0], weights[0] = a, w
                yield activations, weights

    await _stream(dut, pair, given["latency"], walk())


@cocotb.test()
async def every_weight_vector(dut) -> None:
    """Small ternary vectors: all 3^lanes weight patterns."""
    given = parameters()
    pair = pair_of(given)
    lanes = given["lanes"]
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    grid = np.stack(np.meshgrid(*[all_codes(pair.weight)] * lanes), axis=-1).reshape(-1, lanes)
    corners = np.array(corner_codes(pair.activation))

    def walk():
        for w in grid:
            yield rng.choice(corners, lanes), w
            yield rng.choice(all_codes(pair.activation), lanes), w

    await _stream(dut, pair, given["latency"], walk())
