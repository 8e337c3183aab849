"""A memory that answers as the compiled simulation's does: after a fixed time, a beat a cycle.

It costs little: each channel sleeps while it has nothing to do, and what rarely changes is watched
instead of read every cycle. Nothing here pauses or fails; :class:`axi.memory.Memory` does.
"""

from __future__ import annotations

from collections import deque

import cocotb
from alembert.config.axi import AxiConfig
from cocotb.triggers import Event, RisingEdge, Timer, ValueChange
from cocotb.utils import get_sim_time
from support.streams import PERIOD_NS

__all__ = ["SteadyMemory"]


def _cycle() -> int:
    return int(get_sim_time("ns") // PERIOD_NS)


class SteadyMemory:
    """Drives the subordinate's side of ``m_axi``; holds its content as bytes from address 0.

    Parameters
    ----------
    dut : the device
    clock : the signal at whose rising edges beats move
    config : AxiConfig
    size : int
        Bytes; an access beyond them fails the test.
    latency : int
        Cycles from the edge that takes a read's address to the one that gives its first beat.
    answer : int
        Cycles from the edge that takes a write's last beat to the one that gives its answer.
    """

    def __init__(
        self, dut, clock, config: AxiConfig, *, size: int, latency: int, answer: int
    ) -> None:
        self._dut = dut
        self._edge = RisingEdge(clock)
        self._bytes = config.beat_bytes
        self._latency, self._answer = latency, answer
        self.content = bytearray(size)
        self._reads: deque[tuple[int, int, int, int]] = deque()
        self._asked = Event()
        self._is_ready = False
        dut.m_axi_arready.value = dut.m_axi_awready.value = 1
        dut.m_axi_wready.value = 0
        dut.m_axi_rvalid.value = dut.m_axi_bvalid.value = 0
        dut.m_axi_rresp.value = dut.m_axi_bresp.value = 0
        cocotb.start_soon(self._watch_ready())
        for channel in (self._take_addresses, self._give_beats, self._take_writes):
            cocotb.start_soon(channel())

    async def _until(self, cycle: int) -> None:
        """Until after the edge before which inputs of ``cycle`` are set."""
        left = cycle - _cycle()
        if left > 0:
            await Timer((left - 1) * PERIOD_NS + PERIOD_NS // 2, "ns")
            await self._edge

    async def _watch_ready(self) -> None:
        """``rready`` changes rarely, and always between the edges at which it counts."""
        ready = self._dut.m_axi_rready
        while True:
            self._is_ready = bool(ready.value)
            await ValueChange(ready)

    async def _take_addresses(self) -> None:
        dut, edge = self._dut, self._edge
        valid, begins = dut.m_axi_arvalid, RisingEdge(dut.m_axi_arvalid)
        while True:
            if not valid.value:
                await begins
            await edge
            if not valid.value:
                continue
            address, beats = int(dut.m_axi_araddr.value), int(dut.m_axi_arlen.value) + 1
            assert address + beats * self._bytes <= len(self.content), f"a read of {address:#x}"
            due = _cycle() + self._latency - 1
            self._reads.append((due, address, beats, int(dut.m_axi_arid.value)))
            self._asked.set()

    async def _give_beats(self) -> None:
        dut, edge, size = self._dut, self._edge, self._bytes
        valid, data = dut.m_axi_rvalid, dut.m_axi_rdata
        last, number = dut.m_axi_rlast, dut.m_axi_rid
        while True:
            if not self._reads:
                valid.value = 0
                self._asked.clear()
                await self._asked.wait()
            due, address, beats, wanted = self._reads.popleft()
            if _cycle() < due:
                valid.value = 0
                await self._until(due)
            valid.value = 1
            number.value = wanted
            last.value = int(beats == 1)
            for left in range(beats, 0, -1):
                data.value = int.from_bytes(self.content[address : address + size], "little")
                if left == 1 < beats:
                    last.value = 1
                await edge
                while not self._is_ready:
                    await edge
                address += size

    async def _take_writes(self) -> None:
        dut, edge, size = self._dut, self._edge, self._bytes
        asked, begins = dut.m_axi_awvalid, RisingEdge(dut.m_axi_awvalid)
        while True:
            if not asked.value:
                await begins
            await edge
            if not asked.value:
                continue
            address, beats = int(dut.m_axi_awaddr.value), int(dut.m_axi_awlen.value) + 1
            assert address + beats * size <= len(self.content), f"a write of {address:#x}"
            number = int(dut.m_axi_awid.value)
            dut.m_axi_awready.value, dut.m_axi_wready.value = 0, 1
            for _ in range(beats):
                await edge
                while not dut.m_axi_wvalid.value:
                    await edge
                value = int(dut.m_axi_wdata.value).to_bytes(size, "little")
                strobe = int(dut.m_axi_wstrb.value)
                for k in range(size):
                    if strobe >> k & 1:
                        self.content[address + k] = value[k]
                address += size
            dut.m_axi_wready.value = 0
            await self._until(_cycle() + self._answer - 1)
            dut.m_axi_bid.value, dut.m_axi_bvalid.value = number, 1
            await edge
            while not dut.m_axi_bready.value:
                await edge
            dut.m_axi_bvalid.value, dut.m_axi_awready.value = 0, 1
