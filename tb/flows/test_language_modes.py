"""The same text is the same machine in every language that a simulator can take it for."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from alembert.config import preset
from alembert.config.registers import REGISTERS
from alembert.flows.designs import designs
from alembert.flows.identifiers import Port, ports_of
from alembert.flows.lint import ICARUS_MODES
from alembert.flows.simulation import tool_environment, waivers_path
from alembert.flows.verilog import generate_verilog
from amaranth.lib.wiring import In

CYCLES = 160
TINY = {design.name: design for design in designs(preset("tiny"))}
# A table, a memory, and a choice between many each; half a second of Yosys.
NAMES = ("gelu", "adaptivfloat_quantiser", "early_exit")


def _generated(name: str) -> tuple[str, str, dict[str, Port]]:
    """Text, top module and ports of a design."""
    design = TINY[name]
    component = design.component()
    return generate_verilog(component, name=design.top), design.top, ports_of(component)


@cache
def _bench(name: str) -> str:
    """A design, bits that look random on its inputs, and its outputs as one vector, ``seen``.

    All in Verilog-1995; reset comes twice. ``run`` prints what is seen in each cycle.
    """
    verilog, top, ports = _generated(name)
    connected, widths = [".clk(clk)", ".rst(rst)"], {"stimulus": 0, "seen": 0}
    for port, (_, member, value) in ports.items():
        vector = "stimulus" if member.flow is In else "seen"
        low, widths[vector] = widths[vector], widths[vector] + len(value)
        connected.append(f".{port}({vector}[{widths[vector] - 1}:{low}])")
    width, seed = widths["stimulus"], random.Random(1).getrandbits(widths["stimulus"])
    return f"""{verilog}
module bench(clk, seen);
  input clk;
  output [{widths["seen"] - 1}:0] seen;
  reg [{width - 1}:0] stimulus;
  reg [7:0] cycle;
  wire rst;
  initial stimulus = {width}'h{seed:x};
  initial cycle = 0;
  assign rst = cycle < 2 || cycle == 90;
  always @(posedge clk) begin
    cycle <= cycle + 8'd1;
    stimulus <= {{stimulus[{width - 2}:0], stimulus[{width - 1}] ^ stimulus[7] ^ stimulus[2]}};
  end
  {top} dut({", ".join(connected)});
endmodule
module run;
  reg clk;
  wire [{widths["seen"] - 1}:0] seen;
  bench bench(.clk(clk), .seen(seen));
  initial begin
    clk = 0;
    repeat ({CYCLES}) begin
      #5 clk = 1;
      #5 $display("seen %b", seen);
      clk = 0;
    end
    $finish;
  end
endmodule
"""


def _call(folder: Path, environment: Mapping[str, str], *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _seen(output: str) -> list[str]:
    lines = output.splitlines()
    found = [line.removeprefix("seen ") for line in lines if line.startswith("seen ")]
    assert len(found) == CYCLES
    return found


def _icarus(text: str, mode: str, folder: Path) -> str:
    """What a module ``run`` prints in a language."""
    (folder / "run.v").write_text(text, encoding="utf-8")
    environment = tool_environment("icarus")
    _call(folder, environment, "iverilog", f"-g{mode}", "-s", "run", "-o", "run", "run.v")
    return _call(folder, environment, "vvp", "run")


def _verilator(text: str, folder: Path) -> str:
    (folder / "run.v").write_text(text, encoding="utf-8")
    flags = ["--binary", "--timescale", "1ns/1ps", "--top-module", "run", "-Wno-WIDTH"]
    flags += ["-CFLAGS", "-std=c++20", "-O0"]
    environment = tool_environment("verilator")
    _call(folder, environment, "verilator", *flags, str(waivers_path()), "run.v")
    return _call(folder, environment, str(folder / "obj_dir" / "Vrun"))


# the WebAssembly builds of Yosys have no simulator
_SIM = """\
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1:]:
    libyosys.run_pass(command, design)
"""


def _yosys(text: str, folder: Path) -> list[str]:
    (folder / "run.v").write_text(text.partition("module run;")[0], encoding="utf-8")
    sim = f"sim -clock clk -n {CYCLES} -vcd run.vcd bench"
    passes = ("read_verilog run.v", "prep -top bench", sim)
    _call(folder, dict(os.environ), sys.executable, "-c", _SIM, *passes)
    return _high_phases((folder / "run.vcd").read_text(encoding="utf-8"))


def _high_phases(vcd: str) -> list[str]:
    """What the vector ``seen`` of the outermost module is while its clock is high."""
    (width, seen), (_, clock) = (
        re.findall(rf"\$var wire (\d+) (\S+) {name}\b", vcd)[0] for name in ("seen", "clk")
    )
    values, found = {}, []
    for step in re.split(r"^#\d+$", vcd.partition("$enddefinitions")[2], flags=re.MULTILINE)[1:]:
        values |= {name: value for value, name in re.findall(r"^b?([01xz]+) ?(\S+)$", step, re.M)}
        if values.get(clock) == "1":
            found.append(values[seen].rjust(int(width), "0"))
    return found[:CYCLES]


@pytest.mark.parametrize("name", NAMES)
def test_every_language_of_icarus_and_yosys(name: str, tmp_path: Path) -> None:
    text = _bench(name)
    runs = {mode: _seen(_icarus(text, mode, tmp_path)) for mode in ICARUS_MODES}
    latest = runs["2012"]
    # what a memory has not been asked for yet is unknown in all of them
    assert name == "adaptivfloat_quantiser" or not re.search("[xz]", "".join(latest))
    assert len(set(latest)) > 10, "the stimuli must do something"
    for mode, run in {**runs, "yosys": _yosys(text, tmp_path)}.items():
        assert run == latest, mode


def test_verilator(tmp_path: Path) -> None:
    text = _bench("gelu")
    assert _seen(_verilator(text, tmp_path)) == _seen(_icarus(text, "2012", tmp_path))


def _registers() -> str:
    """A testbench of the whole machine: STATUS, then LENGTH, written and read back."""
    verilog, top, ports = _generated("alembert")
    wires = "".join(
        f"  {'reg' if member.flow is In else 'wire'} [{len(value) - 1}:0] {port};\n"
        for port, (_, member, value) in ports.items()
    )
    idle = "".join(f" {port} = 0;" for port, each in ports.items() if each.member.flow is In)
    connected = ", ".join(f".{port}({port})" for port in ["clk", "rst", *ports])
    at = {name: REGISTERS[name].offset for name in ("STATUS", "LENGTH")}
    return f"""{verilog}
module run;
  reg clk, rst;
{wires}
  {top} dut({connected});
  always #5 clk = ~clk;
  task read;
    input [31:0] address;
    begin
      s_axi_araddr = address;
      s_axi_arvalid = 1;
      @(negedge clk) s_axi_arvalid = 0;
      while (!s_axi_rvalid) @(negedge clk);
      $display("%h %h", s_axi_rdata, s_axi_rresp);
      @(negedge clk);
    end
  endtask
  initial begin
    clk = 0; rst = 1;{idle}
    s_axi_rready = 1; s_axi_bready = 1; s_axi_wstrb = 15;
    repeat (4) @(negedge clk);
    rst = 0;
    repeat (4) @(negedge clk);
    read({at["STATUS"]});
    s_axi_awaddr = {at["LENGTH"]}; s_axi_wdata = 32'h123;
    s_axi_awvalid = 1; s_axi_wvalid = 1;
    @(negedge clk) s_axi_awvalid = 0;
    s_axi_wvalid = 0;
    while (!s_axi_bvalid) @(negedge clk);
    $display("%h", s_axi_bresp);
    read({at["LENGTH"]});
    $finish;
  end
  initial #5000 $finish;
endmodule
"""


def test_a_host_is_answered_in_every_language_of_icarus(tmp_path: Path) -> None:
    text = _registers()
    for mode in ICARUS_MODES:
        answered = _icarus(text, mode, tmp_path).split()
        assert answered[:5] == ["00000000", "0", "0", "00000123", "0"], mode
