"""A compiled model on the whole machine: everything it leaves in memory is the golden model's."""

from __future__ import annotations

import itertools
from pathlib import Path

import cocotb
import numpy as np
from alembert.config.registers import ID
from alembert.config.status import State
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiBus, AxiRam
from machine.host import Host
from machine.machines import MACHINES
from support.parameters import parameters
from support.streams import PATTERNS, start

REGIONS = ("image", "input", "output", "scratch")
GAP = 4096 + 256
"""Bytes between the regions, which begin at no page."""


class RamHost(Host):
    """With other people's model of a memory, and the run.

    Parameters
    ----------
    dut : the device
    name : str
        The machine's.
    sizes : mapping of str to int
        Bytes of each region.
    """

    def __init__(self, dut, name: str, sizes: dict[str, int]) -> None:
        super().__init__(dut, MACHINES[name])
        self.bases, place = {}, GAP
        for region in REGIONS:
            self.bases[region] = place
            place += -(-sizes[region] // 16) * 16 + GAP
        self.ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=place)
        self.sizes = sizes

    def load(self, region: str, content: bytes) -> None:
        """Into memory."""
        self.ram.write(self.bases[region], content)

    def contents(self, region: str) -> bytes:
        """Of memory."""
        found = self.ram.read(self.bases[region], self.sizes[region])
        assert isinstance(found, bytes)
        return found

    def pause(self, kind: str) -> None:
        """Channels of memory pause by a pattern."""
        for interface in (self.ram.read_if, self.ram.write_if):
            for channel in ("ar_channel", "r_channel", "aw_channel", "w_channel", "b_channel"):
                if hasattr(interface, channel):
                    generator = PATTERNS[kind]() if kind != "never" else itertools.repeat(False)
                    getattr(interface, channel).set_pause_generator(generator)

    async def run(self, settings: dict[str, int], *, cycles: int) -> None:
        """Settings, doorbell, interrupt."""
        bases = {f"{region}_base": self.bases[region] for region in REGIONS}
        await self.set_up({**bases, **settings, "interrupt_enable": 3})
        await self.ring()
        await self.until_interrupt(cycles)
        await self.write("INTERRUPT_STATUS", 3)
        await RisingEdge(self.dut.clk)


@cocotb.test()
async def everything_stored_is_golden(dut) -> None:
    """Several sentences, one after the other, memory fast and slow."""
    folder, sizes = Path(parameters()["folder"]), parameters()["sizes"]
    await start(dut)
    host = RamHost(dut, parameters()["machine"], sizes)
    assert await host.read("ID") == ID
    for number, job in enumerate(parameters()["jobs"]):

        def file(region: str, number=number) -> bytes:
            return (folder / f"{region}_{number}").read_bytes()

        host.pause(job["pause"])
        for region in ("image", "input"):
            host.load(region, file(region))
        for region in ("output", "scratch"):
            host.load(region, bytes(sizes[region]))
        await host.run(job["settings"], cycles=parameters()["cycles"])
        state = await host.state()
        assert state is State.DONE, f"{state!r}, {await host.stop()}"
        for region in ("output", "scratch"):
            expected = np.frombuffer(file(region), dtype=np.uint8)
            found = np.frombuffer(host.contents(region), dtype=np.uint8)
            wrong = np.flatnonzero(found != expected)
            if wrong.size:
                word = wrong[0] // host.machine.word_bytes
                made_by = [name for first, name in job["tensors"] if first <= word] or ["the image"]
                raise AssertionError(
                    f"job {number}: {wrong.size} of {found.size} bytes of {region} differ, first "
                    f"{wrong[0]}, {made_by[-1]}: {found[wrong[0]]}, not {expected[wrong[0]]}"
                )
        for name, expected in job["results"].items():
            found = await host.read(name.upper())
            assert found == expected, f"job {number}: {name} is {found}, not {expected}"
        counted = {name: await host.read(name) for name in ("CYCLES", "MATRIX_ISSUES")}
        dut._log.warning("job %d: %s", number, counted)
