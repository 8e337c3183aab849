"""Runs that are to be stopped: by whom, why, where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from alembert.config.axi import AxiFault
from alembert.config.command import MachineFault
from alembert.config.isa import Instruction, Opcode, Unit
from alembert_golden.weights_layout import linear_words
from axi.memory import DECERR, SLVERR
from machine.host import Stop
from machine.small_job import COLUMNS, DEPTH, ROWS
from machine.world import World

__all__ = ["Case", "bus_faults", "faults_of_settings", "refused_instructions"]

RESPONSES = ((SLVERR, AxiFault.SLVERR), (DECERR, AxiFault.DECERR))
BEFORE = """\
    softmax rows=2 columns=8 a_address=0x600 a_stride=4 o_address=0x700 o_stride=4
    load rows=1 columns=4 o_address=0x20 o_stride=4
    linear rows=1 columns=4 depth=4 o_address=0x40 o_stride=1 a_address=0x50 a_stride=1 \
        memory_base=OUTPUT memory_offset=40
    barrier
"""
"""Every unit has done something when the instruction at fault comes, number 4."""
AFTER = """
    softmax rows=2 columns=8 a_address=0x600 a_stride=4 o_address=0x700 o_stride=4
    load rows=2 columns=4 o_address=0x20 o_stride=4
    halt
"""
PC = 4
READ, WRITE = MachineFault.DMA_READ, MachineFault.DMA_WRITE
WEIGHTS = MachineFault.WEIGHTS_READ


@dataclass
class Case:
    """A program, where memory refuses, registers that differ from the job's, and the end.

    Parameters
    ----------
    name : str
    program : str or list of int
        Text, or instructions as numbers.
    stop : Stop
        What the registers are to say.
    faulty : mapping of range to int
        Addresses and their response.
    settings : mapping of str to int
        Registers.
    word : int, optional
        Of the image, where the program begins.
    content : mapping of int to bytes
        What else is to be in memory, and is mapped.
    """

    name: str
    program: str | list[int]
    stop: Stop
    faulty: dict[range, int] = field(default_factory=dict)
    settings: dict[str, int] = field(default_factory=dict)
    word: int | None = None
    content: dict[int, bytes] = field(default_factory=dict)


def _between(text: str) -> str:
    return f"{BEFORE}{text}\n{AFTER}"


def bus_faults(world: World) -> Iterator[Case]:
    """Every client of the bus meets both responses, not in its first burst where it has several."""
    words, machine = world.job.words, world.machine
    axi, width = machine.axi, machine.scratchpad.word_width
    room = world.at("image", words["room"])

    def burst(address: int, count: int, which: int) -> tuple[range, int]:
        """A beat within one of a command's bursts, and that burst's address."""
        first, beats = axi.bursts(address, count, width)[which]
        beat = first + (beats - 1) * axi.beat_bytes
        return range(beat, beat + axi.beat_bytes), first

    layer = world.at("image", words["layer"])
    layer_words = linear_words(DEPTH, COLUMNS, machine.main, machine)
    scratch = world.at("scratch", 6)
    numbers = world.at("input", 1)
    output = world.at("output", 4)
    linear = (
        f"linear rows=3 columns={COLUMNS} depth={DEPTH} a_address=0x100 a_stride=4 "
        f"o_address=0x180 o_stride=8 kind=WIDE memory_offset={words['layer']}"
    )
    gather = (
        f"gather rows=LENGTH columns=4 o_address=0x100 o_stride=4 memory_offset={words['table']} "
        f"index_base=INPUT index_offset=1 index_limit={ROWS}"
    )
    load = "load rows=10 columns=4 o_address=0x100 o_stride=6 memory_base=SCRATCH memory_offset=6"
    store = "store rows=10 columns=4 a_address=0x100 a_stride=4 memory_base=OUTPUT memory_offset=4"
    # the second of the gather's row numbers
    number = int.from_bytes(world.job.input[2 * 4 : 3 * 4], "little")
    row = world.at("image", words["table"] + 4 * number)
    for response, detail in RESPONSES:
        # B belongs to a burst, whose first beat decides it
        first = axi.bursts(output, 40, width)[1][0]
        for name, text, fault, unit, (place, address) in (
            ("weights", linear, WEIGHTS, Unit.MATRIX, burst(layer, layer_words, 2)),
            ("load", load, READ, Unit.DMA, burst(scratch, 40, 1)),
            ("gather rows", gather, READ, Unit.DMA, burst(row, 4, 0)),
            ("gather numbers", gather, READ, Unit.DMA, burst(numbers, 3, 0)),
            ("store", store, WRITE, Unit.DMA, (range(first, first + axi.beat_bytes), first)),
        ):
            stop = Stop(fault, unit, detail, PC, address)
            yield Case(f"{name} {detail.name}", _between(text), stop, {place: response})
        for pc in (0, 5):
            at = room + 32 * pc
            yield Case(
                f"instruction {pc} {detail.name}",
                "barrier\n" * 7 + "halt",
                Stop(MachineFault.FETCH, detail=detail, pc=pc, address=at),
                {range(at + 28, at + 32): response},
            )
    # what is only read ahead is refused in another way than what is executed
    at = room + 32 * 20
    yield Case(
        "instruction behind a jump",
        "loop target=20 count=2\n" + "barrier\n" * 25 + "halt",
        Stop(MachineFault.FETCH, detail=AxiFault.DECERR, pc=20, address=at),
        {range(room + 32, room + 32 * 10): SLVERR, range(at, at + 32): DECERR},
    )


def _far(world: World) -> Iterator[Case]:
    """Addresses that the bus does not have, by offsets from a base that it has."""
    base = world.bus_end - 4096
    settings = {"scratch_base": base}
    codes = AxiFault.OUT_OF_RANGE
    far = "memory_base=SCRATCH memory_offset=1024"
    across = "memory_base=SCRATCH memory_offset=1020"
    for place, address in ((far, 0), (across, base + 4 * 1020)):
        for text, fault, unit in (
            ("load rows=2 columns=4 o_address=9 o_stride=4", READ, Unit.DMA),
            ("store rows=2 columns=4 a_address=9 a_stride=4", WRITE, Unit.DMA),
            (
                "linear rows=1 columns=4 depth=4 o_address=1 o_stride=1 a_stride=1",
                WEIGHTS,
                Unit.MATRIX,
            ),
        ):
            stop = Stop(fault, unit, codes, PC, address)
            name = f"{text.split()[0]} {'across' if address else 'beyond'} the bus's end"
            yield Case(name, _between(f"{text} {place}"), stop, settings=settings)
    text = "gather rows=2 columns=4 o_address=9 o_stride=4 index_base=SCRATCH index_offset=1024"
    stop = Stop(READ, Unit.DMA, codes, PC)
    yield Case("numbers beyond the bus", _between(text), stop, settings=settings)


def refused_instructions(world: World) -> Iterator[Case]:
    """What the command processor refuses, and row numbers that the DMA does."""
    machine = world.machine
    last = machine.scratchpad.words
    operand, address = MachineFault.OPERAND, MachineFault.ADDRESS
    softmax = "softmax rows=2 columns=8 a_stride=4 o_stride=4"
    matmul = "matmul rows=1 columns=1 depth=1 a_stride=1 b_stride=1 o_stride=1"
    halt = Instruction(Opcode.HALT).encode()
    load = Instruction(Opcode.LOAD, {"rows": 1, "columns": 1, "o_stride": 1}).encode()
    kind_3 = Instruction(Opcode.LINEAR, {"rows": 1, "columns": 1, "depth": 1}).encode() | 3 << 152
    for name, word, fault in (
        ("opcode 0", 0, MachineFault.ILLEGAL_OPCODE),
        ("opcode 255", 0xFF, MachineFault.ILLEGAL_OPCODE),
        ("a bit of halt's", halt | 1 << 200, operand),
        ("the last bit of load's", load | 1 << 255, operand),
        ("kind 3", kind_3, operand),
    ):
        yield Case(name, [load, word, load, halt], Stop(fault, pc=1))
    for text, fault, settings in (
        ("softmax rows=LENGTH columns=8 a_stride=4 o_stride=4", operand, {"length": 0}),
        ("softmax rows=2 columns=TARGETS a_stride=4 o_stride=4", operand, {"targets": 0}),
        (f"{softmax} kind=COLUMNS", operand, {}),
        # codes are not INT8
        (f"{softmax} kind=TOKEN", operand, {}),
        ("rescale rows=1 columns=2 a_stride=1 o_stride=1", operand, {}),
        ("softmax rows=2 columns=8 a_stride=4 o_stride=1", operand, {}),
        (f"{softmax} a_address={last - 7}", address, {}),
        (f"{softmax} o_address={last - 7}", address, {}),
        ("load rows=LENGTH columns=1 o_stride=1", address, {"length": last + 1}),
        ("load rows=LENGTH columns=4 o_stride=4 pitch=12", operand, {"length": 4}),
        (
            "store rows=TARGETS columns=2 a_stride=2 memory_base=OUTPUT pitch=6",
            operand,
            {"targets": 4},
        ),
        (f"softmax rows=1 columns={machine.longest_row + 1} a_stride=64 o_stride=64", operand, {}),
        (f"entropy rows=1 columns={machine.max_classes + 1}", operand, {}),
        ("entropy rows=1 columns=1", operand, {}),
        (f"{matmul} unit=1", operand, {}),
        ("linear rows=1 columns=1 depth=1 a_stride=1 o_stride=1 unit=1", operand, {}),
    ):
        yield Case(text, _between(text), Stop(fault, pc=PC), settings=settings)
    gather = "gather rows=2 columns=4 o_stride=4 index_base=INPUT"
    yield Case(
        "row number at its limit",
        _between(f"{gather} index_limit={ROWS}"),
        Stop(MachineFault.INDEX, Unit.DMA, 0, PC),
        content={world.at("input", 0): (0).to_bytes(4, "little") + ROWS.to_bytes(4, "little")},
    )
    # nothing but zeros behind the program; or nothing at all; or barriers to the last number
    yield Case("no halt", "barrier\n" * 3, Stop(MachineFault.ILLEGAL_OPCODE, pc=3))
    end = world.bases["image"] + world.sizes["image"]
    word = (world.sizes["image"] - 3 * 32) // machine.word_bytes
    stop = Stop(MachineFault.FETCH, detail=AxiFault.DECERR, pc=3, address=end)
    yield Case("no halt at the end", "barrier\n" * 3, stop, word=word)
    yield Case(
        "no instruction 65536",
        "loop target=65534 count=2",
        Stop(MachineFault.FETCH, pc=65536),
        content={
            world.at("image", world.job.words["room"] + 8 * 65534): (b"\2" + bytes(31)) * 2
            + bytes(64)
        },
    )


def faults_of_settings(world: World) -> Iterator[Case]:
    """Bases that no bus has, or between two words; a program beyond the bus; offsets beyond it."""
    end = world.bus_end
    for name in ("image", "input", "output", "scratch"):
        for base, detail in (
            (end, AxiFault.OUT_OF_RANGE),
            ((1 << 63) + world.bases[name], AxiFault.OUT_OF_RANGE),
            (world.bases[name] + 2, AxiFault.MISALIGNED),
        ):
            stop = Stop(READ, Unit.DMA, detail)
            yield Case(f"{name} base {base:#x}", "halt", stop, settings={f"{name}_base": base})
    fetch = MachineFault.FETCH
    beyond = Stop(fetch, detail=AxiFault.OUT_OF_RANGE)
    for base, word in ((end - 64, 16), (end - 4, 0xFFFF_FFFF), (end - 64, 17)):
        settings = {"image_base": base, "program": word}
        yield Case(f"program at {base:#x} + {word:#x} words", "halt", beyond, settings=settings)
    # the bus's last instruction is executed, and then there is none
    yield Case(
        "program over the bus's end",
        "halt",
        Stop(fetch, detail=AxiFault.OUT_OF_RANGE, pc=1),
        settings={"image_base": end - 64, "program": 8},
        content={end - 32: b"\2" + bytes(31)},
    )
    yield from _far(world)
