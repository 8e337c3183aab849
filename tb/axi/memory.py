"""A memory on an AXI4 bus that answers as late and in as unusual an order as AXI allows."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cocotb
from alembert.config.axi import AxiConfig
from cocotb.triggers import RisingEdge
from support.streams import pattern

__all__ = ["ORDERS", "Memory"]

ORDERS = ("in_order", "shuffled", "interleaved")
"""Whose beat comes next: the oldest burst's; that of any ID's oldest burst, to its end; that of any
ID's oldest burst, chosen anew every beat."""

OKAY, SLVERR, DECERR = 0, 2, 3


@dataclass
class _Burst:
    number: int
    address: int
    beats: int
    due: int
    sent: int = 0


@dataclass
class _Behaviour:
    latency: Callable[[], int] = lambda: 1
    """Cycles from the edge that takes an address to the one that may give its first beat."""
    answer: Callable[[], int] = lambda: 1
    """Cycles from the edge that takes a burst's last beat to the one that may give its B."""
    order: str = "in_order"
    response: Callable[[int], int] = lambda address: OKAY
    """RRESP of the beat at an address; BRESP of a burst is that of its first beat."""
    early_last: bool = False
    """RLAST is with the first beat of every burst, a fault."""
    pauses: dict[str, Iterator[bool]] = field(default_factory=dict)


class Memory:
    """Drives the subordinate's side of ``m_axi``; a byte never written is a hash of its address.

    Parameters
    ----------
    dut : the device
    config : AxiConfig
    """

    def __init__(self, dut, config: AxiConfig) -> None:
        self._dut = dut
        self._bytes = config.beat_bytes
        self.written: dict[int, bytes] = {}
        """Beats that a strobe of a write has reached, by address."""
        self._cycle = 0
        self._behaviour = _Behaviour()
        self._reads: list[_Burst] = []
        self._chosen: _Burst | None = None
        self._addresses: deque[_Burst] = deque()
        self._data: deque[tuple[int, int, int]] = deque()
        self._answers: deque[tuple[int, int]] = deque()
        self.stray_reads: deque[int] = deque()
        """IDs of beats to send though nobody asked for them."""
        self.stray_answers = 0
        """Bs to send though no burst waits for them."""
        cocotb.start_soon(self._run())

    def behave(self, *, pauses: dict[str, str] | None = None, **behaviour) -> None:
        """From now on: fields of ``_Behaviour``; ``pauses`` names a pattern for each channel."""
        named = {name: pattern(kind) for name, kind in (pauses or {}).items() if kind != "never"}
        self._behaviour = _Behaviour(pauses=named, **behaviour)

    @property
    def busy(self) -> bool:
        """Whether anything was asked for and not answered."""
        return bool(self._reads or self._addresses or self._data or self._answers)

    def beat(self, address: int) -> bytes:
        """The bytes at a beat's address."""
        if address in self.written:
            return self.written[address]
        value = address * 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835 >> 7
        return (value & (1 << 8 * self._bytes) - 1).to_bytes(self._bytes, "little")

    def word(self, address: int, width: int) -> int:
        """A word of ``width`` bits."""
        beats = range(address, address + width // 8, self._bytes)
        return int.from_bytes(b"".join(map(self.beat, beats)), "little")

    def is_refused(self, address: int, width: int) -> bool:
        """Whether one of a word's beats is answered with an error."""
        beats = range(address, address + width // 8, self._bytes)
        return any(self._behaviour.response(beat) in (SLVERR, DECERR) for beat in beats)

    def _pauses(self, channel: str) -> bool:
        pauses = self._behaviour.pauses.get(channel)
        return pauses is not None and next(pauses)

    async def _run(self) -> None:
        dut = self._dut
        edge = RisingEdge(dut.clk)
        ready = {"ar": False, "aw": False, "w": False}
        sending = {"r": False, "b": False}
        while True:
            await edge
            self._cycle += 1
            if dut.rst.value:
                self._reads.clear()
                self._addresses.clear()
                self._data.clear()
                self._answers.clear()
                self._chosen = None
            else:
                if ready["ar"] and dut.m_axi_arvalid.value:
                    self._on_ar()
                if ready["aw"] and dut.m_axi_awvalid.value:
                    self._on_aw()
                if ready["w"] and dut.m_axi_wvalid.value:
                    self._on_w()
                self._write()
            for channel, was in ready.items():
                now = not self._pauses(channel)
                if now != was:
                    ready[channel] = now
                    getattr(dut, f"m_axi_{channel}ready").value = int(now)
            for channel, drive in (("r", self._drive_r), ("b", self._drive_b)):
                if sending[channel] and not getattr(dut, f"m_axi_{channel}ready").value:
                    continue
                now = not self._pauses(channel) and drive()
                if now != sending[channel]:
                    sending[channel] = now
                    getattr(dut, f"m_axi_{channel}valid").value = int(now)

    def _on_ar(self) -> None:
        dut = self._dut
        burst = _Burst(
            int(dut.m_axi_arid.value),
            int(dut.m_axi_araddr.value),
            int(dut.m_axi_arlen.value) + 1,
            self._cycle + self._behaviour.latency() - 1,
        )
        self._reads.append(burst)

    def _on_aw(self) -> None:
        dut = self._dut
        beats = int(dut.m_axi_awlen.value) + 1
        self._addresses.append(_Burst(0, int(dut.m_axi_awaddr.value), beats, 0))

    def _on_w(self) -> None:
        dut = self._dut
        values = dut.m_axi_wdata.value, dut.m_axi_wstrb.value, dut.m_axi_wlast.value
        self._data.append((int(values[0]), int(values[1]), int(values[2])))

    def _write(self) -> None:
        """Store the beats whose address is known."""
        while self._addresses and self._data:
            burst = self._addresses[0]
            value, strobe, last = self._data.popleft()
            address = burst.address + burst.sent * self._bytes
            burst.sent += 1
            if strobe:
                old, new = self.beat(address), value.to_bytes(self._bytes, "little")
                chosen = [new[k] if strobe >> k & 1 else old[k] for k in range(self._bytes)]
                self.written[address] = bytes(chosen)
            if last:
                self._addresses.popleft()
                due = self._cycle + self._behaviour.answer() - 1
                self._answers.append((due, self._behaviour.response(burst.address)))

    def _next_burst(self) -> _Burst | None:
        order = self._behaviour.order
        if order == "in_order":
            burst = self._reads[0] if self._reads else None
            return burst if burst is not None and burst.due <= self._cycle else None
        if order == "shuffled" and self._chosen is not None:
            return self._chosen
        oldest = {burst.number: burst for burst in reversed(self._reads)}
        ready = [burst for burst in oldest.values() if burst.due <= self._cycle]
        return random.choice(ready) if ready else None

    def _drive_r(self) -> bool:
        dut = self._dut
        if self.stray_reads:
            dut.m_axi_rid.value = self.stray_reads.popleft()
            dut.m_axi_rlast.value = 1
            dut.m_axi_rresp.value = OKAY
            return True
        burst = self._next_burst()
        if burst is None:
            return False
        address = burst.address + burst.sent * self._bytes
        burst.sent += 1
        is_last = burst.sent == burst.beats
        self._chosen = None if is_last else burst
        if is_last:
            self._reads.remove(burst)
        dut.m_axi_rid.value = burst.number
        dut.m_axi_rdata.value = int.from_bytes(self.beat(address), "little")
        dut.m_axi_rresp.value = self._behaviour.response(address)
        dut.m_axi_rlast.value = int(burst.sent == 1 if self._behaviour.early_last else is_last)
        return True

    def _drive_b(self) -> bool:
        dut = self._dut
        dut.m_axi_bid.value = 0
        if self.stray_answers:
            self.stray_answers -= 1
            dut.m_axi_bresp.value = OKAY
            return True
        if not self._answers or self._answers[0][0] > self._cycle:
            return False
        dut.m_axi_bresp.value = self._answers.popleft()[1]
        return True
