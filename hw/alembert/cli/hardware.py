"""Commands about the hardware: presets, Verilog, lint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from ..config import PRESETS
from .common import (
    FLOW_ERROR,
    USER_ERROR,
    PresetName,
    cannot_write,
    console,
    fail,
    preset_named,
    progress_bar,
)

__all__ = ["generate", "lint", "presets"]


def presets() -> None:
    """List the presets: formats, size, accumulator width, what they are for.

    The table has 80 columns; an array for attention alone has a row of its own.
    """
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("preset", "activation × weight"):
        table.add_column(heading, no_wrap=True)
    for heading in ("V × C", "MACs", "rows", "sum bits"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in PRESETS.values():
        for index, array in enumerate(entry.arrays.values()):
            pair = array.vmac.pair
            table.add_row(
                entry.name if index == 0 else "  for attention",
                str(pair.activation) if pair.activation == pair.weight else str(pair),
                f"{array.vmac.lanes} × {array.vmacs}",
                f"{array.macs:,}",
                f"{array.vmac.rows:,}",
                f"{array.vmac.accumulator_width}",
            )
    console.print(table)
    for entry in PRESETS.values():
        console.print(f"{entry.name}: {entry.summary}", highlight=False, soft_wrap=True)


def generate(
    name: PresetName = "edge16",
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Files go to OUTPUT/PRESET/."),
    ] = Path("rtl_out"),
    prefix: Annotated[
        str,
        typer.Option(help="What names of modules and files begin with: two machines in one chip."),
    ] = "",
) -> None:
    """Write a preset's Verilog, a .v and a .json sidecar for each of its designs.

    Example: alembert generate --preset edge16_int8 --output rtl_out
    """
    from ..flows.designs import designs
    from ..flows.errors import FlowError
    from ..flows.generate import generate as write_designs

    chosen = preset_named(name)
    try:
        parts = designs(chosen, prefix=prefix)
    except ValueError as error:
        fail(error, USER_ERROR)
    directory = output / name
    try:
        with progress_bar() as progress:
            task = progress.add_task("Verilog", total=len(parts))
            files = write_designs(parts, directory, report=lambda _: progress.advance(task))
    except FlowError as error:
        fail(error, FLOW_ERROR)
    except OSError as error:
        cannot_write(error.filename or directory, error)
    for path in files:
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)


def lint(name: PresetName = "edge16") -> None:
    """Elaborate a preset's Verilog with Yosys, Icarus and Verilator; any warning is an error.

    Rules waived for generated code are in verilator_waivers.vlt, each with its reason.
    """
    from ..flows.designs import designs
    from ..flows.errors import FlowError
    from ..flows.lint import LINTERS
    from ..flows.lint import lint as check
    from ..flows.simulation import SimulationError

    parts = designs(preset_named(name))
    try:
        with progress_bar() as progress:
            task = progress.add_task("lint", total=len(parts) * len(LINTERS))
            for part in parts:
                text = part.verilog()
                for tool in LINTERS:
                    progress.update(task, description=f"{part.name}, {tool}")
                    check(text, part.top, tool)
                    progress.advance(task)
    except (FlowError, SimulationError) as error:
        fail(error, FLOW_ERROR)
    console.print(f"{name}: {len(parts)} designs clean under {', '.join(LINTERS)}")
