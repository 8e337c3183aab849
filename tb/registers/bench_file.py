"""cocotb side of test_file: a register file against its model, every access and every strobe."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.config.register_fields import Access, Half
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from cocotbext.axi import AxiResp
from registers.bus import Host
from registers.model import DECERR, ODD_MAP, OKAY, SLVERR, Model, pack_port
from support.streams import start, within

REGISTERS = ODD_MAP.registers
PATTERNS = [
    ("never", "never", "never"),
    ("alternate", "bursts", "never"),
    ("bursts", "never", "mostly"),
    ("never", "mostly", "alternate"),
    ("mostly", "random", "random"),
    ("random", "alternate", "bursts"),
]


class Pins:
    """The hardware side: reports and events in, settings, pulses and flags out."""

    def __init__(self, dut):
        self._dut = dut
        self.pulses: list[set[str]] = []
        self.refused = 0
        cocotb.start_soon(self._watch())

    def _ports(self, kind: str, access: Access):
        for register in REGISTERS:
            if access in register.accesses and register.half is not Half.HIGH:
                yield register, getattr(self._dut, f"{kind}_{register.port}")

    async def _watch(self) -> None:
        while True:
            await RisingEdge(self._dut.clk)
            self.refused += int(self._dut.refused.value)
            found = set()
            for register, port in self._ports("pulses", Access.PULSE):
                for place, field in enumerate(register.fields):
                    if int(port.value) >> place & 1:
                        found.add(f"{register.name}.{field.name}")
            if found:
                self.pulses.append(found)

    def report(self, model: Model, rng: np.random.Generator) -> None:
        """New random reports."""
        for key in model.reports:
            name, field = key.split(".")
            model.reports[key] = int(rng.integers(ODD_MAP[name].field(field).max, endpoint=True))
        for register, port in self._ports("reports", Access.RO):
            values = _values(model.reports, register)
            if register.half is Half.LOW:
                high = model.reports[f"{register.port.upper()}_HI.value"]
                port.value = values["value"] | high << 32
            else:
                port.value = pack_port(register, Access.RO, values)

    async def events(self, model: Model, rng: np.random.Generator) -> None:
        """Random events for one cycle."""
        for register, port in self._ports("events", Access.W1C):
            values = {}
            for field in register.fields:
                if field.access is Access.W1C:
                    value = int(rng.integers(field.max, endpoint=True))
                    model.flags[f"{register.name}.{field.name}"] |= value
                    values[field.name] = value
            port.value = pack_port(register, Access.W1C, values)
        await RisingEdge(self._dut.clk)
        for _, port in self._ports("events", Access.W1C):
            port.value = 0

    async def check(self, model: Model) -> None:
        """Settings and flags are the model's."""
        await FallingEdge(self._dut.clk)
        for kind, access, state in (
            ("settings", Access.RW, model.settings),
            ("flags", Access.W1C, model.flags),
        ):
            for register, port in self._ports(kind, access):
                want = pack_port(register, access, _values(state, register))
                if register.half is Half.LOW:
                    want |= state[f"{register.port.upper()}_HI.value"] << 32
                got = int(port.value)
                assert got == want, f"{kind} {register.name}: {got:#x}, not {want:#x}"


def _values(state: dict[str, int], register) -> dict[str, int]:
    prefix = f"{register.name}."
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _rng() -> np.random.Generator:
    return np.random.default_rng(cocotb.RANDOM_SEED)


@cocotb.test()
async def reset_values(dut) -> None:
    """Every address of the map: registers read as described, the others are DECERR both ways."""
    await start(dut)
    host, pins, model = Host(dut), Pins(dut), Model(ODD_MAP)
    for again in range(2):
        for offset in range(0, ODD_MAP.span, 4):
            got = await within(100, dut.clk, host.read(offset))
            assert got == model.read(offset), f"{offset:#x}: {got}"
            if ODD_MAP.at(offset) is None:
                assert await host.write(offset, 0xFFFFFFFF) == DECERR
            elif again == 0:  # soil it: the reset must clean it
                response, _ = model.write(offset, 0xA5C3F00F, 0xF)
                assert await host.write(offset, 0xA5C3F00F) == response
        await pins.check(model)
        dut.rst.value = 1
        await ClockCycles(dut.clk, 2)
        dut.rst.value = 0
        await ClockCycles(dut.clk, 2)
        model = Model(ODD_MAP)
        await pins.check(model)


@cocotb.test()
async def as_a_master_does(dut) -> None:
    """cocotbext-axi's master, with its own transfers of bytes: unaligned, short and long."""
    await start(dut)
    host, model = Host(dut), Model(ODD_MAP)
    host.pause("mostly", "mostly", "mostly")
    master = host.master
    whole = ODD_MAP["WHOLE"].offset
    assert int.from_bytes((await master.read(whole, 4)).data, "little") == 0x12345678
    for first in range(4):
        for length in range(1, 5 - first):
            data = bytes(range(0x80 + 16 * first, 0x80 + 16 * first + length))
            word = int.from_bytes(data, "little") << 8 * first
            model.write(whole, word, ((1 << length) - 1) << first)
            done = await within(100, dut.clk, master.write(whole + first, data))
            assert done.resp == AxiResp.OKAY
            assert (await master.read_dword(whole)) == model.read(whole)[1]
    wide = ODD_MAP["WIDE_LO"].offset
    await master.write_qword(wide, 0x0123456789ABCDEF)
    assert await master.read_qword(wide) == 0x0123456789ABCDEF
    assert int(dut.settings_wide.value) == 0x0123456789ABCDEF
    assert (await master.read(0x004, 4)).resp == AxiResp.DECERR
    assert (await master.write(0x000, bytes(4))).resp == AxiResp.SLVERR


@cocotb.test()
async def random_traffic(dut) -> None:
    """Accesses of every kind under every pattern, one after the other, against the model."""
    await start(dut)
    host, pins, model, rng = Host(dut), Pins(dut), Model(ODD_MAP), _rng()
    pulses, refused = [], 0
    for patterns in PATTERNS:
        host.pause(*patterns)
        for _ in range(150):
            offset = 4 * int(rng.integers(ODD_MAP.span // 4))
            if rng.random() < 0.7:
                offset = REGISTERS[rng.integers(len(REGISTERS))].offset
            byte = int(rng.integers(4))
            match rng.integers(5):
                case 0 | 1:
                    data, strobe = int(rng.integers(1 << 32)), int(rng.integers(16))
                    lock = bool(rng.random() < 0.5)
                    dut.lock.value = int(lock)
                    want, expected = model.write(offset, data, strobe, lock=lock)
                    got = await within(200, dut.clk, host.write(offset + byte, data, strobe))
                    what = f"{offset:#x} := {data:#x}, strobe {strobe:#x}, lock {lock}"
                    assert got == want, f"{what}: {got}, not {want}"
                    register = ODD_MAP.at(offset)
                    refused += want == SLVERR and register is not None and register.is_writable
                    pulses += [expected] if expected else []
                case 2 | 3:
                    want = model.read(offset)
                    got = await within(200, dut.clk, host.read(offset + byte))
                    assert got == want, f"{offset:#x}: {got}, not {want}"
                case _:
                    await pins.events(model, rng)
                    pins.report(model, rng)
            await pins.check(model)
    host.pause()
    await ClockCycles(dut.clk, 20)
    assert pins.pulses == pulses
    assert pins.refused == refused
    host.check_counts()


@cocotb.test()
async def every_bit_and_strobe(dut) -> None:
    """Every register, every strobe, lock and not; then one bit at a time."""
    await start(dut)
    host, pins, model, rng = Host(dut), Pins(dut), Model(ODD_MAP), _rng()
    pulses = []
    for register in REGISTERS:
        for case in range(64):
            lock, strobe = case & 1, case >> 1 & 15 if case < 32 else 15
            data = int(rng.integers(1 << 32)) if case < 32 else 1 << (case - 32)
            dut.lock.value = lock
            want, expected = model.write(register.offset, data, strobe, lock=bool(lock))
            got = await host.write(register.offset, data, strobe)
            assert got == want, f"{register.name} := {data:#x}, strobe {strobe}, lock {lock}: {got}"
            pulses += [expected] if expected else []
            assert await host.read(register.offset) == model.read(register.offset)
        await pins.check(model)
    assert pins.pulses == pulses


@cocotb.test()
async def at_the_same_time(dut) -> None:
    """Reads while writes go on: a register has its value before or after a write, and no other."""
    targets = [r for r in REGISTERS if r.accesses == {Access.RW}]
    await start(dut)
    host, model, rng = Host(dut), Model(ODD_MAP), _rng()
    history = {register.offset: [register.reset] for register in targets}
    settled = dict.fromkeys(history, 0)

    async def write() -> None:
        for patterns in PATTERNS:
            host.pause(*patterns)
            for _ in range(60):
                register = targets[rng.integers(len(targets))]
                data, strobe = int(rng.integers(1 << 32)), int(rng.integers(16))
                model.write(register.offset, data, strobe)
                history[register.offset].append(model.contents(register))
                assert await host.write(register.offset, data, strobe) == OKAY
                settled[register.offset] = len(history[register.offset]) - 1

    task = cocotb.start_soon(write())
    reader = np.random.default_rng(cocotb.RANDOM_SEED + 1)
    reads = 0
    while not task.done():
        offset = targets[reader.integers(len(targets))].offset
        first = settled[offset]
        response, data = await within(200, dut.clk, host.read(offset))
        assert response == OKAY and data in history[offset][first:], f"{offset:#x}: {data:#x}"
        reads += 1
    await task
    assert reads > 100
    host.pause()
    await ClockCycles(dut.clk, 20)
    host.check_counts()


@cocotb.test()
async def many_under_way(dut) -> None:
    """Requests that do not wait for answers: each is answered once, in order, by its own answer."""
    await start(dut)
    host, pins, model, rng = Host(dut), Pins(dut), Model(ODD_MAP), _rng()
    pins.report(model, rng)
    still = [r.offset for r in REGISTERS if Access.RW not in r.accesses] + [0x004, 0x05C]
    pulses = []
    for patterns in PATTERNS:
        host.pause(*patterns)
        writes = [
            (4 * int(rng.integers(32)), int(rng.integers(1 << 32)), int(rng.integers(16)))
            for _ in range(60)
        ]
        reads = [int(rng.choice(still)) for _ in range(60)]
        wanted = [model.write(*write) for write in writes]
        pulses += [expected for _, expected in wanted if expected]

        async def send(writes=writes) -> None:
            for write in writes:
                await host.send_write(*write)

        async def ask(reads=reads) -> None:
            for offset in reads:
                await host.send_read(offset)

        async def take(reads=reads) -> list[tuple[int, int]]:
            return [await host.answer() for _ in reads]

        asking = [cocotb.start_soon(each) for each in (send(), ask())]
        answers = cocotb.start_soon(take())
        responses = [await within(500, dut.clk, host.response()) for _ in writes]
        assert responses == [want for want, _ in wanted]
        assert await answers == [model.read(offset) for offset in reads]
        for task in asking:
            await task
        await pins.check(model)
    host.pause()
    await ClockCycles(dut.clk, 20)
    assert pins.pulses == pulses
    host.check_counts()


@cocotb.test()
async def halves_of_one_moment(dut) -> None:
    """The high half is of the moment when its low half was read, whatever is read in between."""
    await start(dut)
    host, pins, model, rng = Host(dut), Pins(dut), Model(ODD_MAP), _rng()
    low = {name: ODD_MAP[f"{name}_LO"].offset for name in ("FIRST", "SECOND", "WIDE")}
    a, b, w = low["FIRST"], low["SECOND"], low["WIDE"]
    others = [ODD_MAP["REPORT"].offset, ODD_MAP["KNOWN"].offset, 0x07C]
    for sequence in (
        [a + 4, a, a + 4, a + 4],  # without a low half before it, the high half is as it is now
        [a, *others, w, w + 4, a + 4, b + 4, a + 4],
        [b, a, b + 4, a + 4, b, b + 4],
        [b, b + 4, a + 4, b + 4, a, a + 4],
    ):
        for offset in sequence:
            pins.report(model, rng)
            got, want = await host.read(offset), model.read(offset)
            assert got == want, f"{offset:#x} of {sequence}: {got}, not {want}"
