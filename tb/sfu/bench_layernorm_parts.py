"""cocotb side of test_layernorm: the reciprocal root and the squarers alone."""

from __future__ import annotations

import random

import cocotb
from alembert.config.layernorm import LayerNormConfig
from alembert.sfu.inverse_root import InverseRoot
from alembert.sfu.squarer import Squarer
from alembert_golden.layernorm import inverse_root
from cocotb.triggers import RisingEdge
from support.parameters import parameters
from support.streams import start, unpack

GIVEN = parameters()
COUNT = GIVEN.pop("count")
CONFIG = LayerNormConfig(**GIVEN)
WIDTHS = (7, 8, CONFIG.width)


def variances() -> list[int]:
    """The ends of every octave and of every chord, then any."""
    values = [0, *(e for bit in range(CONFIG.variance_width) for e in ((1 << bit) - 1, 1 << bit))]
    nodes = 2 << CONFIG.TABLE_BITS
    for base in (30, 31):
        for chord in range(nodes // 2, nodes):
            node = chord << (base - CONFIG.TABLE_BITS)
            values += [node, node - 1, node + (1 << 17)]
    while len(values) < COUNT:
        values.append(random.getrandbits(random.randint(1, CONFIG.variance_width)))
    return values


def numbers(count: int) -> list[int]:
    """Every one of nine bits, the limits, then any."""
    half = 1 << (CONFIG.width - 1)
    values = [*range(-256, 256), half - 1, -half, -half + 1]
    return values + [random.randrange(-half, half) for _ in range(count - len(values))]


def square(value: int, width: int) -> int:
    half = 1 << (width - 1)
    return (((value + half) & (2 * half - 1)) - half) ** 2


@cocotb.test()
async def every_chord_and_every_octave(dut) -> None:
    await start(dut)
    given = variances()
    root, exponent = (part.tolist() for part in inverse_root(given, CONFIG))
    # what is read after an edge is what stood before it
    latency = InverseRoot(CONFIG).latency
    for cycle in range(len(given) + latency):
        dut.i_variance.value = given[min(cycle, len(given) - 1)]
        await RisingEdge(dut.clk)
        if cycle >= latency:
            k = cycle - latency
            got = (int(dut.o_root.value), int(dut.o_exponent.value))
            assert got == (root[k], exponent[k]), f"D = {given[k]}: {got}"


@cocotb.test()
async def squares(dut) -> None:
    await start(dut)
    given = numbers(COUNT)
    mask = (1 << CONFIG.width) - 1
    for cycle in range(len(given) + Squarer.latency):
        dut.i_value.value = given[min(cycle, len(given) - 1)] & mask
        await RisingEdge(dut.clk)
        if cycle >= Squarer.latency:
            value = given[cycle - Squarer.latency]
            got = unpack(int(dut.o_squares.value), 2 * CONFIG.width, len(WIDTHS))
            assert got == [square(value, width) for width in WIDTHS], f"of {value}"
