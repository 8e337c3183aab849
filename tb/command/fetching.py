"""A fetcher between a memory and a consumer that knows what must come."""

from __future__ import annotations

import random

from alembert.command import fetched_layout
from alembert.config.isa import INSTRUCTION_WIDTH
from cocotb.triggers import RisingEdge
from command.machines import FETCHERS
from command.memory import FetchMemory
from support.parameters import parameters

__all__ = ["Bench"]

LAYOUT = fetched_layout()


class Bench:
    """Fetcher, memory, and a consumer that knows what must come."""

    def __init__(self, dut, rng: random.Random, **memory):
        self.dut, self.rng = dut, rng
        self.axi, self.config = FETCHERS[parameters()["fetcher"]]
        self.bytes = self.config.instruction_words * self.config.word_bytes
        self.end = 1 << self.axi.address_width
        self.refused: set[int] = set()
        self.program = 0
        self.memory = FetchMemory(
            dut, "", self.axi, self.config.word_width, self._read, rng, **memory
        )

    def _read(self, address: int) -> tuple[int, bool]:
        assert address < self.end
        value = random.Random(address).getrandbits(self.config.word_width)
        return value, address in self.refused

    def expected(self, pc: int) -> tuple[int, int, bool]:
        """Word, number and error of an instruction; its word has no meaning with an error."""
        address = self.program + pc * self.bytes
        places = range(address, address + self.bytes, self.config.word_bytes)
        lost = address % self.config.word_bytes or pc > 0xFFFF or places[-1] >= self.end
        if lost or self.refused & set(places):
            return 0, pc, True
        word = 0
        for k, place in enumerate(places):
            word |= self._read(place)[0] << k * self.config.word_width
        return word & ((1 << INSTRUCTION_WIDTH) - 1), pc, False

    async def edge(self) -> None:
        """A clock edge."""
        await RisingEdge(self.dut.clk)
        self.memory.edge()

    async def pulse(self, name: str) -> None:
        """One of start, jump and stop for a cycle."""
        port = getattr(self.dut, name)
        port.value = 1
        await self.edge()
        port.value = 0
        await self.edge()  # what follows is seen after the next edge

    async def begin(self, program: int) -> None:
        """Start a program."""
        self.program = program
        self.dut.i_program.value = program
        await self.pulse("start")

    async def offered(self, limit: int = 2000) -> tuple[int, int, bool]:
        """Wait for an instruction, which is then offered."""
        for _ in range(limit):
            if self.dut.o_valid.value:
                payload = LAYOUT.from_bits(int(self.dut.o_payload.value))
                assert int(payload.pc) == int(self.dut.pc.value)
                error = bool(payload.error)
                return 0 if error else int(payload.word), int(payload.pc), error
            await self.edge()
        raise AssertionError(f"no instruction after {limit} cycles")

    async def take(self, *, jump: int | None = None, stop: bool = False) -> None:
        """Take what is offered, and jump or stop in the same cycle."""
        self.dut.o_ready.value = 1
        self.dut.stop.value = int(stop)
        if jump is not None:
            self.dut.target.value = jump
            self.dut.jump.value = 1
        await self.edge()
        self.dut.o_ready.value = 0
        self.dut.jump.value = 0
        self.dut.stop.value = 0
        await self.edge()  # what is offered now is seen after the next edge

    async def settle(self) -> None:
        """After a stop: until nothing is under way."""
        while not self.memory.idle or self.dut.command_valid.value:
            await self.edge()

    async def check(self, first: int, count: int, *, pause: float = 0.0) -> None:
        """Take ``count`` instructions and compare; the last stays offered."""
        for pc in range(first, first + count):
            got = await self.offered()
            assert got == self.expected(pc), f"{pc}: {got}, not {self.expected(pc)}"
            while self.rng.random() < pause:
                await self.edge()
            if pc < first + count - 1:
                await self.take()
