"""cocotb side of test_manager: traffic of all clients at once, and how fast it is."""

from __future__ import annotations

import itertools
import random

import cocotb
from alembert.axi import BurstReader, BurstWriter, ReadArbiter
from axi.memory import ORDERS
from axi.traffic import Bench, Jobs
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time
from support.parameters import parameters
from support.streams import PATTERNS, PERIOD_NS, Sink, Source

LATENCY = 40


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def every_pattern(dut) -> None:
    """Idle × back-pressure of the streams; on the bus other pauses, orders and latencies."""
    bench = await Bench.begin(dut)
    longest = parameters()["longest"]
    names = list(PATTERNS)
    kinds = [(0, 0), (1, 4), (0, 60), (LATENCY, LATENCY)]
    for number, (idle, stall) in enumerate(itertools.product(names, names)):
        low, high = kinds[number % len(kinds)]
        bench.memory.behave(
            latency=lambda low=low, high=high: random.randint(low, high) + 1,
            answer=lambda low=low, high=high: random.randint(low, high) + 1,
            order=ORDERS[number % len(ORDERS)],
            pauses={channel: random.choice(names) for channel in ("ar", "aw", "w", "r", "b")},
        )
        await bench.run(bench.random_jobs(2, longest), idle=idle, stall=stall)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def pages(dut) -> None:
    """Commands that begin in every word before a page's end and end in every one behind it."""
    bench = await Bench.begin(dut, monitors=False)
    reach = parameters()["reach"]
    bench.memory.behave(order="interleaved")
    base = 4096 * 3

    def around(width: int, upper: int) -> list[tuple[int, int]]:
        found = []
        for before in range(1, reach + 1):
            for words in (before, before + 1, before + reach):
                found.append((upper + base - before * width // 8, words))
        return found

    half = 1 << (bench.config.address_width - 1)
    writes = around(bench.write_width, half)
    await bench.run(
        Jobs(
            reads=[around(width, 0) for width in bench.read_widths],
            writes=writes,
            words=[random.getrandbits(bench.write_width) for _, n in writes for _ in range(n)],
        )
    )


async def _rate(bench: Bench, reader: int, commands: list[tuple[int, int]]) -> float:
    """Beats a cycle of a reader, from its first word to its last, nobody ever pausing."""
    dut, width = bench.dut, bench.read_widths[reader]
    source = Source(dut, f"read_command_{reader}")
    sending = cocotb.start_soon(source.send(map(bench.pack, commands)))
    sink = Sink(dut, f"read_o_{reader}")
    expected = bench.expected(width, commands)
    assert await sink.receive(1) == expected[:1]
    first = get_sim_time("ns")
    assert await sink.receive(len(expected) - 1) == expected[1:]
    await sending
    beats = (len(expected) - 1) * width // bench.config.data_width
    return beats / ((get_sim_time("ns") - first) / PERIOD_NS)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def reading_is_as_fast_as_the_bus(dut) -> None:
    """At the latency that the configuration hides; aligned to pages and not; short commands."""
    bench = await Bench.begin(dut, monitors=False)
    config = bench.config
    bench.memory.behave(latency=lambda: config.latency + 1)
    for reader, width in enumerate(bench.read_widths):
        for offset in (0, 3):
            words = 1200 * config.data_width // width
            rate = await _rate(bench, reader, [(offset * width // 8, words)])
            dut._log.info("reader %d, offset %d: %.4f beats a cycle", reader, offset, rate)
            assert rate >= parameters()["rate"], f"{rate} beats a cycle"
    bench.memory.behave()
    commands = [(random.randrange(128) * 64, 1 + k % 2) for k in range(200)]
    rate = await _rate(bench, 0, commands)
    dut._log.info("short commands: %.4f beats a cycle", rate)
    assert rate >= parameters()["short_rate"], f"{rate} beats a cycle"
    await bench.settle()


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def everybody_at_once(dut) -> None:
    """Readers share R and leave no gap; the writer has its channels to itself."""
    bench = await Bench.begin(dut, monitors=False)
    config = bench.config
    bench.memory.behave(
        latency=lambda: config.latency + 1, answer=lambda: config.latency + 1, order="interleaved"
    )
    beats = 1100
    half = 1 << (config.address_width - 1)
    words = beats * config.data_width // bench.write_width
    jobs = Jobs(
        reads=[
            [(4096 * k, beats * config.data_width // w)] for k, w in enumerate(bench.read_widths)
        ],
        writes=[(half, words)],
        words=[random.getrandbits(bench.write_width) for _ in range(words)],
    )
    running = cocotb.start_soon(bench.run(jobs))
    seen = {}
    for name in ("r", "w"):
        while not bench.checker.data_beats[name]:
            await RisingEdge(dut.clk)
    before, cycles = dict(bench.checker.data_beats), 800
    for _ in range(cycles):
        await RisingEdge(dut.clk)
    seen = {name: bench.checker.data_beats[name] - before[name] for name in before}
    dut._log.info("beats in %d cycles: %s", cycles, seen)
    for name, count in seen.items():
        assert count >= parameters()["rate"] * cycles, f"{name}: {count} beats in {cycles} cycles"
    await running


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def readers_take_turns(dut) -> None:
    """Where addresses are what everybody waits for, each has one in turn."""
    bench = await Bench.begin(dut)
    bench.memory.behave(pauses={"ar": "mostly"})
    clients = len(bench.read_widths)
    reads = [[(64 * random.randrange(64), 1)] * 20 for _ in range(clients)]
    await bench.run(Jobs(reads=reads))
    served = [number for number, _, _ in bench.checker.reads]
    assert sorted(served[:clients]) == list(range(clients))
    assert served == served[:clients] * 20


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def latencies(dut) -> None:
    """What the components say of themselves."""
    bench = await Bench.begin(dut)
    config = bench.config
    for latency in (1, 7):
        bench.memory.behave(latency=lambda latency=latency: latency)
        for reader, width in enumerate(bench.read_widths):
            source, sink = Source(dut, f"read_command_{reader}"), Sink(dut, f"read_o_{reader}")
            cocotb.start_soon(source.send([bench.pack((0, 1))]))
            assert await sink.receive(1) == bench.expected(width, [(0, 1)])
            assert source.first_time is not None and sink.last_time is not None
            cycles = round((sink.last_time - source.first_time) / PERIOD_NS)
            beats = width // config.data_width
            # what is known of the memory is the latency of its first beat
            assert cycles == BurstReader.latency + 2 * ReadArbiter.latency + latency + beats - 1
    source = Source(dut, "write_i")
    cocotb.start_soon(Source(dut, "write_command").send([bench.pack((0, 1))]))
    for _ in range(8):
        await RisingEdge(dut.clk)
    cocotb.start_soon(source.send([1]))
    while not dut.m_axi_wvalid.value:
        await RisingEdge(dut.clk)
    assert source.first_time is not None
    assert round((get_sim_time("ns") - source.first_time) / PERIOD_NS) == BurstWriter.latency


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def words_ahead_of_their_command(dut) -> None:
    """They are taken, as many as there is room for, and wait."""
    bench = await Bench.begin(dut)
    width = bench.write_width
    room = bench.config.write_depth(width)
    words = [random.getrandbits(width) for _ in range(2 * room)]
    sending = cocotb.start_soon(Source(dut, "write_i").send(words))
    taken = 0
    for _ in range(3 * room):
        await RisingEdge(dut.clk)
        taken += int(dut.write_i_valid.value) & int(dut.write_i_ready.value)
    assert taken == room and not bench.checker.writes and dut.idle.value
    half = 1 << (bench.config.address_width - 1)
    await Source(dut, "write_command").send([bench.pack((half, room)), bench.pack((0, room))])
    while bench.done < 2:
        await RisingEdge(dut.clk)
    await sending
    for k, word in enumerate(words):
        base = half if k < room else 0
        assert bench.memory.word(base + k % room * width // 8, width) == word
