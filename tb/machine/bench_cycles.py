"""cocotb side of test_cycles: programs on a machine behind a memory of known latency."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import cocotb
from alembert.config.axi import AxiConfig
from axi.memory import Memory
from cocotb.triggers import ClockCycles, RisingEdge
from support.parameters import parameters
from support.streams import start

LIMIT = 2_000_000
"""Cycles of a run at most."""
BASES = {"image": 0, "input": 1 << 28, "output": 2 << 28, "scratch": 3 << 28}
"""Where the regions lie. What is not program is a hash of its address, or 0 in INPUT."""

REST = 100
"""Cycles for which a machine is left alone after a run, and the memory's latency."""


def fill(memory: Memory, beat_bytes: int, job: dict) -> None:
    """Program and token ids; all other bytes may be anything."""
    content = bytes.fromhex(job["code"])
    place = BASES["image"] + job["program"] * job["word_bytes"]
    zeros = bytes(job["input_bytes"])
    for address, data in ((place, content), (BASES["input"], zeros)):
        for k in range(0, len(data), beat_bytes):
            memory.written[address + k] = data[k : k + beat_bytes].ljust(beat_bytes, b"\0")


async def count(dut, names: list[str]) -> dict[str, list[int]]:
    """The cycles of a run in which each counter counts, by its name."""
    edge = RisingEdge(dut.clk)
    changed: list[tuple[int, int]] = []
    cycle = 0
    while True:
        now = int(dut.counts.value)
        if now:
            changed.append((cycle, now))
        cycle += 1
        await edge
        if not dut.running.value:
            break
        assert cycle < LIMIT, "the run does not end"
    assert not dut.failed.value, "the run was stopped"
    counted: dict[str, list[int]] = {name: [] for name in names}
    for at, bits in changed:
        for place, name in enumerate(names):
            if bits >> place & 1:
                counted[name].append(at)
    return counted | {"cycles": [cycle]}


@cocotb.test()
async def cycles(dut) -> None:
    """Every job: each cycle's counts, from the first after the doorbell to the last."""
    jobs = json.loads(Path(parameters()["jobs"]).read_text())
    axi = AxiConfig(**parameters()["axi"])
    await start(dut)
    memory = Memory(dut, axi)
    edge, names = RisingEdge(dut.clk), parameters()["counters"]
    for name, base in BASES.items():
        getattr(dut, name).value = base
    found: list[dict[str, list[int]]] = []
    for job in jobs:
        memory.written.clear()
        fill(memory, axi.beat_bytes, job)
        memory.behave(latency=partial(int, job["latency"]), answer=partial(int, job["answer"]))
        # what the run before has read ahead arrives, and is dropped
        await ClockCycles(dut.clk, job["latency"] + REST)
        for name in ("program", "length", "targets", "max_passes"):
            getattr(dut, name).value = job[name]
        dut.start.value = 1
        await edge
        dut.start.value = 0
        await edge
        found.append(await count(dut, names))
    Path(parameters()["found"]).write_text(json.dumps(found))
