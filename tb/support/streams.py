"""Drivers, sinks and protocol monitors for ``amaranth.lib.stream`` ports.

A stream port ``i`` has the signals ``i_payload``, ``i_valid`` and ``i_ready``; a beat moves on
every rising edge where both valid and ready are high. These are as small as they are because
simulation speed is a tracked figure: a generic bus model costs about three times the cycles.
"""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, SimTimeoutError, with_timeout
from cocotb.utils import get_sim_time

from .parameters import input_ports

__all__ = [
    "PATTERNS",
    "PERIOD_NS",
    "Monitor",
    "Sink",
    "Source",
    "collect_beside",
    "pack",
    "pattern",
    "start",
    "unpack",
    "unpack_signed",
]

PERIOD_NS = 10
"""Clock period of every bench."""

Pattern = Callable[[], Iterator[bool]]
"""Makes an endless iterator: True where the side is to pause for a cycle."""


def _bursts() -> Iterator[bool]:
    return itertools.cycle([False] * 5 + [True] * 3)


def _random() -> Iterator[bool]:
    rng = random.Random(random.random())  # cocotb seeds ``random`` and logs the seed
    while True:
        yield rng.random() < 0.5


PATTERNS: dict[str, Pattern] = {
    "never": lambda: itertools.repeat(False),
    "alternate": lambda: itertools.cycle([False, True]),
    "bursts": _bursts,
    "mostly": lambda: itertools.cycle([True] * 6 + [False]),
    "random": _random,
}
"""When a side pauses; crossed as idle (source) × back-pressure (sink) in every stream test."""


def pattern(name: str) -> Iterator[bool]:
    """A fresh iterator of the pattern called ``name``."""
    return PATTERNS[name]()


async def start(dut, *, period_ns: int = PERIOD_NS, reset_cycles: int = 2) -> None:
    """Start the clock, hold reset for some cycles, and idle every input."""
    for name in input_ports():  # no output: Icarus would keep a value written to one
        getattr(dut, name).value = 0
    Clock(dut.clk, period_ns, unit="ns").start(start_high=False)
    dut.rst.value = 1
    await ClockCycles(dut.clk, reset_cycles)
    dut.rst.value = 0


class Source:
    """Drives a stream into the device.

    Parameters
    ----------
    dut : the device
    name : str
        The stream's port.
    idle : str
        Pattern of cycles in which valid stays low though there is something to send.
    """

    def __init__(self, dut, name: str, *, idle: str = "never"):
        self._clk = dut.clk
        self._payload = getattr(dut, f"{name}_payload")
        self._valid = getattr(dut, f"{name}_valid")
        self._ready = getattr(dut, f"{name}_ready", None)  # absent when always_ready
        self._idle = pattern(idle) if idle != "never" else None
        self._valid.value = 0
        self.first_time: float | None = None
        """Simulation time, ns, of the edge that moved the first beat."""

    async def send(self, beats: Iterable[int]) -> None:
        """Send every beat; returns after the edge that moved the last one."""
        edge = RisingEdge(self._clk)
        payload, valid, ready = self._payload, self._valid, self._ready
        is_valid = False
        for beat in beats:
            if self._idle is not None and next(self._idle):
                valid.value = 0
                is_valid = False
                await edge
                while next(self._idle):
                    await edge
            payload.value = beat
            if not is_valid:
                valid.value = 1
                is_valid = True
            await edge
            while ready is not None and not ready.value:
                await RisingEdge(ready)  # sleeping until then is what makes long waits cheap
                await edge
            if self.first_time is None:
                self.first_time = get_sim_time("ns")
        valid.value = 0


class Sink:
    """Takes a stream from the device.

    Parameters
    ----------
    dut : the device
    name : str
        The stream's port.
    stall : str
        Pattern of cycles in which ready is low.
    """

    def __init__(self, dut, name: str, *, stall: str = "never"):
        self._clk = dut.clk
        self._payload = getattr(dut, f"{name}_payload")
        self._valid = getattr(dut, f"{name}_valid")
        self._ready = getattr(dut, f"{name}_ready", None)
        self._stall = pattern(stall) if stall != "never" else None
        self.last_time: float | None = None
        """Simulation time, ns, of the edge that moved the latest ``receive``'s last beat."""
        if self._ready is not None:
            self._ready.value = 0

    async def receive(self, count: int, *, timeout_cycles: int = 100_000) -> list[int]:
        """Take ``count`` beats and return their payloads as unsigned integers.

        Raises
        ------
        AssertionError
            Fewer came within ``timeout_cycles`` cycles.
        """
        beats: list[int] = []
        edge = RisingEdge(self._clk)
        payload, valid, ready, stall = self._payload, self._valid, self._ready, self._stall
        end = get_sim_time("ns") + timeout_cycles * PERIOD_NS
        taking = True
        if ready is not None:
            ready.value = 1
        while len(beats) < count and (left := end - get_sim_time("ns")) > 0:
            if stall is not None and ready is not None:
                taking = not next(stall)
                ready.value = int(taking)
            await edge
            if taking and valid.value:
                beats.append(int(payload.value))
            elif stall is None:
                with contextlib.suppress(SimTimeoutError):
                    await with_timeout(RisingEdge(valid), round(left, 3), "ns")
        self.last_time = get_sim_time("ns")
        if ready is not None:
            ready.value = 0
        assert len(beats) == count, f"{len(beats)} of {count} beats after {timeout_cycles} cycles"
        return beats

    async def expect_silence(self, cycles: int) -> None:
        """Stay ready for some cycles and see that nothing more comes."""
        extra = 0
        if self._ready is not None:
            self._ready.value = 1
        for _ in range(cycles):
            await RisingEdge(self._clk)
            extra += int(self._valid.value)
        if self._ready is not None:
            self._ready.value = 0
        assert extra == 0, f"{extra} beats more than expected"


class Monitor:
    """Passive check of the protocol: once valid, valid stays and the payload is stable until taken.

    ``start`` it after reset; a violation fails the test at the cycle where it happens. A stream
    that is never stalled is still watched; ``beats`` counts the transfers seen.
    """

    def __init__(self, dut, name: str):
        self._clk = dut.clk
        self._name = name
        self._payload = getattr(dut, f"{name}_payload")
        self._valid = getattr(dut, f"{name}_valid")
        self._ready = getattr(dut, f"{name}_ready")
        self.beats = 0
        self._task = cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        waiting: int | None = None
        edge = RisingEdge(self._clk)
        while True:
            await edge
            valid = bool(self._valid.value)
            if waiting is not None:
                assert valid, f"stream {self._name}: valid fell before the beat was taken"
                now = int(self._payload.value)
                assert now == waiting, (
                    f"stream {self._name}: payload changed from {waiting:#x} to {now:#x} "
                    "before the beat was taken"
                )
            if valid and self._ready.value:
                self.beats += 1
                waiting = None
            elif valid:
                waiting = int(self._payload.value)


async def collect_beside(dut, name: str, port: str, found: list[int]) -> None:
    """Append a port's value for each beat that is taken from a stream."""
    edge = RisingEdge(dut.clk)
    valid, ready, value = (getattr(dut, each) for each in (f"{name}_valid", f"{name}_ready", port))
    while True:
        await edge
        if valid.value and ready.value:
            found.append(int(value.value))


async def within(cycles: int, clk, awaitable, *, period_ns: int = PERIOD_NS):
    """Await with an end: fails the test after ``cycles`` clock cycles."""
    try:
        return await with_timeout(awaitable, cycles * period_ns, "ns")
    except SimTimeoutError as error:
        raise AssertionError(f"no end within {cycles} cycles") from error


def pack(lanes: Sequence[int], width: int) -> int:
    """Lanes (codes, or signed integers) side by side, lane 0 lowest, ``width`` bits each."""
    mask = (1 << width) - 1
    word = 0
    for lane in reversed(lanes):
        word = word << width | (int(lane) & mask)
    return word


def unpack(word: int, width: int, count: int) -> list[int]:
    """The inverse of :func:`pack`, unsigned."""
    mask = (1 << width) - 1
    return [word >> (width * i) & mask for i in range(count)]


def unpack_signed(word: int, width: int, count: int) -> list[int]:
    """The inverse of :func:`pack`, each lane in two's complement."""
    sign = 1 << (width - 1)
    return [(lane ^ sign) - sign for lane in unpack(word, width, count)]
