"""A scratchpad's ports driven cycle by cycle, against a model of what each cycle must show."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from alembert.config.memory import ScratchpadConfig, ScratchpadFault
from alembert.memory import Scratchpad
from cocotb.triggers import RisingEdge
from support.streams import pattern

__all__ = ["Request", "ScratchpadBench", "expand"]


@dataclass(frozen=True)
class Request:
    """A write, or the address of a read."""

    address: int
    data: int = 0
    mask: int = 0


def expand(mask: int) -> int:
    """The bits that a mask of codes lets in."""
    return sum(0xFF << 8 * k for k in range(mask.bit_length()) if mask >> k & 1)


@dataclass
class _Port:
    """One port: what it is still to ask for, and what it asks for now."""

    valid: Any
    ready: Any
    payload: Any
    encode: Callable[[Request], int]
    idle: Iterator[bool]
    queue: deque[Request] = field(default_factory=deque)
    now: Request | None = None
    transfers: list[int] = field(default_factory=list)
    """Cycles in which a request was taken."""

    def ask(self, addresses: Iterable[int]) -> None:
        """Reads, after those that wait."""
        self.queue.extend(Request(address) for address in addresses)

    def offer(self) -> None:
        """Hold what waits, else go on to the next unless it is time to pause."""
        if self.now is None and self.queue and not next(self.idle):
            self.now = self.queue.popleft()
            self.payload.value = self.encode(self.now)
            self.valid.value = 1
        elif self.now is None:
            self.valid.value = 0


class ScratchpadBench:
    """Every port and the model: a word a place, and the order in which requests were taken.

    Each cycle compares every ``ready``, every response and the fault.

    Parameters
    ----------
    dut : the device
    config : ScratchpadConfig
    readers, writers : tuple of str
    words : list of int
        What is stored; it outlives the bench, as the memories outlive a reset.
    """

    def __init__(self, dut, config: ScratchpadConfig, readers, writers, words: list[int]):
        self.dut, self.config, self.words = dut, config, words
        address_width, word_width = config.address_width, config.word_width

        def write_word(write: Request) -> int:
            above = write.data | write.mask << word_width
            return write.address | above << address_width

        def port(name: str, encode) -> _Port:
            valid, ready, payload = (
                getattr(dut, f"{name}_{end}") for end in ("valid", "ready", "payload")
            )
            return _Port(valid, ready, payload, encode, pattern("never"))

        self.reads = [port(f"read_{name}_request", lambda read: read.address) for name in readers]
        self.writes = [port(f"write_{name}", write_word) for name in writers]
        self._responses = [
            (getattr(dut, f"read_{n}_response_valid"), getattr(dut, f"read_{n}_response_data"))
            for n in readers
        ]
        self.cycle = 0
        self.received: list[list[int]] = [[] for _ in readers]
        self.fault = (ScratchpadFault.NONE, 0)
        self.clear = False
        self._forget()

    def _forget(self) -> None:
        self._due: list[deque[tuple[int, int]]] = [deque() for _ in self.reads]
        self._raised: list[tuple[ScratchpadFault, int]] = []

    @property
    def ports(self) -> list[_Port]:
        """Readers and writers."""
        return self.reads + self.writes

    def set_idle(self, reads: str, writes: str) -> None:
        """Patterns of the pauses between requests."""
        for ports, name in ((self.reads, reads), (self.writes, writes)):
            for port in ports:
                port.idle = pattern(name)

    def _taken(self, ports: list[_Port], kind: str) -> list[tuple[int, Request]]:
        """Who is served in this cycle; checks that it is the first that wants each bank."""
        busy: set[int] = set()
        taken: list[tuple[int, Request]] = []
        for k, port in enumerate(ports):
            if port.now is None:
                continue
            bank = self.config.bank_of(port.now.address)
            served = bank not in busy
            assert bool(port.ready.value) == served, (
                f"cycle {self.cycle}: {kind} {k} of bank {bank}: ready is not {served}"
            )
            busy.add(bank)
            if served:
                taken.append((k, port.now))
                port.transfers.append(self.cycle)
                port.now = None
        return taken

    def _check_outputs(self) -> None:
        for k, (valid, data) in enumerate(self._responses):
            due = bool(self._due[k]) and self._due[k][0][0] == self.cycle
            assert bool(valid.value) == due, f"cycle {self.cycle}: response {k} is not {due}"
            if due:
                want = self._due[k].popleft()[1]
                got = int(data.value)
                assert got == want, f"cycle {self.cycle}: read {k}: {got:#x}, not {want:#x}"
                self.received[k].append(got)
        fault = (ScratchpadFault(int(self.dut.fault.value)), int(self.dut.fault_port.value))
        assert fault == self.fault, f"cycle {self.cycle}: fault {fault}, not {self.fault}"

    async def step(self) -> None:
        """One cycle: offer, let the edge come, compare, and keep account."""
        for port in self.ports:
            port.offer()
        clear = self.clear
        self.dut.clear.value = int(clear)
        await RisingEdge(self.dut.clk)
        self._check_outputs()
        reads, writes = self._taken(self.reads, "read"), self._taken(self.writes, "write")

        # faults come a cycle later than here: those of the requests taken in the cycle before
        is_free = clear or self.fault[0] is ScratchpadFault.NONE
        if clear:
            self.fault = (ScratchpadFault.NONE, 0)
        if is_free and self._raised:
            self.fault = self._raised[0]
        self._raised = []
        for k, read in reads:  # before the writes: in the same cycle the old word
            outside = read.address >= self.config.words
            due = self.cycle + Scratchpad.read_latency
            self._due[k].append((due, 0 if outside else self.words[read.address]))
            if outside:
                self._raised.append((ScratchpadFault.READ_OUTSIDE, k))
        for k, write in writes:
            if write.address >= self.config.words:
                self._raised.append((ScratchpadFault.WRITE_OUTSIDE, k))
            else:
                bits = expand(write.mask)
                kept = self.words[write.address] & ~bits
                self.words[write.address] = kept | (write.data & bits)
        self.cycle += 1

    async def run(self, *, limit: int = 20_000) -> int:
        """Until every request has been taken and every response has come; the cycles it took."""
        begin = self.cycle
        while any(port.queue or port.now is not None for port in self.ports) or any(self._due):
            await self.step()
            assert self.cycle - begin < limit, f"requests are left after {limit} cycles"
        for _ in range(Scratchpad.read_latency + 2):
            await self.step()  # nothing more comes
        return self.cycle - begin

    async def reset(self, cycles: int = 1) -> None:
        """Reset with requests at every port; nothing of them is to be seen."""
        self.dut.rst.value = 1
        for port in self.ports:
            port.offer()
        for _ in range(cycles):
            await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        for port in self.ports:
            port.queue.clear()
            port.now = None
        self._forget()
        self.fault = (ScratchpadFault.NONE, 0)
