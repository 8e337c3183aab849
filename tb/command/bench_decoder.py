"""cocotb side of test_decoder."""

from __future__ import annotations

import random

import cocotb
from alembert.command import Decoder, ranges_layout
from alembert.config import IntegerFormat
from alembert.config.command import MachineFault
from alembert.config.isa import OPERANDS, Opcode, Unit
from amaranth.lib import data
from cocotb.triggers import ClockCycles, RisingEdge
from command.instructions import anything, legal
from command.machines import MACHINES
from command.oracle import Registers, examine
from support.parameters import parameters
from support.streams import start


def _ranges(word: int, layout: data.StructLayout) -> dict[str, tuple[int, int]]:
    view = layout.from_bits(word)
    return {name: (int(view[name].first), int(view[name].end)) for name, _ in layout}


async def _decode(dut, word: int, registers: Registers) -> None:
    dut.word.value = word
    dut.length.value = registers.length
    dut.targets.value = registers.targets
    dut.i_begin.value = 1
    await RisingEdge(dut.clk)
    dut.i_begin.value = 0
    # registers may change once decoding has begun
    dut.length.value = 0
    dut.targets.value = 0
    for _ in range(Decoder.latency - 1):
        await RisingEdge(dut.clk)
        assert not dut.done.value
    await RisingEdge(dut.clk)
    assert dut.done.value


@cocotb.test()
async def equals_the_oracle(dut) -> None:
    """Instructions near every limit, one directly after the other."""
    given = parameters()
    machine = MACHINES[given["machine"]]
    layout = ranges_layout(machine.scratchpad)
    rng = random.Random(cocotb.RANDOM_SEED)
    await start(dut)
    seen: dict[tuple[Opcode | None, MachineFault], int] = {}
    for _ in range(given["instructions"]):
        word = anything(rng, machine)
        if rng.random() < 0.3:
            word = legal(rng, machine).encode()
        registers = Registers(rng.choice([0, 1, 5, 64, 0xFFFF]), rng.choice([0, 1, 3, 0xFFFF]))
        await _decode(dut, word, registers)
        want = examine(word, machine, registers)
        fault = MachineFault(int(dut.fault.value))
        what = f"{word:#066x} with {registers}"
        opcode = Opcode(word & 0xFF) if word & 0xFF in set(Opcode) else None
        seen[opcode, fault] = seen.get((opcode, fault), 0) + 1
        if isinstance(want, MachineFault):
            assert fault == want, f"{what}: {fault.name}, not {want.name}"
            continue
        assert fault is MachineFault.NONE, f"{what}: {fault.name}, not legal"
        assert Unit(int(dut.unit.value)) is want.unit
        substituted = int(dut.substituted.value)
        for name, value in want.values.items():
            assert OPERANDS[name].extract(substituted) == value, f"{what}: {name}"
        ranges = _ranges(int(dut.ranges.value), layout)
        got = tuple(each for each in ranges.values() if each != (0, 0))
        assert got == want.writes + want.reads, f"{what}: {ranges}"
        await ClockCycles(dut.clk, rng.randrange(2))
    for opcode in Opcode:
        if opcode is Opcode.RESCALE and machine.fmt != IntegerFormat():
            assert {fault for op, fault in seen if op is opcode} == {MachineFault.OPERAND}
            continue
        for fault in (MachineFault.NONE, MachineFault.OPERAND):
            assert seen.get((opcode, fault)), f"{opcode.name} was never {fault.name}"
    assert seen.get((None, MachineFault.ILLEGAL_OPCODE))
    there = 9 + 1 + (machine.fmt == IntegerFormat())  # with TANH, and RESCALE
    assert sum(seen.get((op, MachineFault.ADDRESS), 0) > 0 for op in Opcode) == there
