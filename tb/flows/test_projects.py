"""All that is generated can be read into one project, by every tool that users have."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from alembert.config import PRESETS, preset
from alembert.flows.designs import Design, designs
from alembert.flows.generate import generate
from alembert.flows.identifiers import VERILOG_KEYWORDS
from alembert.flows.lint import ICARUS_MODES
from alembert.flows.simulation import tool_environment
from alembert.flows.yosys import run_yosys
from pyslang.ast import Compilation
from pyslang.syntax import SyntaxTree

TINY = preset("tiny")
OTHER = replace(TINY, machine=replace(TINY.machine, longest_row=32))
"""A configuration that has not been published."""

_MODULE = re.compile(r"^module (\S+?)\(.*?^endmodule$", re.MULTILINE | re.DOTALL)
_PORTS = re.compile(r"^  (?:input|output) (?:\[\d+:0\] )?(\S+);$", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``alembert generate`` writes for tiny, and units of other machines."""
    directory = tmp_path_factory.mktemp("project")
    generate(_parts(), directory)
    return directory


def _parts() -> list[Design]:
    of_tiny = designs(TINY)
    known = {design.name for design in of_tiny}
    ternary = _units(designs(preset("edge16_ternary")))
    new = [design for design in ternary if design.macs == 0 and design.name not in known]
    return [*of_tiny, *_units(designs(OTHER, prefix="b_")), *new]


def _units(parts: list[Design]) -> list[Design]:
    """All but the whole machine."""
    return [part for part in parts if part.name != "alembert"]


def _tops(directory: Path) -> set[str]:
    sidecars = (path.read_text(encoding="utf-8") for path in directory.glob("*.json"))
    return {json.loads(each)["top"] for each in sidecars}


def _texts(directory: Path) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(directory.glob("*.v"))]


def _repeated(texts: Iterable[str]) -> list[str]:
    """Modules that are defined more than once."""
    names = Counter(name for text in texts for name in _MODULE.findall(text))
    assert names
    return [name for name, count in names.items() if count > 1]


def _sources(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.v"))


def test_icarus_reads_a_project(folder: Path) -> None:
    for mode in ICARUS_MODES:
        flags = ["-Wall", "-Wno-timescale", f"-g{mode}", "-t", "null"]
        assert _said("icarus", folder, "iverilog", *flags, *_sources(folder)) == "", mode


def test_verilator_reads_a_project(folder: Path) -> None:
    """With its ordinary warnings, but for those about widths, and that there are many tops."""
    flags = ["--lint-only", "-Wno-WIDTH", "-Wno-MULTITOP"]
    assert _said("verilator", folder, "verilator", *flags, *_sources(folder)) == ""


def _said(simulator: str, folder: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=tool_environment(simulator),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith("- V"))


def test_yosys_reads_a_project(folder: Path, tmp_path: Path) -> None:
    for source in folder.glob("*.v"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    script = f"logger -werror .\nread_verilog {' '.join(_sources(folder))}\nhierarchy -check"
    run_yosys(script, tmp_path, name="project")


def test_slang_reads_a_project(folder: Path) -> None:
    compilation = Compilation()
    for source in sorted(folder.glob("*.v")):
        compilation.addSyntaxTree(SyntaxTree.fromFile(str(source)))
    errors = [each for each in compilation.getAllDiagnostics() if each.isError()]
    assert not errors
    tops = {top.name for top in compilation.getRoot().topInstances}
    assert tops == {design.top for design in _parts()}


def test_every_name_has_one_meaning(folder: Path) -> None:
    assert _repeated(_texts(folder)) == []
    # the large designs of all presets are for `make regress`
    others = [design for each in (OTHER, *PRESETS.values()) for design in _units(designs(each))]
    others = [design for design in others if design.macs == 0 and design.top not in _tops(folder)]
    assert _repeated([*_texts(folder), *(design.verilog() for design in others)]) == []


@pytest.mark.regress
def test_every_name_has_one_meaning_in_whole_machines() -> None:
    everything = [design for each in PRESETS.values() for design in designs(each)]
    assert _repeated(design.verilog() for design in everything) == []


def test_every_name_is_plain(folder: Path) -> None:
    for text in _texts(folder):
        assert text.isascii()
        assert "\\" not in text
        for module in _MODULE.finditer(text):
            ports = _PORTS.findall(module[0])
            assert ports
            for name in [module[1], *ports]:
                assert re.fullmatch(r"[a-zA-Z](_?[a-zA-Z0-9])*", name)
                assert name not in VERILOG_KEYWORDS


def test_ghdl_analyses_a_component_of_each_design(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "wrapper.vhd"
    source.write_text(_vhdl(folder.glob("*.json")), encoding="utf-8")
    command = ["ghdl", "-a", "--std=93", source.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def _vhdl(sidecars: Iterable[Path]) -> str:
    components = []
    for path in sidecars:
        described = json.loads(path.read_text(encoding="utf-8"))
        ports = "; ".join(
            f"{port} : {entry['direction'].removesuffix('put')} {_vhdl_type(entry['width'])}"
            for port, entry in described["ports"].items()
        )
        components.append(f"component {described['top']} is port ({ports}); end component;")
    assert components
    head = "library ieee;\nuse ieee.std_logic_1164.all;\nentity wrapper is\nend entity;\n"
    body = "\n".join(components)
    return f"{head}architecture all_of_them of wrapper is\n{body}\nbegin\nend architecture;\n"


def _vhdl_type(width: int) -> str:
    return "std_logic" if width == 1 else f"std_logic_vector({width - 1} downto 0)"


def test_a_header_says_what_the_file_is(folder: Path) -> None:
    head = (folder / "b_softmax.v").read_text(encoding="utf-8").partition("module ")[0]
    top = designs(OTHER, prefix="b_")[3].top
    assert head.startswith(f"// {top}: p = 2^x / sum 2^x over the positions of a row that ")
    for line in (
        r"Design softmax, configuration [0-9a-f]{8}\.",
        r"Generated by alembert \d+\.\d+\.\d+\.",
        r"SPDX-License-Identifier: Apache-2\.0 OR 0BSD",
        r"o: As many beats of probabilities, 15 fraction bits\. .*",
        r"  output \[32:0\]   o_payload            \{values: 2 x unsigned\(16\), last: .*",
        r"  input           o_ready              unsigned\(1\)",
        r"  output          fault                RowFault: 0 NONE, 1 OVERLONG_ROW",
    ):
        assert re.search(rf"^// {line}$", head, re.MULTILINE), line
    for word in ("rising edge of clk", "rst is synchronous and active high"):
        assert word in head
