"""cocotb side of test_machine: doorbell, refusals, counters and interrupt as a host sees them."""

from __future__ import annotations

from collections.abc import Iterator

import cocotb
import numpy as np
from alembert.config.register_fields import Access, Half
from alembert.config.registers import COUNTERS, SATURATIONS, registers_of
from alembert.config.status import State
from alembert.registers import saturation_layout
from cocotb.triggers import ClockCycles, RisingEdge
from registers.bus import Host
from registers.model import DECERR, OKAY, SLVERR, Model, machine, pack_port
from support.parameters import input_ports, parameters
from support.streams import start, within

BUSY = (State.RUNNING, State.DRAINING)
LOCKED = (*BUSY, State.ERROR)
START, SOFT_RESET = 1, 2


def _map():
    return registers_of(machine(attention=parameters()["attention"]))


class Machine:
    """Goes from state to state as a machine does, and counts as its registers should."""

    def __init__(self, dut, *, seed: int = 0):
        self._dut = dut
        self._rng = np.random.default_rng(cocotb.RANDOM_SEED + seed)
        self.starts = self.resets = 0
        self.counts = dict.fromkeys(COUNTERS, 0)
        self.activity = 0.0
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        dut = self._dut
        strobes = {name: getattr(dut, f"counted_{name}") for name in COUNTERS if name != "cycles"}
        while True:
            await RisingEdge(dut.clk)
            is_busy = int(dut.state.value) in BUSY
            for name in COUNTERS:
                happened = name == "cycles" or int(strobes[name].value)
                self.counts[name] += int(is_busy and happened)
            if dut.start.value:
                self.starts += 1
                self.counts = dict.fromkeys(COUNTERS, 0)
                dut.state.value = State.RUNNING
            if dut.soft_reset.value:
                self.resets += 1
                dut.state.value = State.DRAINING if is_busy else State.IDLE
            for port in strobes.values():
                port.value = int(self._rng.random() < self.activity)


def _visible(counts: dict[str, int]) -> Iterator[tuple[str, int]]:
    absent = not parameters()["attention"]
    for name, count in counts.items():
        yield name, 0 if absent and name.startswith("attention_") else count


async def _number(host: Host, registers, name: str) -> int:
    """A number of 64 bits."""
    words = []
    for half in Half:
        response, word = await host.read(registers[f"{name.upper()}_{half.value}"].offset)
        assert response == OKAY
        words.append(word)
    return words[0] | words[1] << 32


@cocotb.test()
async def every_register(dut) -> None:
    """The whole window: what is there reads and writes as described, the rest is DECERR."""
    await start(dut)
    registers, rng = _map(), np.random.default_rng(cocotb.RANDOM_SEED)
    host, model = Host(dut), Model(registers)
    host.pause("mostly", "alternate", "bursts")
    pinned = [r for r in registers.registers if f"reports_{r.port}" in input_ports()]
    assert len(pinned) == 8
    for register in pinned:
        for field in register.fields:
            value = int(rng.integers(field.max, endpoint=True))
            model.reports[f"{register.name}.{field.name}"] = value
    for register in pinned:
        values = {f.name: model.reports[f"{register.name}.{f.name}"] for f in register.fields}
        word = pack_port(register, Access.RO, values)
        if register.half is Half.LOW:
            word |= model.reports[f"{register.port.upper()}_HI.value"] << 32
        if register.half is not Half.HIGH:
            getattr(dut, f"reports_{register.port}").value = word
    every = range(0, registers.span, 4)
    if not parameters()["every_offset"]:
        near = {register.offset + d for register in registers.registers for d in (-4, 0, 4)}
        every = sorted((near | {registers.span - 4}) & set(every))
    for offset in every:
        register = registers.at(offset)
        assert await within(200, dut.clk, host.read(offset)) == model.read(offset), hex(offset)
        # bits that are set one by one, in bytes that are meant one by one; no doorbell here
        for strobe in range(16) if register is not None and register.is_writable else (15,):
            data = (
                0 if register is None or register.name == "CONTROL" else int(rng.integers(1 << 32))
            )
            response, _ = model.write(offset, data, strobe)
            assert await within(200, dut.clk, host.write(offset, data, strobe)) == response
            assert await host.read(offset) == model.read(offset), f"{offset:#x}, {strobe:#x}"
    for register in registers.registers:  # nothing was changed by its neighbours
        assert await host.read(register.offset) == model.read(register.offset), register.name
        if Access.RW in register.accesses and register.half is not Half.HIGH:
            keys = [f"{register.name}.{field.name}" for field in register.fields]
            values = {k.split(".")[1]: model.settings[k] for k in keys}
            word = pack_port(register, Access.RW, values)
            if register.half is Half.LOW:
                word |= model.settings[f"{register.port.upper()}_HI.value"] << 32
            assert int(getattr(dut, f"settings_{register.port}").value) == word, register.name


@cocotb.test()
async def refused_unless_ready(dut) -> None:
    """In each state: run registers and doorbell are locked or not, soft reset never is."""
    await start(dut)
    registers = _map()
    host, behind = Host(dut), Machine(dut)
    status, control = registers["STATUS"].offset, registers["CONTROL"].offset
    run = [r for r in registers.registers if any(f.is_locked for f in r.fields)][1:]
    assert len(run) == 13
    for state in State:
        locked = state in LOCKED
        want = SLVERR if locked else OKAY
        for number, register in enumerate(run):
            dut.state.value = state
            await host.write(status, 1 << 31)  # the flag is off
            before = (await host.read(register.offset))[1]
            data = number * 0x01010101 + state + 1
            assert await host.write(register.offset, data) == want, register.name
            after = (await host.read(register.offset))[1]
            mask = register.fields[0].mask
            assert after == (before if locked else data & mask), register.name
            assert (await host.read(status))[1] == state | locked << 31
            assert await host.write(register.offset, ~before & mask, 0) == OKAY  # no byte meant
            assert (await host.read(register.offset))[1] == after
        for name in ("WATCHDOG", "INTERRUPT_ENABLE"):
            assert await host.write(registers[name].offset, state) == OKAY
        # the flag stays until it is cleared, and only 1 clears it
        assert await host.write(status, 0) == OKAY
        assert (await host.read(status))[1] >> 31 == locked
        assert await host.write(status, 1 << 31) == OKAY
        assert (await host.read(status))[1] == state
        starts, resets = behind.starts, behind.resets
        assert await host.write(control, START | SOFT_RESET) == want
        await ClockCycles(dut.clk, 5)
        assert (behind.starts - starts, behind.resets - resets) == (not locked, not locked)
        dut.state.value = state
        assert await host.write(control, START) == want
        await ClockCycles(dut.clk, 5)
        dut.state.value = state
        assert await host.write(control, SOFT_RESET) == OKAY
        await ClockCycles(dut.clk, 5)
        assert behind.starts - starts == (0 if locked else 2)
        assert behind.resets - resets == (1 if locked else 2)
        await host.write(status, 1 << 31)


@cocotb.test()
async def two_doorbells(dut) -> None:
    """The second of two that follow at once is refused already, and so is a setting after them."""
    await start(dut)
    registers = _map()
    host, behind = Host(dut), Machine(dut)
    length, control = registers["LENGTH"].offset, registers["CONTROL"].offset
    for writes in (
        [(length, 7, OKAY), (control, START, OKAY), (control, START, SLVERR), (length, 9, SLVERR)],
        [
            *[(control, START, OKAY), (length, 5, SLVERR)],
            *[(control, SOFT_RESET, OKAY), (control, START, SLVERR)],  # it still drains
        ],
    ):
        starts = behind.starts
        for offset, data, _ in writes:
            await host.send_write(offset, data)
        assert [await host.response() for _ in writes] == [want for *_, want in writes]
        assert behind.starts == starts + 1
        assert int(dut.settings_length.value) == 7
        dut.state.value = State.DONE
        await ClockCycles(dut.clk, 3)


@cocotb.test()
async def counters(dut) -> None:
    """Cleared by the doorbell, counting while busy only, each its own; under back-pressure."""
    await start(dut)
    registers = _map()
    host, behind = Host(dut), Machine(dut)
    host.pause("mostly", "never", "mostly")
    control = registers["CONTROL"].offset
    for run, activity in enumerate((0.9, 0.4, 0.0)):
        behind.activity = activity
        dut.state.value = State.IDLE
        await host.write(control, START)
        await ClockCycles(dut.clk, 40 + 200 * run)
        first = await _number(host, registers, "cycles")
        second = await _number(host, registers, "cycles")
        assert 40 < first < second <= behind.counts["cycles"]
        dut.state.value = (State.DONE, State.ERROR, State.IDLE)[run]  # all of them stop counting
        await ClockCycles(dut.clk, 30)
        still = dict(behind.counts)
        for name, count in _visible(still):
            assert await _number(host, registers, name) == count, name
        assert behind.counts == still
        assert still["cycles"] > 60 and (still["dma_busy"] > 0) == (activity > 0)
    await host.write(control, SOFT_RESET)
    for name, count in _visible(behind.counts):
        assert await _number(host, registers, name) == count, name


@cocotb.test()
async def saturations(dut) -> None:
    """Added up while busy only, each its own; cleared by the doorbell."""
    await start(dut)
    registers = _map()
    host, _ = Host(dut), Machine(dut)
    names = [name for name, _ in saturation_layout(machine(attention=parameters()["attention"]))]
    widths = [each.width for _, each in saturation_layout(machine(attention=len(names) == 3))]

    async def found() -> list[int]:
        words = [await host.read(registers[n.upper()].offset) for n in SATURATIONS.values()]
        assert {response for response, _ in words} == {OKAY}
        return [word for _, word in words]

    for run in (1, 2):
        dut.state.value = State.IDLE
        await host.write(registers["CONTROL"].offset, START)
        expected = dict.fromkeys(SATURATIONS.values(), 0)
        for addends in ((3, 5, 7), (1, 0, 2 * run)):
            word = place = 0
            for name, width, addend in zip(names, widths, addends):
                word |= addend << place
                place += width
                expected[name] += addend
            dut.saturated.value = word
            await RisingEdge(dut.clk)
        dut.saturated.value = 0
        await ClockCycles(dut.clk, 2)
        assert await found() == list(expected.values())
        dut.state.value = (State.DONE, State.ERROR)[run - 1]
        dut.saturated.value = 1
        await ClockCycles(dut.clk, 5)
        dut.saturated.value = 0
        assert await found() == list(expected.values())
    await host.write(registers["CONTROL"].offset, SOFT_RESET)
    assert await found() == list(expected.values())


@cocotb.test()
async def units_show_in_status(dut) -> None:
    """Each unit's bit, one at a time."""
    await start(dut)
    registers = _map()
    host, status = Host(dut), registers["STATUS"]
    for field in status.fields[1:-1]:
        port = getattr(dut, f"counted_{field.name}")
        port.value = 1
        absent = field.name == "attention_busy" and not parameters()["attention"]
        assert await host.read(status.offset) == (OKAY, 0 if absent else field.mask)
        port.value = 0


@cocotb.test()
async def interrupt(dut) -> None:
    """High while a flag is set and enabled."""
    await start(dut)
    registers = _map()
    host = Host(dut)
    enable, flags = (registers[f"INTERRUPT_{name}"].offset for name in ("ENABLE", "STATUS"))
    for enabled in range(4):
        assert await host.write(enable, enabled) == OKAY
        for events in range(4):
            dut.done.value, dut.error.value = events & 1, events >> 1
            await RisingEdge(dut.clk)
            dut.done.value = dut.error.value = 0
            assert await host.read(flags) == (OKAY, events)
            assert bool(dut.irq.value) == bool(enabled & events)
            for bit in range(2):
                assert await host.write(flags, 1 << bit) == OKAY
                events &= ~(1 << bit)
                assert await host.read(flags) == (OKAY, events)
                assert bool(dut.irq.value) == bool(enabled & events)
    assert await host.write(0xFFC, 0) == DECERR
