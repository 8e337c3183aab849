"""cocotb side of test_dot_product: vectors through the probe, sums against golden."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import cocotb
import numpy as np
from alembert_golden.vmac import accumulate
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge
from support.formats import all_codes, corner_codes, pair_of
from support.parameters import parameters
from support.streams import pack


class Case(NamedTuple):
    """A cycle's inputs as the ports take them, the sum, and what to call it."""

    activations: int
    weights: int
    total: int
    name: tuple[list[int], list[int]]


def _cases(pair, vectors) -> Iterator[Case]:
    """Of (activations, weights)."""
    for a, w in vectors:
        total = int(accumulate(a[None, :], w[:, None], pair, max_depth=len(a))[0, 0])
        bits = pack(a, pair.activation.width), pack(w, pair.weight.width)
        yield Case(*bits, total, (a.tolist(), w.tolist()))


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


async def _stream(dut, latency: int, cases: Iterable[Case]) -> None:
    """A case every cycle; each sum is checked ``latency`` cycles later."""
    dut.rst.value = 0
    Clock(dut.clk, 10, unit="ns").start(start_high=False)
    await RisingEdge(dut.clk)  # the first falling edge is X → 0 in one simulator, none in another
    edge = FallingEdge(dut.clk)
    await edge
    pending: deque[Case] = deque()
    left: list[Case | None] = [*cases]
    for case in left + [None] * (latency - 1):
        if case is not None:
            dut.activations.value, dut.weights.value = case.activations, case.weights
            pending.append(case)
        await edge  # the clock rises between two falling edges
        if len(pending) == latency or case is None:
            due = pending.popleft()
            got = dut.o.value.to_signed()
            assert got == due.total, f"{due.name[0]} · {due.name[1]}: {got}, not {due.total}"
    assert not pending


@cocotb.test()
async def vectors(dut) -> None:
    given = parameters()
    pair = pair_of(given)
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    given_vectors = _vectors(pair, given["lanes"], rng, given["count"])
    await _stream(dut, given["latency"], _cases(pair, given_vectors))


@cocotb.test()
async def every_pair_of_codes(dut) -> None:
    """All products: lane 0 walks every pair, the others hold zeros."""
    given = parameters()
    pair = pair_of(given)
    every_a, every_w = all_codes(pair.activation), all_codes(pair.weight)
    products = accumulate(every_a[:, None], every_w[None, :], pair, max_depth=1)

    def walk() -> Iterator[Case]:
        for w, column in zip(every_w.tolist(), products.T.tolist()):
            for a, product in zip(every_a.tolist(), column):
                bits = a & ((1 << pair.activation.width) - 1), w & ((1 << pair.weight.width) - 1)
                yield Case(*bits, product, ([a], [w]))

    await _stream(dut, given["latency"], walk())


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

    await _stream(dut, given["latency"], _cases(pair, walk()))
