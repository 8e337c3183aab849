"""Lint of generated Verilog by the three tools users read it with."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..files import write_file
from .errors import FlowError, tail
from .simulation import tool_environment, waivers_path
from .yosys import run_yosys

__all__ = ["ICARUS_MODES", "LINTERS", "lint"]

ICARUS_MODES = ("1995", "2001", "2005", "2005-sv", "2009", "2012")
"""The languages that Icarus reads, by the years of their standards."""

_ELABORATE = """\
logger -werror .
read_verilog {file}
hierarchy -check -top {top}
proc
check -assert
"""


def _yosys(verilog: Path, top: str, work_dir: Path) -> None:
    run_yosys(_ELABORATE.format(file=verilog.name, top=top), work_dir, name="lint")


def _icarus(verilog: Path, top: str, work_dir: Path) -> None:
    # the timescale is the simulation's to give
    flags = ["-Wall", "-Wno-timescale", "-t", "null", "-s", top]
    for mode in ICARUS_MODES:
        output = _run(["iverilog", f"-g{mode}", *flags, verilog.name], work_dir, "icarus")
        if output.strip():
            raise FlowError(f"icarus warns about {top}:\n-g{mode}: {tail(output)}")


def _verilator(verilog: Path, top: str, work_dir: Path) -> None:
    flags = ["--lint-only", "-Wall", "--top-module", top, str(waivers_path())]
    _run(["verilator", *flags, verilog.name], work_dir, "verilator")


def _run(command: list[str], work_dir: Path, simulator: str) -> str:
    environment = tool_environment(simulator)
    done = subprocess.run(
        command, cwd=work_dir, env=environment, capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    if done.returncode:
        raise FlowError(f"{command[0]} rejects {command[-1]}:\n{tail(output)}")
    return output


LINTERS: dict[str, Callable[[Path, str, Path], None]] = {
    "yosys": _yosys,
    "icarus": _icarus,
    "verilator": _verilator,
}
"""Tool -> a check that raises :class:`FlowError` unless the design is clean."""


def lint(verilog: str, top: str, tool: str) -> None:
    """Elaborate a design with one tool, every warning an error but those waived with a reason.

    Raises
    ------
    FlowError
        The tool is missing, or has something to say.
    """
    with tempfile.TemporaryDirectory(prefix="alembert-lint-") as directory:
        path = Path(directory) / f"{top}.v"
        write_file(path, verilog)
        LINTERS[tool](path, top, Path(directory))
