"""cocotb side of test_manager: drained in the middle of everything, reset, and right again."""

from __future__ import annotations

import random

import cocotb
from alembert.config.axi import AxiFault
from axi.memory import ORDERS
from axi.traffic import Bench
from cocotb.task import Task
from cocotb.triggers import FallingEdge, RisingEdge
from support.parameters import parameters
from support.streams import PATTERNS, Sink, Source

CALM = {"latency": lambda: random.randint(1, 12), "answer": lambda: random.randint(1, 12)}


def _launch(bench: Bench, *, taking: bool) -> list[Task]:
    """Everybody busy for long; ``taking``: the readers' words are taken."""
    dut = bench.dut
    jobs = bench.random_jobs(12, parameters()["longest"])
    streams = [("write_command", [bench.pack(c) for c in jobs.writes]), ("write_i", jobs.words)]
    for k, commands in enumerate(jobs.reads):
        streams.append((f"read_command_{k}", [bench.pack(c) for c in commands]))
    tasks: list[Task] = [
        cocotb.start_soon(Source(dut, name).send(beats)) for name, beats in streams
    ]
    for k, (width, commands) in enumerate(zip(bench.read_widths, jobs.reads)):
        sink, count = Sink(dut, f"read_o_{k}"), len(bench.expected(width, commands))
        if taking:
            tasks.append(cocotb.start_soon(sink.receive(count)))
    return tasks


async def _watch_after_drain(bench: Bench) -> int:
    """From the second edge under drain to idle: nothing new begins. Returns the cycles."""
    dut = bench.dut
    edge = RisingEdge(dut.clk)
    await edge  # the edge that sees drain first; what was begun before it may appear now
    await edge
    clients = len(bench.read_widths)
    reads, writes = len(bench.checker.reads), len(bench.checker.writes)
    was_aw, was_w, w_taken = bool(dut.m_axi_awvalid.value), bool(dut.m_axi_wvalid.value), False
    w_taken = was_w and bool(dut.m_axi_wready.value)
    cycles = 2
    while not dut.idle.value:
        await edge
        cycles += 1
        assert cycles < 3000, "never idle"
        assert not dut.write_done.value, "done under drain"
        aw, w = bool(dut.m_axi_awvalid.value), bool(dut.m_axi_wvalid.value)
        assert was_aw or not aw, "a write burst was begun under drain"
        if w and (w_taken or not was_w):
            assert dut.m_axi_wstrb.value == 0, "a beat was written under drain"
        w_taken = w and bool(dut.m_axi_wready.value)
        was_aw, was_w = aw, w
    # an address may wait in each reader, and one in the arbiter
    assert len(bench.checker.reads) - reads <= clients + 1
    assert len(bench.checker.writes) - writes <= 1
    return cycles


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def in_every_cycle(dut) -> None:
    """Every cycle of the first ones, the bus calm or not, the readers' words taken or not."""
    bench = await Bench.begin(dut, monitors=False)
    names = list(PATTERNS)
    caught = 0
    for cycle in range(parameters()["drains"]):
        bench.memory.behave(
            order=ORDERS[cycle % len(ORDERS)],
            pauses={channel: random.choice(names) for channel in ("ar", "aw", "w", "r", "b")},
            **CALM,
        )
        tasks = _launch(bench, taking=cycle % 3 != 0)
        for _ in range(cycle + 1):
            await FallingEdge(dut.clk)
        dut.drain.value = 1
        await RisingEdge(dut.clk)
        caught += not bench.checker.quiet
        if cycle % 2:  # the other units may have been reset already, or not
            for task in tasks:
                task.cancel()
        await _watch_after_drain(bench)
        for _ in range(5):
            await FallingEdge(dut.clk)
            assert dut.idle.value, "idle fell under drain"
            assert bench.checker.quiet and not bench.memory.busy, "idle, but bursts under way"
        for task in tasks:
            task.cancel()
        await bench.reset()
        bench.memory.behave()
        await bench.run(bench.random_jobs(1, 8))
    assert caught >= parameters()["drains"] * 3 // 4, "hardly anything was under way"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def at_rest(dut) -> None:
    """Nothing under way: idle at once, and commands that come now begin nothing."""
    bench = await Bench.begin(dut, monitors=False)
    await RisingEdge(dut.clk)
    dut.drain.value = 1
    tasks = _launch(bench, taking=True)
    for _ in range(60):
        await FallingEdge(dut.clk)
        assert dut.idle.value
    assert not bench.checker.reads and not bench.checker.writes
    for task in tasks:
        task.cancel()
    await bench.reset()
    await bench.run(bench.random_jobs(1, 8))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def dropped_beats(dut) -> None:
    """None of them comes out, and an error among them is a fault all the same."""
    bench = await Bench.begin(dut, monitors=False)
    bench.memory.behave(latency=lambda: 20, response=lambda address: 2)
    cocotb.start_soon(Source(dut, "read_command_0").send([bench.pack((0x40, 4))]))
    while not bench.checker.reads:
        await RisingEdge(dut.clk)
    dut.drain.value = 1
    beats = bench.checker.data_beats["r"]
    await RisingEdge(dut.clk)
    while not dut.idle.value:
        await RisingEdge(dut.clk)
    await Sink(dut, "read_o_0").expect_silence(10)
    assert bench.checker.data_beats["r"] - beats >= 4
    assert dut.read_fault_0.value == AxiFault.SLVERR
    assert dut.read_fault_address_0.value == 0x40
