"""cocotb side of test_splitter."""

from __future__ import annotations

import random

import cocotb
from alembert.axi import BurstSplitter
from alembert.config.axi import AxiConfig, AxiFault
from cocotb.triggers import FallingEdge, RisingEdge
from support.parameters import parameters
from support.streams import PATTERNS, PERIOD_NS, Monitor, Sink, Source, start

CONFIG = AxiConfig(**parameters()["config"])
WIDTH = parameters()["word_width"]
WORD = WIDTH // 8
SPACE = 1 << CONFIG.address_width


def command(address: int, words: int) -> int:
    return address | words << CONFIG.address_width


def bursts(commands: list[tuple[int, int]]) -> list[int]:
    """The payloads that must come."""
    found = []
    for address, words in commands:
        cut = CONFIG.bursts(address, words, WIDTH)
        for k, (start_address, beats) in enumerate(cut):
            last = k == len(cut) - 1
            found.append(start_address | (beats - 1 | last << 8) << CONFIG.address_width)
    return found


async def check(dut, commands, *, idle: str = "never", stall: str = "never") -> int:
    """Send commands and compare every burst; returns the cycles from first to last."""
    source, sink = Source(dut, "command", idle=idle), Sink(dut, "o", stall=stall)
    sending = cocotb.start_soon(source.send(command(*c) for c in commands))
    expected = bursts(commands)
    assert await sink.receive(len(expected)) == expected
    await sending
    assert source.first_time is not None and sink.last_time is not None
    return round((sink.last_time - source.first_time) / PERIOD_NS)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def around_a_page(dut) -> None:
    """Every word before a page's end × every length; a burst a cycle, no gap between commands."""
    await start(dut)
    Monitor(dut, "command")
    Monitor(dut, "o")
    reach = parameters()["reach"]
    commands = [
        (4096 * random.randrange(1, SPACE // 4096 - 2) - before * WORD, words)
        for before in range(1, reach + 1)
        for words in range(1, reach + 3)
    ]
    cycles = await check(dut, commands)
    assert cycles == BurstSplitter.latency + len(bursts(commands)) - 1
    await Sink(dut, "o").expect_silence(10)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def every_pattern(dut) -> None:
    """Idle × back-pressure; commands from one word to several pages."""
    await start(dut)
    Monitor(dut, "command")
    Monitor(dut, "o")
    for idle in PATTERNS:
        for stall in PATTERNS:
            commands = []
            for _ in range(4):
                words = random.choice([1, 2, random.randint(1, 40), 2 * 4096 // WORD + 3])
                commands.append((random.randrange(0, SPACE // WORD - words) * WORD, words))
            await check(dut, commands, idle=idle, stall=stall)
    await Sink(dut, "o").expect_silence(10)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def longest_command(dut) -> None:
    """As many words as the count can hold, or the address space: the first bursts."""
    await start(dut)
    words = min((1 << CONFIG.WORDS_WIDTH) - 1, SPACE // WORD)
    assert CONFIG.refusal(0, words, WIDTH) == AxiFault.NONE
    cocotb.start_soon(Source(dut, "command").send([command(0, words)]))
    head = CONFIG.max_burst * 20
    expected = bursts([(0, head)])[:20]  # its last is not the command's
    got = await Sink(dut, "o").receive(20)
    assert [beat & ~(1 << CONFIG.address_width + 8) for beat in expected] == got


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def refusals(dut) -> None:
    """All commands near the end of the address space, and every misalignment."""
    await start(dut)
    most = (1 << CONFIG.WORDS_WIDTH) - 1
    tried = [(k, 3) for k in range(1, WORD)] + [(0, 0), (8 * WORD, 0), (WORD - 1, 0)]
    tried += [(SPACE - before * WORD, words) for before in range(1, 6) for words in range(1, 8)]
    tried += [(0, most), (SPACE - WORD, most), (SPACE - most * WORD, most)]
    tried += [(0, SPACE // WORD), (0, SPACE // WORD + 1), (WORD, SPACE // WORD)]
    for address, words in tried:
        if address < 0 or words > most:
            continue
        await FallingEdge(dut.clk)
        dut.rst.value = 1
        dut.o_ready.value = 1
        await FallingEdge(dut.clk)
        dut.rst.value = 0
        dut.command_payload.value = command(address, words)
        dut.command_valid.value = 1
        await RisingEdge(dut.clk)
        wanted = CONFIG.refusal(address, words, WIDTH)
        assert dut.command_ready.value
        assert dut.refusal.value == wanted, f"{words} words at {address:#x}"
        await FallingEdge(dut.clk)
        if wanted != AxiFault.NONE:
            for _ in range(4):
                await FallingEdge(dut.clk)
                assert not dut.command_ready.value and not dut.o_valid.value
                assert dut.refusal.value == AxiFault.NONE
        dut.command_valid.value = 0
