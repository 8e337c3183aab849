"""cocotb side of test_manager: an independent model of an AXI4 memory connects by names alone."""

from __future__ import annotations

import logging
import random

import cocotb
from axi.checker import Checker
from axi.traffic import Bench
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiBus, AxiRamRead, AxiRamWrite
from support.streams import PATTERNS, Monitor, Sink, Source, pattern, start


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def written_and_read_back(dut) -> None:
    """Random words are written, the memory's content is compared, and everybody reads them."""
    bench = Bench(dut)
    config, width = bench.config, bench.write_width
    await start(dut)
    logging.getLogger("cocotb").setLevel(logging.WARNING)  # it reports every burst
    bus = AxiBus.from_prefix(dut, "m_axi")
    ram = AxiRamWrite(bus.write, dut.clk, dut.rst, size=1 << config.address_width)
    reading = AxiRamRead(bus.read, dut.clk, dut.rst, mem=ram.mem)
    Checker(dut, config, len(bench.read_widths))
    names = ["write_command", "write_i"]
    for k in range(len(bench.read_widths)):
        names += [f"read_command_{k}", f"read_o_{k}"]
    for name in names:
        Monitor(dut, name)
    channels = (
        ram.aw_channel,
        ram.w_channel,
        ram.b_channel,
        reading.ar_channel,
        reading.r_channel,
    )
    unit = max(width, *bench.read_widths) // 8
    size = 40 * unit  # of a region, a whole number of everybody's words
    for kind in PATTERNS:
        for channel in channels:
            channel.set_pause_generator(pattern(kind))
        base = random.randrange(1, (1 << config.address_width) // 4096 - 1) * 4096 - 7 * unit
        content = random.randbytes(size)
        ram.write(base - unit, bytes(size + 2 * unit))
        words = [
            int.from_bytes(content[k : k + width // 8], "little")
            for k in range(0, size, width // 8)
        ]
        cut = random.randrange(1, len(words))
        commands = [(base, cut), (base + cut * width // 8, len(words) - cut)]
        sending = cocotb.start_soon(Source(dut, "write_i", idle=kind).send(words))
        await Source(dut, "write_command").send(map(bench.pack, commands))
        for _ in commands:
            while not dut.write_done.value:
                await RisingEdge(dut.clk)
            await RisingEdge(dut.clk)
        await sending
        assert ram.read(base - unit, size + 2 * unit) == bytes(unit) + content + bytes(unit)
        tasks = []
        for k, word in enumerate(bench.read_widths):
            sink, count = Sink(dut, f"read_o_{k}", stall=kind), 8 * size // word
            tasks.append(cocotb.start_soon(sink.receive(count, timeout_cycles=10_000)))
            source = Source(dut, f"read_command_{k}", idle=kind)
            cocotb.start_soon(source.send([bench.pack((base, count))]))
        for word, task in zip(bench.read_widths, tasks):
            got = [beat & (1 << word) - 1 for beat in await task]
            assert b"".join(beat.to_bytes(word // 8, "little") for beat in got) == content
    assert dut.idle.value
