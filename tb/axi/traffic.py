"""Commands for the manager, random or chosen, and all that must come of them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import cocotb
from alembert.config.axi import AxiConfig, AxiFault
from axi.checker import Checker
from axi.manager import CONFIGS, READ_WIDTHS, WRITE_WIDTHS
from axi.memory import Memory
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from support.parameters import parameters
from support.streams import Monitor, Sink, Source, start

__all__ = ["Bench", "Jobs"]

Command = tuple[int, int]
"""Byte address and words."""


@dataclass
class Jobs:
    """Commands for each reader and for the writer, with the writer's words."""

    reads: list[list[Command]]
    writes: list[Command] = field(default_factory=list)
    words: list[int] = field(default_factory=list)


class Bench:
    """The device, its memory and checker, and the configuration both were made for."""

    def __init__(self, dut) -> None:
        name = parameters()["config"]
        self.dut = dut
        self.config: AxiConfig = CONFIGS[name]
        self.read_widths: list[int] = READ_WIDTHS[name]
        self.write_width: int = WRITE_WIDTHS[name]
        self.done = 0
        """Pulses of ``write_done`` so far."""

    @classmethod
    async def begin(cls, dut, *, monitors: bool = True) -> Bench:
        """Reset the device and attach everything; monitors only where nothing is cut off."""
        bench = cls(dut)
        await start(dut)
        bench.memory = Memory(dut, bench.config)
        bench.checker = Checker(dut, bench.config, len(bench.read_widths))
        cocotb.start_soon(bench._count_done())
        if monitors:
            for name in ("write_command", "write_i"):
                Monitor(dut, name)
            for k in range(len(bench.read_widths)):
                Monitor(dut, f"read_command_{k}")
                Monitor(dut, f"read_o_{k}")
        return bench

    memory: Memory
    checker: Checker

    async def _count_done(self) -> None:
        while True:
            await RisingEdge(self.dut.clk)
            self.done += int(self.dut.write_done.value)

    def pack(self, command: Command) -> int:
        """A command as its stream's payload."""
        address, words = command
        return address | words << self.config.address_width

    def random_command(self, width: int, longest: int, *, upper: bool) -> Command:
        """Up to ``longest`` words, half of the commands about a page's end, in half of memory."""
        config = self.config
        word_bytes = width // 8
        words = random.randint(1, longest)
        half = 1 << (config.address_width - 1)
        page = random.randrange(0, half - 4096 * (2 + longest * word_bytes // 4096), 4096)
        if random.random() < 0.5:
            address = page + 4096 - word_bytes * random.randint(1, min(4096 // word_bytes, longest))
        else:
            address = page + word_bytes * random.randrange(4096 // word_bytes)
        return address + half * upper, words

    def random_jobs(self, commands: int, longest: int) -> Jobs:
        """So many commands for everybody; reads from the lower half, writes to the upper."""
        reads = [
            [self.random_command(width, longest, upper=False) for _ in range(commands)]
            for width in self.read_widths
        ]
        writes = [
            self.random_command(self.write_width, longest, upper=True) for _ in range(commands)
        ]
        words = [random.getrandbits(self.write_width) for _, n in writes for _ in range(n)]
        return Jobs(reads=reads, writes=writes, words=words)

    def expected(self, width: int, commands: list[Command]) -> list[int]:
        """What a reader gives: words, above them ``last`` of each command, above that ``error``."""
        beats = []
        for address, words in commands:
            for k in range(words):
                place = address + k * width // 8
                is_refused = self.memory.is_refused(place, width)
                beats.append(self.memory.word(place, width) | is_refused << width + 1)
            beats[-1] |= 1 << width
        return beats

    async def run(
        self,
        jobs: Jobs,
        *,
        idle: str = "never",
        stall: str = "never",
        timeout_cycles: int = 20_000,
    ) -> None:
        """Execute all, compare every word, every burst and the memory afterwards."""
        dut, memory = self.dut, self.memory
        done, reads, writes = self.done, len(self.checker.reads), len(self.checker.writes)
        memory.written.clear()
        wanted = [self.expected(w, c) for w, c in zip(self.read_widths, jobs.reads)]
        tasks, receiving = [], []
        for k, commands in enumerate(jobs.reads):
            source = Source(dut, f"read_command_{k}", idle=idle)
            tasks.append(cocotb.start_soon(source.send(map(self.pack, commands))))
            sink = Sink(dut, f"read_o_{k}", stall=stall)
            count = len(wanted[k])
            receiving.append(cocotb.start_soon(sink.receive(count, timeout_cycles=timeout_cycles)))
        for name, beats in (
            ("write_command", [self.pack(command) for command in jobs.writes]),
            ("write_i", jobs.words),
        ):
            tasks.append(cocotb.start_soon(Source(dut, name, idle=idle).send(beats)))
        for k, task in enumerate(receiving):
            assert await task == wanted[k], f"reader {k}"
        for task in tasks:
            await task
        for _ in range(timeout_cycles):
            if self.done - done >= len(jobs.writes):
                break
            await RisingEdge(dut.clk)
        await self.settle()
        assert self.done - done == len(jobs.writes), "done"
        self._check_bursts(jobs, reads, writes)
        self._check_memory(jobs)

    async def settle(self) -> None:
        """Nothing more comes, and nobody has a fault."""
        dut = self.dut
        for _ in range(4):
            await FallingEdge(dut.clk)
            assert dut.idle.value and dut.write_idle.value
            assert not dut.write_done.value or self.done
            for k in range(len(self.read_widths)):
                assert not getattr(dut, f"read_o_{k}_valid").value, f"reader {k}: one word more"
                assert getattr(dut, f"read_fault_{k}").value == AxiFault.NONE
                assert getattr(dut, f"read_idle_{k}").value
        assert dut.write_fault.value == AxiFault.NONE
        assert dut.fault.value == AxiFault.NONE
        assert self.checker.quiet and not self.memory.busy

    def _check_bursts(self, jobs: Jobs, reads: int, writes: int) -> None:
        """Exactly the bursts that the commands are cut into, in order."""

        def split(commands: list[Command], width: int) -> list[tuple[int, int]]:
            return [burst for c in commands for burst in self.config.bursts(*c, width)]

        for k, commands in enumerate(jobs.reads):
            found = [burst[1:] for burst in self.checker.reads[reads:] if burst[0] == k]
            assert found == split(commands, self.read_widths[k]), f"bursts of reader {k}"
        assert self.checker.writes[writes:] == split(jobs.writes, self.write_width)

    def _check_memory(self, jobs: Jobs) -> None:
        """Every beat of the writes' words, the last to be written, and nothing else."""
        expected: dict[int, bytes] = {}
        size, words = self.config.beat_bytes, iter(jobs.words)
        for address, count in jobs.writes:
            for k in range(count):
                base = address + k * self.write_width // 8
                content = next(words).to_bytes(self.write_width // 8, "little")
                for offset in range(0, len(content), size):
                    expected[base + offset] = content[offset : offset + size]
        assert self.memory.written == expected

    async def reset(self) -> None:
        """Reset the device; whoever drives its inputs has been stopped before."""
        dut = self.dut
        await FallingEdge(dut.clk)
        for name in ("write_command", "write_i"):
            getattr(dut, f"{name}_valid").value = 0
        for k in range(len(self.read_widths)):
            getattr(dut, f"read_command_{k}_valid").value = 0
            getattr(dut, f"read_o_{k}_ready").value = 0
        dut.rst.value = 1
        await ClockCycles(dut.clk, 2)
        dut.drain.value = 0
        dut.rst.value = 0
