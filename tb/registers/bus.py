"""A host at the registers: cocotbext-axi's channels, strobes as one likes, a monitor on each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster
from cocotbext.axi.axil_channels import (
    AxiLiteARTransaction,
    AxiLiteAWTransaction,
    AxiLiteWTransaction,
)
from support.streams import pattern

__all__ = ["ChannelMonitor", "Host"]

CHANNELS = {
    "aw": ("awaddr",),
    "w": ("wdata", "wstrb"),
    "b": ("bresp",),
    "ar": ("araddr",),
    "r": ("rdata", "rresp"),
}


class ChannelMonitor:
    """Passive: once valid, valid stays and the payload is stable until taken."""

    def __init__(self, dut, channel: str):
        self._dut = dut
        self._channel = channel
        self.beats = 0
        cocotb.start_soon(self._watch())

    def _port(self, name: str):
        return getattr(self._dut, f"s_axi_{name}")

    async def _watch(self) -> None:
        valid, ready = self._port(f"{self._channel}valid"), self._port(f"{self._channel}ready")
        payload = [self._port(name) for name in CHANNELS[self._channel]]
        waiting: list[int] | None = None
        while True:
            await RisingEdge(self._dut.clk)
            if self._dut.rst.value:
                waiting = None
                continue
            if waiting is not None:
                assert valid.value, f"channel {self._channel}: valid fell before it was taken"
                now = [int(part.value) for part in payload]
                assert now == waiting, f"channel {self._channel}: payload changed"
            waiting = None
            if valid.value and ready.value:
                self.beats += 1
            elif valid.value:
                waiting = [int(part.value) for part in payload]


class Host:
    """Reads and writes single registers; ``master`` is cocotbext-axi's own. One a test."""

    def __init__(self, dut) -> None:
        self.monitors = {channel: ChannelMonitor(dut, channel) for channel in CHANNELS}
        self.master: Any = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst)
        self._aw, self._w = self.master.write_if.aw_channel, self.master.write_if.w_channel
        self._b = self.master.write_if.b_channel
        self._ar, self._r = self.master.read_if.ar_channel, self.master.read_if.r_channel
        self._patterns: dict[str, Iterator[bool]] = {}
        self.pause()
        for name in CHANNELS:
            channel = getattr(self, f"_{name}")
            channel.set_pause_generator(self._pauses(name))

    def pause(self, idle: str = "never", idle_data: str = "never", stall: str = "never") -> None:
        """From now on addresses, a write's data and taking a response pause by these patterns."""
        names = {"aw": idle, "ar": idle, "w": idle_data, "b": stall, "r": stall}
        self._patterns.update({channel: pattern(name) for channel, name in names.items()})

    def _pauses(self, channel: str) -> Iterator[bool]:
        while True:
            yield next(self._patterns[channel])

    async def send_write(self, offset: int, data: int, strobe: int = 0xF) -> None:
        """Queue a write; its response is to be awaited with :meth:`response`."""
        await self._aw.send(AxiLiteAWTransaction(awaddr=offset, awprot=0))
        await self._w.send(AxiLiteWTransaction(wdata=data, wstrb=strobe))

    async def response(self) -> int:
        """The next write's response."""
        return int((await self._b.recv()).bresp)

    async def write(self, offset: int, data: int, strobe: int = 0xF) -> int:
        """Write and return the response."""
        await self.send_write(offset, data, strobe)
        return await self.response()

    async def send_read(self, offset: int) -> None:
        """Queue a read; its answer is to be awaited with :meth:`answer`."""
        await self._ar.send(AxiLiteARTransaction(araddr=offset, arprot=0))

    async def read(self, offset: int) -> tuple[int, int]:
        """Response and data of a read."""
        await self.send_read(offset)
        return await self.answer()

    async def answer(self) -> tuple[int, int]:
        """The next read's response and data."""
        beat = await self._r.recv()
        return int(beat.rresp), int(beat.rdata)

    def check_counts(self) -> None:
        """Every request has one answer, and no answer was left over."""
        beats = {channel: monitor.beats for channel, monitor in self.monitors.items()}
        assert beats["aw"] == beats["w"] == beats["b"], beats
        assert beats["ar"] == beats["r"], beats
        assert self._b.empty() and self._r.empty()
