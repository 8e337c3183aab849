"""cocotb side of speed: one run of a compiled model, and the processor time that it takes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import cocotb
from alembert.config.axi import AxiConfig
from alembert.config.registers import REGISTERS
from alembert.config.status import State
from cocotb.triggers import RisingEdge, with_timeout
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiLiteBus, AxiLiteMaster
from machine.steady_memory import SteadyMemory
from support.parameters import parameters
from support.streams import PERIOD_NS, start

REGIONS = ("image", "input", "output", "scratch")
PAGE = 4096
LIMIT_NS = 10_000_000
"""Of a run."""


@cocotb.test()
async def run(dut) -> None:
    """Settings, doorbell, interrupt; what the run has stored is golden."""
    given = parameters()
    folder, axi = Path(given["folder"]), AxiConfig(**given["axi"])
    contents = {region: (folder / region).read_bytes() for region in REGIONS}
    bases, size = {}, 0
    for region, content in contents.items():
        bases[region] = size
        size += -(-len(content) // PAGE) * PAGE
    await start(dut)
    memory = SteadyMemory(
        dut, dut.sample, axi, size=size, latency=given["latency"], answer=given["answer"]
    )
    for region in ("image", "input"):
        memory.content[bases[region] : bases[region] + len(contents[region])] = contents[region]
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.sample, dut.rst)
    registers = {each.name: each for each in REGISTERS.registers}

    async def write(name: str, value: int) -> None:
        await master.write_dword(registers[name].offset, value)

    for region, base in bases.items():
        await write(f"{region.upper()}_BASE_LO", base)
    for name, value in given["settings"].items():
        await write(name, value)
    await write("INTERRUPT_ENABLE", 3)
    begin_ns, begin_s = get_sim_time("ns"), time.process_time()
    await write("CONTROL", 1)
    await with_timeout(RisingEdge(dut.irq), LIMIT_NS, "ns")
    spent = time.process_time() - begin_s
    passed = round((get_sim_time("ns") - begin_ns) / PERIOD_NS)
    for _ in range(2):
        await RisingEdge(dut.sample)
    status = await master.read_dword(registers["STATUS"].offset)
    field = registers["STATUS"].field("state")
    state = State(status >> field.low & field.max)
    assert state is State.DONE, f"{state!r}"
    cycles = await master.read_dword(registers["CYCLES_LO"].offset)
    for region in ("output", "scratch"):
        found = memory.content[bases[region] : bases[region] + len(contents[region])]
        assert found == contents[region], f"{region} is not golden"
    result = {"cycles": cycles, "cycles_per_second": passed / spent}
    Path(given["result"]).write_text(json.dumps(result), encoding="utf-8")
