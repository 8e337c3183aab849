"""cocotb side of test_scaler: values through the probe, with pauses, against golden."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import cocotb
import numpy as np
from alembert_golden.scaler import scale
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge
from support.parameters import parameters

_EXHAUSTIVE_BITS = 12


def _cases(given: dict, rng: np.random.Generator) -> Iterator[tuple[int, int, int, bool]]:
    """Every value, factor and shift where they are few; else corners, then random ones."""
    width, factor_width = given["width"], given["factor_width"]
    half, factors, shifts = 1 << (width - 1), 1 << factor_width, 1 << given["shift_width"]
    if width + factor_width + given["shift_width"] <= _EXHAUSTIVE_BITS:
        for case in product(range(-half, half), range(factors), range(shifts)):
            yield *case, False
    values = (-half, 1 - half, -2, -1, 0, 1, 2, half - 1)
    corners = (0, 1, 2, 3, factors // 3, factors // 2 - 1, factors // 2, factors - 1)
    for value, factor, shift in product(values, corners, (0, 1, shifts // 2, shifts - 1)):
        yield value, factor, shift, False
        yield value, factor, shift, True
    for _ in range(given["count"]):
        value = int(rng.integers(-half, half)) >> int(rng.integers(width))
        factor = int(rng.integers(factors)) >> int(rng.integers(factor_width))
        if rng.random() < 0.3:  # ties
            factor = 1 << int(rng.integers(factor_width))
        # most shifts leave a result that is neither all sign nor saturated
        size = (abs(value) * factor).bit_length() - given["out_width"]
        shift = int(np.clip(size + rng.integers(-1, given["out_width"] + 2), 0, shifts - 1))
        yield value, factor, shift, rng.random() < 0.05


def _expected(case: tuple[int, int, int, bool], out_width: int) -> int:
    value, factor, shift, saturate = case
    if saturate:
        half = 1 << (out_width - 1)
        return 0 if value == 0 else half - 1 if value > 0 else -half
    return int(scale(value, factor, shift, out_width))


def _is_saturated(case: tuple[int, int, int, bool], out_width: int) -> bool:
    value, factor, shift, saturate = case
    if saturate:
        return value != 0
    exact, half = Fraction(value * factor, 1 << shift), 1 << (out_width - 1)
    return exact < -half or round(exact) >= half


@cocotb.test()
async def values(dut) -> None:
    given = parameters()
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    mask = (1 << given["width"]) - 1
    dut.rst.value = 0
    Clock(dut.clk, 10, unit="ns").start(start_high=False)
    await RisingEdge(dut.clk)
    await FallingEdge(dut.clk)
    under_way: list[tuple] = []
    checked = 0
    drain = [(0, 0, 0, False)] * given["latency"]
    for case in [*_cases(given, rng), *drain]:
        dut.enable.value = 0
        while rng.random() < 0.2:  # nothing may move, whatever is at the inputs
            dut.value.value = int(rng.integers(mask + 1))
            await FallingEdge(dut.clk)
        value, factor, shift, saturate = case
        dut.value.value = value & mask
        dut.factor.value = factor
        dut.shift.value = shift
        dut.saturate.value = int(saturate)
        dut.enable.value = 1
        under_way.append(case)
        await FallingEdge(dut.clk)
        if len(under_way) == given["latency"]:
            case = under_way.pop(0)
            want, got = _expected(case, given["out_width"]), dut.o.value.to_signed()
            assert got == want, f"value, factor, shift, saturate {case}: {got}, not {want}"
            assert dut.saturated.value == _is_saturated(case, given["out_width"]), f"{case}"
            checked += 1
    dut._log.info("%d results", checked)
    assert checked > given["count"]
