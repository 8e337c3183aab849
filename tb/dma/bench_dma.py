"""DMA instructions on a memory that answers as AXI allows; all of both memories is compared."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import MappingProxyType

import cocotb
import numpy as np
from alembert.command.layouts import instruction_layout
from alembert.config.axi import AxiFault
from alembert.config.dma import DmaFault
from alembert.config.isa import Instruction, MemoryBase, Opcode, Unit
from alembert.dma import DmaEngine
from alembert_golden import dma
from alembert_golden.decoder import Resolved, check
from alembert_golden.memory_image import ExternalMemory
from axi.checker import Checker
from axi.memory import DECERR, OKAY, SLVERR, Memory
from cocotb.triggers import ClockCycles, RisingEdge
from dma.probe import CLIENTS, MACHINES
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, start

REGION_WORDS = 1024
"""Words of each region of memory; several pages."""


def _pack(layout, values: dict[str, int]) -> int:
    """A struct's bits."""
    word = 0
    for name, field in layout:
        word |= (values.get(name, 0) & (1 << field.width) - 1) << field.offset
    return word


class Bench:
    """Device, memory, and the golden images of both memories."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.machine = MACHINES[parameters()["machine"]]
        self.bytes = self.machine.word_bytes
        self.memory = Memory(dut, self.machine.axi)
        self.checker = Checker(dut, self.machine.axi, CLIENTS)
        size = REGION_WORDS * self.bytes
        # no multiples of a page, and not in the order of their numbers
        order = (2, 0, 3, 1)
        self.bases = {
            base: place * (size + 4096) + 1024 + 32 * self.bytes * base
            for base, place in zip(MemoryBase, order)
        }
        self.pad = np.zeros((1, self.machine.scratchpad.words, self.bytes), dtype=np.uint8)
        regions = {base: self._seen(base) for base in MemoryBase}
        self.golden = ExternalMemory(
            regions[MemoryBase.IMAGE][0],
            MappingProxyType({b: r for b, r in regions.items() if b != MemoryBase.IMAGE}),
            self.bytes,
        )

    def _seen(self, base: MemoryBase) -> np.ndarray:
        """A region as the memory has it, [1, bytes]."""
        beat = self.machine.axi.beat_bytes
        places = range(self.bases[base], self.bases[base] + REGION_WORDS * self.bytes, beat)
        joined = b"".join(map(self.memory.beat, places))
        return np.frombuffer(joined, dtype=np.uint8).copy()[np.newaxis]

    def write_numbers(self, offset: int, numbers: Sequence[int]) -> None:
        """A list of row numbers from a word of INPUT on, in both memories."""
        raw = np.asarray(numbers, dtype="<u4").tobytes()
        raw += bytes(-len(raw) % self.bytes)
        at, beat = offset * self.bytes, self.machine.axi.beat_bytes
        region = self.golden.regions[MemoryBase.INPUT]
        region[0, at : at + len(raw)] = np.frombuffer(raw, dtype=np.uint8)
        for k in range(0, len(raw), beat):
            place = self.bases[MemoryBase.INPUT] + at + k
            self.memory.written[place] = raw[k : k + beat]

    @classmethod
    async def begin(cls, dut, *, monitor: bool = True) -> Bench:
        """Reset, a monitor unless instructions are to be taken back, random words on chip."""
        await start(dut)
        bench = cls(dut)
        names = {base: base.name.lower() for base in MemoryBase}
        layout = [(name, bench.bases[base]) for base, name in names.items()]
        width = bench.machine.axi.address_width
        dut.bases.value = sum(place << width * k for k, (_, place) in enumerate(layout))
        bench.memory.behave()
        if monitor:
            Monitor(dut, "instruction")
        await bench.fill()
        return bench

    async def fill(self) -> None:
        """New random words in the scratchpad."""
        rng = np.random.default_rng(random.getrandbits(32))
        self.pad[:] = rng.integers(0, 256, self.pad.shape, dtype=np.uint8)
        width, address = 8 * self.bytes, self.machine.scratchpad.address_width
        await Source(self.dut, "load").send(
            place
            | int.from_bytes(word.tobytes(), "little") << address
            | ((1 << self.bytes) - 1) << (address + width)
            for place, word in enumerate(self.pad[0])
        )

    def execute(self, instruction: Instruction, pass_number: int) -> None:
        """By the golden model."""
        resolved = Resolved(instruction, MappingProxyType(check(instruction, self.machine)))
        given = (resolved, self.pad, self.golden, self.machine)
        match instruction.opcode:
            case Opcode.LOAD:
                dma.load(*given, pass_number=pass_number)
            case Opcode.STORE:
                dma.store(*given, pass_number=pass_number)
            case _:
                dma.gather(*given)

    async def send(self, program: Sequence[tuple[Instruction, int]], *, idle: str = "never"):
        """Instructions with their pass numbers, one after the other."""
        layout = instruction_layout(Unit.DMA)
        await Source(self.dut, "instruction", idle=idle).send(
            _pack(layout, {"opcode": each.opcode, "pass_number": number, **each.operands})
            for each, number in program
        )

    async def run(self, program: Sequence[tuple[Instruction, int]], *, idle: str = "never") -> int:
        """Device and golden model, then compare everything; returns the cycles."""
        for instruction, number in program:
            self.execute(instruction, number)
        task = cocotb.start_soon(self.send(program, idle=idle))
        cycles, ended = 0, 0
        while ended < len(program):
            await RisingEdge(self.dut.clk)
            cycles += 1
            ended += int(self.dut.done.value)
            assert cycles < 200_000, f"{ended} of {len(program)} instructions ended"
        await task
        await RisingEdge(self.dut.clk)
        assert self.dut.fault.value == DmaFault.NONE
        assert self.dut.busy.value == 0
        await self.compare()
        return cycles

    async def compare(self) -> None:
        """Every word of the scratchpad, and of the regions, is the golden model's."""
        count = len(self.pad[0])
        task = cocotb.start_soon(Source(self.dut, "peek_i").send(range(count)))
        got = await Sink(self.dut, "peek_o").receive(count)
        await task
        for place, word in enumerate(self.pad[0]):
            expected = int.from_bytes(word.tobytes(), "little")
            assert got[place] == expected, f"word {place}: {got[place]:#x}, not {expected:#x}"
        for base in MemoryBase:
            assert (self._seen(base) == self.golden.region(base)).all(), base.name
        starts = [self.bases[base] for base in MemoryBase]
        for place in self.memory.written:
            assert any(0 <= place - s < REGION_WORDS * self.bytes for s in starts), hex(place)
        await ClockCycles(self.dut.clk, 5)
        assert self.dut.done.value == 0

    def anything(self) -> tuple[Instruction, int]:
        """A legal instruction and the number of a pass."""
        words = len(self.pad[0])
        columns = random.choice([1, 2, 3, 8, 13])
        rows = random.choice([1, 2, 5, 7])
        stride = columns + random.choice([0, 0, 1, 4])
        operands = {"rows": rows, "columns": columns}
        # a pitch is 0, or at least what is moved
        number, size = random.choice([1, 1, 2, 7]), rows * columns
        pitch = random.choice([0, size, size + 36])
        last = REGION_WORDS - rows * columns - (number - 1) * pitch
        place = random.randrange(words - rows * stride + 1)
        opcode = random.choice([Opcode.LOAD, Opcode.STORE, Opcode.GATHER])
        if opcode is Opcode.STORE:
            operands |= {"a_address": place, "a_stride": stride, "pitch": pitch}
            operands["memory_base"] = random.choice([MemoryBase.OUTPUT, MemoryBase.SCRATCH])
        else:
            operands |= {"o_address": place, "o_stride": stride}
            operands["memory_base"] = random.choice(list(MemoryBase))
        if opcode is Opcode.LOAD:
            operands["pitch"] = pitch
        operands["memory_offset"] = random.randrange(last + 1)
        if opcode is Opcode.GATHER:
            offset = random.randrange(64)
            limit = random.randrange(1, 1 + (REGION_WORDS - 200) // columns)
            operands["memory_offset"] = random.randrange(REGION_WORDS - limit * columns + 1)
            operands |= {"index_base": MemoryBase.INPUT, "index_offset": offset}
            operands["index_limit"] = limit
            self.write_numbers(offset, [random.randrange(limit) for _ in range(rows)])
        return Instruction(opcode, operands), number


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def programs_at_random(dut) -> None:
    """Every pattern of pauses on every channel, late and shuffled answers."""
    bench = await Bench.begin(dut)
    names = list(PATTERNS)
    for k, (idle, stall) in enumerate((i, s) for i in names for s in names):
        bench.memory.behave(
            latency=lambda: random.choice([1, 2, 40]),
            answer=lambda: random.choice([1, 30]),
            order=("in_order", "shuffled", "interleaved")[k % 3],
            pauses={"ar": stall, "aw": stall, "w": stall, "r": idle, "b": idle},
        )
        # numbers of a gather are written before the program starts: one gather at most
        program = [bench.anything() for _ in range(3)]
        gathers = [each for each, _ in program if each.opcode is Opcode.GATHER]
        while len(gathers) > 1:
            program = [bench.anything() for _ in range(3)]
            gathers = [each for each, _ in program if each.opcode is Opcode.GATHER]
        await bench.run(program, idle=idle)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_gather_reads_what_the_store_before_it_wrote(dut) -> None:
    """Even if memory is slow to write; the same row twice, the first, the last."""
    bench = await Bench.begin(dut)
    bench.memory.behave(answer=lambda: 60, latency=lambda: 3)
    columns, rows = 3, 9
    numbers = [4, 4, 0, rows - 1, 2]
    bench.write_numbers(5, numbers)
    scratch = {"memory_base": MemoryBase.SCRATCH, "memory_offset": 11}
    a = {"rows": rows, "columns": columns, "a_address": 7, "a_stride": 4, **scratch}
    index = {"index_base": MemoryBase.INPUT, "index_offset": 5, "index_limit": rows}
    o = {"rows": len(numbers), "columns": columns, "o_address": 90, "o_stride": 5}
    await bench.run(
        [
            (Instruction(Opcode.STORE, a), 1),
            (Instruction(Opcode.GATHER, {**o, **scratch, **index}), 1),
        ]
    )
    for k, number in enumerate(numbers):
        for word in range(columns):
            moved = bench.pad[0, 90 + 5 * k + word], bench.pad[0, 7 + 4 * number + word]
            assert (moved[0] == moved[1]).all()


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def rows_stream_as_fast_as_the_bus(dut) -> None:
    """A long LOAD, a long STORE, a GATHER of short rows, at a latency that bursts can span."""
    bench = await Bench.begin(dut)
    axi = bench.machine.axi
    latency = min(axi.latency, axi.outstanding * axi.max_burst - 5)
    bench.memory.behave(latency=lambda: latency, answer=lambda: latency)
    beats = 8 * bench.bytes // bench.machine.axi.data_width
    rows = {"rows": 12, "columns": 8}
    for opcode, place in ((Opcode.LOAD, "o"), (Opcode.STORE, "a")):
        operands = {**rows, f"{place}_stride": 8, "memory_base": MemoryBase.SCRATCH}
        cycles = await bench.run([(Instruction(opcode, operands), 1)])
        spent = cycles - 96 * beats
        dut._log.info("%s: %d cycles beyond its %d beats", opcode.name, spent, 96 * beats)
        assert spent <= 60 + latency, f"{opcode.name}: {cycles} cycles"
    bench.write_numbers(0, [(7 * k) % 12 for k in range(12)])
    index = {"index_base": MemoryBase.INPUT, "index_limit": 12, "o_stride": 8}
    cycles = await bench.run([(Instruction(Opcode.GATHER, {**rows, **index}), 1)])
    dut._log.info("GATHER: %d cycles for %d beats", cycles, 96 * beats)
    # as fast again, once numbers have come; but for words of one beat finding the row takes longer
    per_row = max(8 * beats, DmaEngine.row_cycles(8))
    assert cycles <= 12 * per_row + 60 + 2 * latency, f"GATHER: {cycles} cycles"


async def _until_fault(bench: Bench, instruction: Instruction, pass_number: int = 1) -> None:
    task = cocotb.start_soon(bench.send([(instruction, pass_number)]))
    for _ in range(3000):
        await RisingEdge(bench.dut.clk)
        if bench.dut.fault.value != DmaFault.NONE:
            break
    else:
        raise AssertionError("no fault")
    await ClockCycles(bench.dut.clk, 300)
    task.cancel()


async def _recover(bench: Bench) -> None:
    """What a soft reset does: drain, wait for idle, reset; then everything works again."""
    dut = bench.dut
    dut.instruction_valid.value = 0
    dut.drain.value = 1
    for _ in range(2000):
        await RisingEdge(dut.clk)
        if dut.idle.value:
            break
    else:
        raise AssertionError("never idle")
    dut.rst.value = 1
    await ClockCycles(dut.clk, 2)
    dut.rst.value = 0
    dut.drain.value = 0
    bench.memory.behave()
    await RisingEdge(dut.clk)
    assert dut.fault.value == DmaFault.NONE
    await bench.fill()
    for base in (MemoryBase.OUTPUT, MemoryBase.SCRATCH):
        bench.golden.regions[base][:] = bench._seen(base)
    await bench.run([bench.anything()])


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def every_fault_has_a_name_and_an_end(dut) -> None:
    """Refused reads and writes, a row number too large, addresses beyond the bus."""
    bench = await Bench.begin(dut, monitor=False)
    bases, size = bench.bases, bench.bytes
    rows = {"rows": 3, "columns": 4, "o_address": 8, "o_stride": 4}
    load = {**rows, "memory_base": MemoryBase.SCRATCH, "memory_offset": 6}
    store = {"rows": 3, "columns": 4, "a_stride": 4, "memory_base": MemoryBase.OUTPUT}
    index = {"index_base": MemoryBase.INPUT, "index_offset": 2, "index_limit": 5}
    gather = {**rows, **index, "memory_base": MemoryBase.IMAGE}
    far = 0xFFFF_FFFF

    def region(base: MemoryBase, resp: int):
        first = bases[base]
        return lambda place: resp if 0 <= place - first < REGION_WORDS * size else OKAY

    for opcode, operands, base, resp, fault, detail in (
        (Opcode.LOAD, load, "SCRATCH", SLVERR, DmaFault.READ, AxiFault.SLVERR),
        (Opcode.STORE, store, "OUTPUT", DECERR, DmaFault.WRITE, AxiFault.DECERR),
        (Opcode.GATHER, gather, "IMAGE", DECERR, DmaFault.READ, AxiFault.DECERR),
        (Opcode.GATHER, gather, "INPUT", SLVERR, DmaFault.READ, AxiFault.SLVERR),
    ):
        bench.write_numbers(2, [0, 4, 1])  # anew: what ran since has written its own
        bench.memory.behave(response=region(MemoryBase[base], resp))
        await _until_fault(bench, Instruction(opcode, operands))
        assert (dut.fault.value, dut.detail.value) == (fault, detail), opcode.name
        place = int(dut.fault_address.value) - bases[MemoryBase[base]]
        assert 0 <= place < REGION_WORDS * size, f"{opcode.name}: {place:#x}"
        await _recover(bench)

    bench.write_numbers(2, [0, 5, 1])
    asked = len(bench.checker.reads)
    await _until_fault(bench, Instruction(Opcode.GATHER, gather))
    assert dut.fault.value == DmaFault.INDEX
    table = [a for n, a, _ in bench.checker.reads[asked:] if n == 0]
    assert len(table) == 1, "nothing is read for the row at fault, nor after it"
    await _recover(bench)

    bench.write_numbers(2, [0, 4, 1])
    beyond = AxiFault.OUT_OF_RANGE
    for opcode, operands, pass_number, fault in (
        (Opcode.LOAD, {**load, "memory_offset": far, "pitch": far}, 65535, DmaFault.READ),
        (Opcode.STORE, {**store, "memory_offset": far, "pitch": far}, 65535, DmaFault.WRITE),
    ):
        await _until_fault(bench, Instruction(opcode, operands), pass_number)
        assert (dut.fault.value, dut.detail.value) == (fault, beyond), opcode.name
        await _recover(bench)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def drained_in_mid_burst(dut) -> None:
    """A reset at any time, after a drain, leaves no burst behind and nothing broken."""
    bench = await Bench.begin(dut, monitor=False)
    for cycles in range(5, 120, 9):
        bench.memory.behave(latency=lambda: 20, answer=lambda: 20)
        program = [bench.anything()]
        task = cocotb.start_soon(bench.send(program))
        await ClockCycles(dut.clk, cycles)
        task.cancel()
        await _recover(bench)
        assert not bench.memory.busy
