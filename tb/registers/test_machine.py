# amaranth: UnusedElaboratable=no
"""The machine's registers as a host sees them, with both simulators."""

from __future__ import annotations

import pytest
from alembert.config.registers import COUNTERS
from alembert.flows.identifiers import ports_of
from alembert.flows.lint import LINTERS, lint
from alembert.flows.verilog import generate_verilog
from alembert.registers import Counters, Registers, Sums, saturation_layout
from amaranth.lib import data
from registers.model import machine
from support.simulate import simulate


@pytest.mark.parametrize("attention", [True, False], ids=["attention", "one-array"])
def test_rtl_does_what_the_map_says(simulator: str, attention: bool) -> None:
    simulate(
        Registers(machine(attention=attention)),
        simulator=simulator,
        module="registers.bench_machine",
        top="registers",
        attention=attention,
        every_offset=attention and simulator == "verilator",
    )


def test_counters(simulator: str) -> None:
    simulate(
        Counters(("a", "b"), 5),
        simulator=simulator,
        module="registers.bench_counters",
        top="counters",
        names=["a", "b"],
        width=5,
    )


def test_sums(simulator: str) -> None:
    simulate(
        Sums(data.StructLayout({"a": range(4), "b": range(6)}), 6),
        simulator=simulator,
        module="registers.bench_sums",
        top="sums",
        widths={"a": 2, "b": 3},
        width=6,
    )


def test_only_units_that_are_there_saturate() -> None:
    layouts = {there: dict(saturation_layout(machine(attention=there))) for there in (True, False)}
    assert list(layouts[True]) == ["matrix_saturated", "attention_saturated", "special_saturated"]
    assert list(layouts[False]) == ["matrix_saturated", "special_saturated"]
    # 16 VMACs; 8 of attention; a sum and a value of each of 8 lanes
    assert [field.width for field in layouts[True].values()] == [5, 4, 5]


@pytest.mark.parametrize("tool", LINTERS)
def test_verilog_is_clean(tool: str) -> None:
    lint(generate_verilog(Registers(machine()), name="registers"), "registers", tool)


def test_ports_have_the_standard_names() -> None:
    registers = Registers(machine())
    ports = set(ports_of(registers))
    channels = "awaddr awprot awvalid awready wdata wstrb wvalid wready bresp bvalid bready "
    channels += "araddr arprot arvalid arready rdata rresp rvalid rready"
    assert {f"s_axi_{name}" for name in channels.split()} <= ports
    assert {f"counted_{name}" for name in COUNTERS} - ports == {"counted_cycles"}


def test_widths_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^width of the machine's counters must be between 32 an"):
        Registers(machine(), counter_width=31)
    with pytest.raises(ValueError, match=r"^width of a counter must be between 1 and 64, not 65$"):
        Counters(("a",), 65)
