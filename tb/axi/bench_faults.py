"""cocotb side of test_manager: errors by name and address, and what goes on in spite of them."""

from __future__ import annotations

import cocotb
from alembert.config.axi import AxiFault
from axi.traffic import Bench, Command
from cocotb.triggers import ClockCycles, FallingEdge
from support.streams import Sink, Source

OKAY, EXOKAY, SLVERR, DECERR = range(4)


def fault_of(dut, name: str) -> tuple[int, int]:
    """Fault and address of ``read_<k>`` or of ``write``."""
    kind, _, index = name.partition("_")
    suffix = f"_{index}" if index else ""
    values = (getattr(dut, f"{kind}_{what}{suffix}") for what in ("fault", "fault_address"))
    fault, address = (int(signal.value) for signal in values)
    return fault, address


async def read(bench: Bench, k: int, commands: list[Command]) -> None:
    """Read with reader k, and compare: data flow as delivered, errors or not."""
    cocotb.start_soon(Source(bench.dut, f"read_command_{k}").send(map(bench.pack, commands)))
    expected = bench.expected(bench.read_widths[k], commands)
    sink = Sink(bench.dut, f"read_o_{k}")
    assert await sink.receive(len(expected), timeout_cycles=2000) == expected
    await sink.expect_silence(20)


async def write(bench: Bench, commands: list[Command]) -> None:
    """Write zeros, and wait for as many ``done`` as commands."""
    before = bench.done
    cocotb.start_soon(Source(bench.dut, "write_command").send(map(bench.pack, commands)))
    await Source(bench.dut, "write_i").send([0] * sum(words for _, words in commands))
    await ClockCycles(bench.dut.clk, 60)
    assert bench.done - before == len(commands)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def responses(dut) -> None:
    """The first error stays, with the address of its burst; other clients are not concerned."""
    for kind, code in (("SLVERR", SLVERR), ("DECERR", DECERR)):
        bench = await Bench.begin(dut)
        width, size = bench.read_widths[0], bench.config.beat_bytes
        words = 4 * bench.config.max_burst
        bursts = bench.config.bursts(0x1000, words, width)
        bad = bursts[2][0] + size  # neither the first nor the last beat of the third burst

        def response(address: int, bad=bad, code=code) -> int:
            if address == bad:
                return code
            return EXOKAY if address < bad else OKAY

        def other_response(address: int, code=code) -> int:
            return SLVERR ^ DECERR ^ code

        bench.memory.behave(response=response, order="interleaved")
        others = [
            cocotb.start_soon(read(bench, k, [(0x40, 5), (0x80, 3)]))
            for k in range(1, len(bench.read_widths))
        ]
        await read(bench, 0, [(0x100, 2), (0x1000, words), (0x40, 1)])
        for task in others:
            await task
        assert fault_of(dut, "read_0") == (AxiFault[kind], bursts[2][0])
        bench.memory.behave(response=other_response)
        await read(bench, 0, [(0x300, 2)])
        assert fault_of(dut, "read_0") == (AxiFault[kind], bursts[2][0])
        for k in range(1, len(bench.read_widths)):
            assert fault_of(dut, f"read_{k}") == (AxiFault.NONE, 0)
        assert fault_of(dut, "write") == (AxiFault.NONE, 0)

        bursts = bench.config.bursts(0x1000, words, bench.write_width)
        bad = bursts[1][0]
        bench.memory.behave(
            response=lambda address, bad=bad, code=code: code if address == bad else OKAY
        )
        await write(bench, [(0x100, 2), (0x1000, words), (0x200, 1)])
        assert fault_of(dut, "write") == (AxiFault[kind], bad)
        bench.memory.behave(response=other_response)
        await write(bench, [(0x100, 2)])
        assert fault_of(dut, "write") == (AxiFault[kind], bad)
        await bench.reset()
        assert fault_of(dut, "write") == fault_of(dut, "read_0") == (AxiFault.NONE, 0)
        bench.memory.behave()
        await bench.run(bench.random_jobs(2, 10))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def refused_commands(dut) -> None:
    """They reach no bus and stop their component; the commands before them are completed."""
    bench = await Bench.begin(dut, monitors=False)  # the reset drops a command
    space = 1 << bench.config.address_width
    for name, width in (("read_0", bench.read_widths[0]), ("write", bench.write_width)):
        size = width // 8
        for kind, bad in (
            (AxiFault.MISALIGNED, (size // 2, 1)),
            (AxiFault.EMPTY, (0x40, 0)),
            (AxiFault.OUT_OF_RANGE, (space - size, 2)),
        ):
            if name == "write":
                await write(bench, [(0x100, 3), (space - size, 1)])
                commands = Source(dut, "write_command")
            else:
                await read(bench, 0, [(0x100, 3), (space - size, 1)])
                commands = Source(dut, "read_command_0")
            assert fault_of(dut, name) == (AxiFault.NONE, 0)
            begun = len(bench.checker.reads), len(bench.checker.writes)
            sending = cocotb.start_soon(commands.send(map(bench.pack, [bad, (0x40, 1)])))
            await ClockCycles(dut.clk, 40)
            assert fault_of(dut, name) == (kind, bad[0])
            assert (len(bench.checker.reads), len(bench.checker.writes)) == begun
            assert not sending.done(), "a command was taken after one that was refused"
            assert dut.idle.value
            sending.cancel()
            await bench.reset()
            await FallingEdge(dut.clk)
            assert fault_of(dut, name) == (AxiFault.NONE, 0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def answers_that_nobody_asked_for(dut) -> None:
    """They are dropped and named, and the next command is executed as if nothing had been."""
    bench = await Bench.begin(dut)
    bench.checker.strict = False
    clients = len(bench.read_widths)
    assert 1 << bench.config.id_width > clients
    bench.memory.stray_reads.append(clients)
    await ClockCycles(dut.clk, 8)
    assert dut.fault.value == AxiFault.PROTOCOL
    for k in range(clients):
        assert fault_of(dut, f"read_{k}") == (AxiFault.NONE, 0)
    bench.memory.stray_reads.append(0)
    bench.memory.stray_answers = 1
    await ClockCycles(dut.clk, 8)
    assert fault_of(dut, "read_0")[0] == AxiFault.PROTOCOL
    assert fault_of(dut, "write")[0] == AxiFault.PROTOCOL
    for k in range(1, clients):
        assert fault_of(dut, f"read_{k}") == (AxiFault.NONE, 0)
    await read(bench, 0, [(0x100, 9)])
    await write(bench, [(0x100, 3)])


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def rlast_in_the_wrong_place(dut) -> None:
    """The request decides what a burst is; RLAST elsewhere is named."""
    bench = await Bench.begin(dut)
    bench.checker.strict = False
    await read(bench, 0, [(0x400, 1)])
    bench.memory.behave(early_last=True)
    await read(bench, 0, [(0x100, bench.config.max_burst + 1), (0x200, 2)])
    assert fault_of(dut, "read_0") == (AxiFault.PROTOCOL, 0x100)
