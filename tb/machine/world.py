"""A machine between a host and a memory that can fail, be late, or say nothing for a while."""

from __future__ import annotations

import random
from collections.abc import Callable

import cocotb
from alembert.config import preset
from alembert.config.isa import MemoryBase
from alembert.config.status import State
from alembert_compiler.assembler import assemble, to_bytes
from axi.checker import Checker
from axi.memory import DECERR, OKAY, Memory
from cocotb.triggers import ClockCycles, RisingEdge
from machine.host import DONE, Host
from machine.small_job import SmallJob
from support.streams import start

__all__ = ["CLIENTS", "REGIONS", "SparseMemory", "World"]

REGIONS = tuple(base.name.lower() for base in MemoryBase)
CLIENTS = 4
"""IDs of the machine's reads."""
FETCH = CLIENTS - 1
"""That of instructions."""
UNITS_BUSY = 0x1F00
"""STATUS: bits of the units."""
MACHINE = preset("tiny").machine


class SparseMemory(Memory):
    """Only what is mapped is there: all else is answered DECERR. Writes to IMAGE are, too."""

    def __init__(self, dut, config) -> None:
        super().__init__(dut, config)
        self.dead: frozenset[str] = frozenset()
        """Channels that say nothing: ``ar``, ``aw`` and ``w`` take nothing, ``r`` and ``b`` give
        nothing."""
        self.mapped: list[range] = []
        self.faulty: dict[range, int] = {}
        """Responses of some addresses."""
        self.strobed = 0
        """Beats taken with a strobe."""

    def respond(self, address: int) -> int:
        """The response at an address."""
        for place, response in self.faulty.items():
            if address in place:
                return response
        return OKAY if any(address in place for place in self.mapped) else DECERR

    def calm(self) -> None:
        """Answers at once, in order."""
        self.behave(response=self.respond)

    def put(self, address: int, content: bytes) -> None:
        """Bytes from a beat's address on."""
        for k in range(0, len(content), self._bytes):
            self.written[address + k] = content[k : k + self._bytes]

    def get(self, address: int, size: int) -> bytes:
        """The same, read."""
        return b"".join(self.beat(address + k) for k in range(0, size, self._bytes))

    def _on_w(self) -> None:
        super()._on_w()
        self.strobed += bool(self._dut.m_axi_wstrb.value)

    def _pauses(self, channel: str) -> bool:
        return super()._pauses(channel) or channel in self.dead


class World:
    """The device, its host, its memory, a check of its bus, and a job that it can do.

    The regions lie apart, at no page; the image's end is the end of what is mapped around it.
    """

    def __init__(self, dut, job: SmallJob) -> None:
        self.dut = dut
        self.job = job
        self.machine = MACHINE
        self.memory = SparseMemory(dut, MACHINE.axi)
        self.checker = Checker(dut, MACHINE.axi, CLIENTS)
        self.host = Host(dut, MACHINE)
        sizes = (len(job.image), len(job.input), job.OUTPUT_BYTES, job.SCRATCH_BYTES)
        self.sizes = dict(zip(REGIONS, sizes, strict=True))
        # in another order than their numbers'; bursts of the layer cross a page
        places = (0x3_0000_0E80, 0x1_1110, 0x5000, 0x7F00)
        self.bases = dict(zip(REGIONS, places, strict=True))
        self.bus_end = 1 << MACHINE.axi.address_width
        self.restore()
        self.memory.calm()

    @classmethod
    async def begin(cls, dut, job: SmallJob) -> World:
        """After a reset, with all settings of the job."""
        await start(dut)
        world = cls(dut, job)
        await world.host.set_up({**world.settings, "interrupt_enable": 3})
        return world

    @property
    def settings(self) -> dict[str, int]:
        """All registers of the job."""
        return {f"{name}_base": base for name, base in self.bases.items()} | self.job.settings

    def restore(self) -> None:
        """Memory as it was in the beginning."""
        contents = {"image": self.job.image, "input": self.job.input}
        self.memory.written.clear()
        self.memory.faulty = {}
        self.memory.mapped = [
            range(self.bases[name], self.bases[name] + size) for name, size in self.sizes.items()
        ]
        for name, size in self.sizes.items():
            self.memory.put(self.bases[name], contents.get(name, bytes(size)))

    def at(self, region: str, word: int) -> int:
        """Byte address of a word of a region."""
        return self.bases[region] + word * self.machine.word_bytes

    def load_program(self, program: str | list[int], word: int | None = None) -> int:
        """Put text, or instructions as numbers, into the image's room; returns its first word."""
        if isinstance(program, str):
            code = to_bytes(assemble(program))
        else:
            code = b"".join(each.to_bytes(32, "little") for each in program)
        word = self.job.words["room"] if word is None else word
        self.memory.put(self.at("image", word), code)
        return word

    async def edges(self, cycles: int) -> None:
        """Let time pass."""
        await ClockCycles(self.dut.clk, cycles)

    def disorder(self, rng: random.Random, worst: int = 40) -> None:
        """Memory is late, pauses, and answers in another order, from now on."""
        patterns = ("never", "alternate", "bursts", "random")
        self.memory.behave(
            latency=lambda: rng.choice((1, 2, 9, worst)),
            answer=lambda: rng.choice((1, 3, worst)),
            order=rng.choice(("in_order", "shuffled", "interleaved")),
            pauses={channel: rng.choice(patterns) for channel in ("ar", "aw", "w", "r", "b")},
            response=self.memory.respond,
        )

    async def good_run(
        self, *, cycles: int = 20_000, during: Callable | None = None, settle: bool = True
    ) -> None:
        """The job, ``during`` which something else may happen; everything is compared.

        ``settle``: return only when nothing is under way on the bus.
        """
        await self.host.ring()
        task = None if during is None else cocotb.start_soon(during())
        await self.host.until_interrupt(cycles)
        if task is not None:
            await task
        await self.compare()
        if settle:
            await self.until_quiet()

    async def compare(self) -> None:
        """A run of the job has ended: what is in memory and registers is golden."""
        host, job = self.host, self.job
        state = await host.state()
        assert state is State.DONE, f"{state!r}: {await host.stop()}"
        await host.acknowledge(DONE)
        for name, expected in (("output", job.output), ("scratch", job.scratch)):
            found = self.memory.get(self.bases[name], self.sizes[name])
            wrong = [k for k, pair in enumerate(zip(found, expected)) if pair[0] != pair[1]]
            assert not wrong, f"{len(wrong)} bytes of {name} differ, first {wrong[0]}"
        for name, expected in job.results.items():
            found = await host.read(name.upper())
            assert found == expected, f"{name} is {found}, not {expected}"
        assert not await host.read("STATUS") & UNITS_BUSY

    async def until_quiet(self) -> None:
        """Nothing is under way after a run but instructions that were read ahead."""
        writes, reads = len(self.checker.writes), len(self.checker.reads)
        for _ in range(1000):
            if self.is_quiet:
                break
            await RisingEdge(self.dut.clk)
        assert self.is_quiet, "bursts are under way after the run"
        assert len(self.checker.writes) == writes
        late = {number for number, *_ in self.checker.reads[reads:]}
        assert late <= {FETCH}, f"reads of {late} after the run"

    @property
    def is_quiet(self) -> bool:
        """No burst is under way."""
        return self.checker.quiet and not self.memory.busy

    async def recover(self, **options) -> None:
        """A soft reset, memory as in the beginning, and the job."""
        await self.host.soft_reset(**options)
        assert self.is_quiet, "bursts are under way after a soft reset"
        self.restore()
        self.memory.calm()
        await RisingEdge(self.dut.clk)
        await self.host.set_up(self.settings)
        await self.good_run()
