"""cocotb side of test_file: cycle by cycle, without a driver between."""

from __future__ import annotations

import cocotb
from alembert.registers.file import RegisterFile
from cocotb.triggers import ClockCycles, RisingEdge
from registers.bus import ChannelMonitor
from registers.model import ODD_MAP
from support.streams import start


@cocotb.test()
async def flags_are_set_before_they_are_cleared(dut) -> None:
    """An event in the cycle of the write survives it, one before does not."""
    await start(dut)
    for name in ("b", "r"):
        ChannelMonitor(dut, name)
    dut.s_axi_bready.value = 1
    edge = RisingEdge(dut.clk)
    for when, survives in ((0, False), (1, True), (2, True)):
        await edge
        dut.s_axi_awaddr.value, dut.s_axi_awvalid.value = ODD_MAP["FLAGS"].offset, 1
        dut.s_axi_wdata.value, dut.s_axi_wvalid.value = 0xFFFFFFFF, 1
        dut.s_axi_wstrb.value = 15
        for cycle in range(4):
            dut.events_flags.value = int(cycle == when)
            await edge
            dut.s_axi_awvalid.value = dut.s_axi_wvalid.value = 0
        dut.events_flags.value = 0
        await ClockCycles(dut.clk, 3)
        assert int(dut.flags_flags.value) == int(survives), when


@cocotb.test()
async def latency_and_interval(dut) -> None:
    """As the attributes say, for reads and writes at once."""
    await start(dut)
    count = 20
    dut.s_axi_bready.value = dut.s_axi_rready.value = 1
    await RisingEdge(dut.clk)
    for name in ("awvalid", "wvalid", "arvalid"):
        getattr(dut, f"s_axi_{name}").value = 1
    dut.s_axi_awaddr.value = dut.s_axi_araddr.value = ODD_MAP["WHOLE"].offset
    times: dict[str, list[int]] = {channel: [] for channel in ("aw", "w", "b", "ar", "r")}
    for cycle in range(count * RegisterFile.interval):
        await RisingEdge(dut.clk)
        for channel, found in times.items():
            valid, ready = (getattr(dut, f"s_axi_{channel}{x}").value for x in ("valid", "ready"))
            if valid and ready:
                found.append(cycle)
    for request, answer in (("aw", "b"), ("w", "b"), ("ar", "r")):
        assert times[request] == list(
            range(0, count * RegisterFile.interval, RegisterFile.interval)
        )
        answers = [cycle + RegisterFile.latency for cycle in times[request]]
        assert times[answer] == answers[: len(times[answer])] and len(times[answer]) == count - 1
