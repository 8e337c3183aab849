# amaranth: UnusedElaboratable=no
"""The machine's registers as a host sees them, with both simulators."""

from __future__ import annotations

import pytest
from alembert.config.registers import COUNTERS
from alembert.flows.identifiers import ports_of
from alembert.flows.lint import LINTERS, lint
from alembert.flows.verilog import generate_verilog
from alembert.registers import Counters, Registers
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
