"""Lint: generated Verilog is clean, and each tool would say so if it were not."""

from __future__ import annotations

import re

import pytest
from alembert.config import preset
from alembert.flows.designs import designs
from alembert.flows.errors import FlowError
from alembert.flows.lint import LINTERS, lint
from alembert.flows.simulation import waivers_path

UNDRIVEN = """\
module bad(input a, output y);
  wire undriven;
  assign y = a & undriven;
endmodule
"""
TWICE_DRIVEN = """\
module bad(input a, input b, output y);
  assign y = a;
  assign y = b;
endmodule
"""
WIDTHS = """\
module narrow(input [3:0] a, output [3:0] y);
  assign y = a;
endmodule
module bad(input [7:0] a, output [3:0] y);
  narrow part(.a(a), .y(y));
endmodule
"""
MISSING = """\
module bad(input a, output y);
  absent part(.a(a), .y(y));
endmodule
"""
SELECT = """\
module bad(input [3:0] a, output y);
  assign y = a[7];
endmodule
"""
LOOP = """\
module bad(input a, output y);
  wire p = y ^ a;
  assign y = p;
endmodule
"""

# How a tool's message begins where it rejects a text, and where it only warns.
REJECTS = {
    "yosys": "yosys failed in lint (exit code 1):\n",
    "icarus": "iverilog rejects bad.v:\n",
    "verilator": "verilator rejects bad.v:\n",
}
WARNS = {**REJECTS, "icarus": "icarus warns about bad:\n"}


def _complaint(text: str, tool: str) -> str:
    with pytest.raises(FlowError) as caught:
        lint(text, "bad", tool)
    return str(caught.value)


@pytest.mark.parametrize("design", designs(preset("tiny")), ids=lambda design: design.name)
def test_generated_verilog_is_clean(design) -> None:
    text = design.verilog()
    for tool in LINTERS:
        lint(text, design.top, tool)


@pytest.mark.parametrize("tool", LINTERS)
def test_a_missing_module_is_refused(tool: str) -> None:
    complaint = _complaint(MISSING, tool)
    assert complaint.startswith(REJECTS[tool])
    assert "absent" in complaint


@pytest.mark.parametrize("tool", LINTERS)
@pytest.mark.parametrize("text", [WIDTHS, SELECT], ids=["widths", "select"])
def test_a_wrong_width_is_refused(text: str, tool: str) -> None:
    """A warning in all three; none of them is let through."""
    assert _complaint(text, tool).startswith(WARNS[tool])


@pytest.mark.parametrize(
    ("text", "tool", "said"),
    [
        (UNDRIVEN, "yosys", r"Wire bad.\undriven is used but has no driver"),
        (UNDRIVEN, "verilator", "UNDRIVEN"),
        (TWICE_DRIVEN, "yosys", "multiple conflicting drivers for bad."),
        (LOOP, "yosys", "found logic loop in module bad"),
        (LOOP, "verilator", "UNOPTFLAT"),
    ],
    ids=["undriven-yosys", "undriven-verilator", "twice-yosys", "loop-yosys", "loop-verilator"],
)
def test_wrong_drivers_are_refused(text: str, tool: str, said: str) -> None:
    """By the tools that look for them: Icarus leaves all of these to the simulation."""
    complaint = _complaint(text, tool)
    assert complaint.startswith(REJECTS[tool])
    assert said in complaint


def test_a_clean_text_passes() -> None:
    """Positive control: none of the tools refuses whatever it is given."""
    text = "module good(input a, output y);\n  assign y = !a;\nendmodule\n"
    for tool in LINTERS:
        lint(text, "good", tool)


def test_every_waiver_has_its_reason() -> None:
    lines = waivers_path().read_text(encoding="utf-8").splitlines()
    waivers = [i for i, line in enumerate(lines) if "lint_off" in line]
    assert waivers
    for i in waivers:
        assert re.match(r"lint_off -rule [A-Z]+( |$)", lines[i]), f"no rule named: {lines[i]}"
        assert lines[i - 1].startswith("// "), f"no reason above: {lines[i]}"
    assert len({lines[i] for i in waivers}) == len(waivers)
