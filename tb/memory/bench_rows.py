"""cocotb side of test_rows."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import cocotb
from alembert.config.memory import ScratchpadConfig, WalkerConfig
from alembert.memory import ReadPort, RowReader, RowWriter
from alembert_golden.scratchpad import walk
from cocotb.triggers import ClockCycles, RisingEdge
from cocotb.utils import get_sim_time
from memory.loops import Command, command_word
from memory.ports import expand
from support.parameters import parameters
from support.streams import PATTERNS, PERIOD_NS, Monitor, Sink, Source, pack, start

CONFIG = ScratchpadConfig(**parameters()["config"])
WALKER = WalkerConfig(**parameters()["walker"])
ALL_CODES = (1 << CONFIG.codes) - 1
WORDS = [0] * CONFIG.words
"""What is stored, from one test to the next."""
STREAMS = ("write_command", "i", "command", "o", "deep_i", "deep_o", "shallow_i", "shallow_o")


async def begin(dut, *, monitors: bool = True) -> None:
    await start(dut)
    for name in STREAMS if monitors else ():
        Monitor(dut, name)


def rows_command() -> Command:
    """Rows of a tensor that has room, or its columns, or its rows backwards."""
    rows, words = random.randint(1, 6), random.randint(1, 6)
    stride = random.randint(words, 9)
    first = random.randrange(CONFIG.words - (rows - 1) * stride - words + 1)
    end = first + (rows - 1) * stride
    return random.choice(
        [
            Command(first, (rows, words), (stride, 1)),
            Command(first, (words, rows), (1, stride)),
            Command(end, (rows, words), (-stride, 1)),
        ]
    )


def write_beats(command: Command, *, keep_some: bool = True) -> list[int]:
    """Random words for a command, some of them masked; stores them."""
    beats = []
    for address in walk(command.address, command.counts, command.increments, WALKER)[0].tolist():
        word = random.getrandbits(CONFIG.word_width)
        mask = random.getrandbits(CONFIG.codes) if keep_some else ALL_CODES
        bits = expand(mask)
        WORDS[address] = (WORDS[address] & ~bits) | (word & bits)
        beats.append(word | mask << CONFIG.word_width)
    return beats


def read_beats(command: Command) -> list[int]:
    """Words of a command, above each the flags of its loops."""
    addresses, last = walk(command.address, command.counts, command.increments, WALKER)
    return [
        WORDS[address] | pack(flags, 1) << CONFIG.word_width
        for address, flags in zip(addresses.tolist(), last.tolist())
    ]


def words_of(commands: list[Command]) -> list[int]:
    return [command_word(command, WALKER) for command in commands]


async def write(
    dut,
    commands: list[Command],
    *,
    idle: str = "never",
    data_idle: str = "never",
    keep_some: bool = True,
) -> None:
    """Write and wait for ``done`` of every command."""
    beats = [beat for c in commands for beat in write_beats(c, keep_some=keep_some)]
    count = 0

    async def count_done() -> None:
        nonlocal count
        while True:
            await RisingEdge(dut.clk)
            count += int(dut.done.value)

    counting = cocotb.start_soon(count_done())
    sending = cocotb.start_soon(Source(dut, "write_command", idle=idle).send(words_of(commands)))
    await Source(dut, "i", idle=data_idle).send(beats)
    await sending
    await ClockCycles(dut.clk, 4)
    counting.cancel()
    assert count == len(commands)


async def read(dut, commands: list[Command], *, idle: str = "never", stall: str = "never"):
    """Read and compare; the times of the first command and of the last word, ns."""
    source, sink = Source(dut, "command", idle=idle), Sink(dut, "o", stall=stall)
    sending = cocotb.start_soon(source.send(words_of(commands)))
    want = [beat for command in commands for beat in read_beats(command)]
    assert await sink.receive(len(want)) == want
    await sending
    assert source.first_time is not None
    assert sink.last_time is not None
    return source.first_time, sink.last_time


async def read_words(
    dut, name: str, addresses: list[int], *, idle: str = "never", stall: str = "never"
) -> int:
    """Read single words, tagged where the port has tags; the cycles from first to last."""
    tags = [random.getrandbits(3) if name == "deep" else 0 for _ in addresses]
    beats = [a | tag << CONFIG.address_width for a, tag in zip(addresses, tags)]
    want = [WORDS[a] | tag << CONFIG.word_width for a, tag in zip(addresses, tags)]
    source = Source(dut, f"{name}_i", idle=idle)
    sink = Sink(dut, f"{name}_o", stall=stall)
    sending = cocotb.start_soon(source.send(beats))
    assert await sink.receive(len(want)) == want
    await sending
    assert source.first_time is not None
    assert sink.last_time is not None
    return round((sink.last_time - source.first_time) / PERIOD_NS)


@contextlib.contextmanager
def rival(dut, idle: str) -> Iterator[None]:
    """Random words asked for at the most urgent port, meanwhile."""

    def addresses() -> Iterator[int]:
        while True:
            yield random.randrange(CONFIG.words)

    task = cocotb.start_soon(Source(dut, "rival_request", idle=idle).send(addresses()))
    yield
    task.cancel()
    dut.rival_request_valid.value = 0


@cocotb.test(timeout_time=500, timeout_unit="us")
async def every_pattern(dut) -> None:
    """Tensors written and read in any order of their words, with and without a rival."""
    await begin(dut)
    for idle in PATTERNS:
        for stall in PATTERNS:
            await write(dut, [rows_command() for _ in range(3)], idle=idle, data_idle=stall)
            commands = [rows_command() for _ in range(4)]
            with contextlib.nullcontext() if idle == stall else rival(dut, "random"):
                await read(dut, commands, idle=idle, stall=stall)
            await Sink(dut, "o").expect_silence(RowReader.latency + 3)


@cocotb.test(timeout_time=500, timeout_unit="us")
async def every_pattern_of_single_words(dut) -> None:
    """Both read ports and a rival at once."""
    await begin(dut)
    for idle in PATTERNS:
        for stall in PATTERNS:
            with rival(dut, "bursts"):
                tasks = [
                    cocotb.start_soon(
                        read_words(
                            dut,
                            name,
                            random.choices(range(CONFIG.words), k=30),
                            idle=idle,
                            stall=stall,
                        )
                    )
                    for name in ("deep", "shallow")
                ]
                for task in tasks:
                    await task
    for name in ("deep", "shallow"):
        await Sink(dut, f"{name}_o").expect_silence(ReadPort.latency + 3)


@cocotb.test(timeout_time=500, timeout_unit="us")
async def reading_while_writing(dut) -> None:
    """Both ways at once, through separate words."""
    await begin(dut)
    half = CONFIG.words // 2
    await write(dut, [Command(0, (1, half), (0, 1))])
    writing = cocotb.start_soon(write(dut, [Command(half, (4, half // 4), (8, 1))] * 5))
    await read(dut, [Command(0, (half // 4, 4), (4, 1))] * 5, stall="random")
    await writing
    await read(dut, [Command(0, (1, CONFIG.words - 1), (0, 1))])


@cocotb.test(timeout_time=500, timeout_unit="us")
async def latency_and_throughput(dut) -> None:
    """A word a cycle from the first to the last, across commands; room for few takes longer."""
    await begin(dut)
    commands = [Command(k, (3, 1 + k), (5, 1)) for k in range(8)]
    count = sum(len(read_beats(command)) for command in commands)
    first, last = await read(dut, commands)
    assert round((last - first) / PERIOD_NS) == RowReader.latency + count - 1
    addresses = random.choices(range(CONFIG.words), k=60)
    assert await read_words(dut, "deep", addresses) == ReadPort.latency + 59
    shallow = parameters()["shallow"]
    rounds, rest = divmod(59, shallow)
    cycles = ReadPort.latency + rounds * ReadPort.min_depth + rest
    assert await read_words(dut, "shallow", addresses) == cycles

    source = Source(dut, "write_command")
    sending = cocotb.start_soon(source.send(words_of(commands)))
    beats = [beat for command in commands for beat in write_beats(command)]
    await Source(dut, "i").send(beats)
    await sending
    assert source.first_time is not None
    await RisingEdge(dut.clk)
    assert dut.done.value == 1
    now = get_sim_time("ns")
    assert round((now - source.first_time) / PERIOD_NS) == RowWriter.latency + count


@cocotb.test(timeout_time=500, timeout_unit="us")
async def a_read_at_done_sees_the_words(dut) -> None:
    """The request goes out in the very cycle of ``done``."""
    await begin(dut)
    for _ in range(20):
        command = rows_command()
        beats = write_beats(command, keep_some=False)
        addresses = walk(command.address, command.counts, command.increments, WALKER)[0]
        last = int(addresses[-1])
        cocotb.start_soon(Source(dut, "write_command").send(words_of([command])))
        sending = cocotb.start_soon(Source(dut, "i").send(beats))
        await RisingEdge(dut.done)  # between two edges: the next is the first that sees it
        assert await read_words(dut, "deep", [last]) == ReadPort.latency
        await sending


@cocotb.test(timeout_time=500, timeout_unit="us")
async def nobody_takes_the_words(dut) -> None:
    """No more requests than there is room for, and nothing is lost."""
    await begin(dut)
    addresses = random.choices(range(CONFIG.words), k=20)
    for name, depth in (("deep", ReadPort.min_depth), ("shallow", parameters()["shallow"])):
        source = cocotb.start_soon(Source(dut, f"{name}_i").send(addresses))
        watch = Monitor(dut, f"{name}_i")
        await ClockCycles(dut.clk, 30)
        assert watch.beats == depth
        want = [WORDS[address] for address in addresses]
        assert await Sink(dut, f"{name}_o", stall="alternate").receive(20) == want
        await source
        await Sink(dut, f"{name}_o").expect_silence(ReadPort.latency + 3)


async def _disturbed(dut, cycles: int) -> None:
    """Everything under way for some cycles, then given up."""
    tasks = [
        cocotb.start_soon(Source(dut, "command").send(words_of([rows_command()] * 4))),
        cocotb.start_soon(Source(dut, "deep_i").send(random.choices(range(CONFIG.words), k=40))),
        cocotb.start_soon(Source(dut, "shallow_i").send(range(CONFIG.words))),
    ]
    dut.o_ready.value = cycles % 2
    dut.deep_o_ready.value = cycles % 2
    dut.shallow_o_ready.value = 1
    await ClockCycles(dut.clk, cycles)
    for task in tasks:
        task.cancel()


@cocotb.test(timeout_time=500, timeout_unit="us")
async def reset_in_the_middle(dut) -> None:
    """With the scratchpad for one cycle, or of the readers alone for ``reset_cycles``."""
    await begin(dut, monitors=False)
    await write(dut, [Command(0, (1, CONFIG.words - 1), (0, 1))])
    for cycles in range(1, 16):
        for signal, length in ((dut.rst, 1), (dut.reset_readers, ReadPort.reset_cycles)):
            await _disturbed(dut, cycles)
            signal.value = 1
            await ClockCycles(dut.clk, 1)
            for name in ("command", "deep_i", "shallow_i"):
                getattr(dut, f"{name}_valid").value = 0
            await ClockCycles(dut.clk, length - 1)
            signal.value = 0
            for name in ("o", "deep_o", "shallow_o"):
                getattr(dut, f"{name}_ready").value = 0
            await read(dut, [rows_command()])
            await read_words(dut, "deep", [1, 2, 3, 4, 5, 6])
            await read_words(dut, "shallow", [7, 8, 9])
            for name in ("o", "deep_o", "shallow_o"):
                await Sink(dut, name).expect_silence(4)
    # commands of a writer do not outlive a reset either
    for cycles in range(1, 6):
        command = Command(0, (2, 3), (8, 1))
        tasks = [
            cocotb.start_soon(Source(dut, "write_command").send(words_of([command] * 3))),
            cocotb.start_soon(Source(dut, "i").send([ALL_CODES << CONFIG.word_width] * 18)),
        ]
        await ClockCycles(dut.clk, cycles)
        for task in tasks:
            task.cancel()
        dut.rst.value = 1
        dut.write_command_valid.value = 0
        dut.i_valid.value = 0
        await ClockCycles(dut.clk, 1)
        dut.rst.value = 0
        await write(dut, [Command(0, (1, 16), (0, 1))], keep_some=False)
        await read(dut, [Command(0, (1, CONFIG.words - 1), (0, 1))])
