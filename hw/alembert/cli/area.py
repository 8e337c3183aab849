"""``alembert area``: what a design costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..config import VmacConfig
from .common import FLOW_ERROR, USER_ERROR, console, fail, preset_named, progress_bar

__all__ = ["area"]


def area(
    name: Annotated[
        str | None,
        typer.Option("--preset", "-p", help="All designs of a preset, module by module."),
    ] = None,
    vmac: Annotated[
        str | None,
        typer.Option(
            "--vmac",
            help="One VMAC, flat: adaptivfloat<n>_<e>, int8, int8_int4, ternary, or all.",
        ),
    ] = None,
    lanes: Annotated[
        int | None, typer.Option(help="With --vmac: multiplications a cycle. [default: 16]")
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            help="With --vmac: accumulator rows; 1 is a register, more a memory. [default: 1]"
        ),
    ] = None,
    max_depth: Annotated[
        int | None, typer.Option(help="With --vmac: the largest K. [default: 4096]")
    ] = None,
    levels_per_stage: Annotated[
        int | None,
        typer.Option(help="With --vmac: adder levels between pipeline registers. [default: 2]"),
    ] = None,
    flat: Annotated[
        bool, typer.Option("--flat", help="With --preset: one netlist a design; takes minutes.")
    ] = False,
    dsp: Annotated[
        bool, typer.Option("--dsp", help="Map a fourth time too, with hard multipliers allowed.")
    ] = False,
    work_dir: Annotated[
        Path, typer.Option(help="Where measurements are kept; asked again, they are not repeated.")
    ] = Path("build/area"),
) -> None:
    """Measure area: ECP5 LUT4 equivalents without DSP blocks, and CMOS transistors.

    A VMAC is measured flat, with a register for its accumulator; compare formats with

        alembert area --vmac all

    and sweep a size with, say, alembert area --vmac ternary --lanes 32.
    """
    from ..flows.area import measure_area
    from ..flows.area_report import area_table
    from ..flows.designs import VMAC_FORMATS, designs, format_pair, vmac_design
    from ..flows.errors import FlowError

    if name is not None and vmac is not None:
        fail("--preset and --vmac exclude each other", USER_ERROR)
    given = {
        "lanes": lanes,
        "rows": rows,
        "max_depth": max_depth,
        "levels_per_stage": levels_per_stage,
    }
    size = {field: value for field, value in given.items() if value is not None}
    if vmac is None and size:
        options = ", ".join(f"--{field.replace('_', '-')}" for field in size)
        fail(f"{options} must come with --vmac; a preset has its own sizes", USER_ERROR)
    if vmac is not None:
        try:
            parts = [
                vmac_design(VmacConfig(pair=format_pair(slug), **{"rows": 1, **size}))
                for slug in (VMAC_FORMATS if vmac == "all" else (vmac,))
            ]
        except ValueError as error:
            fail(error, USER_ERROR)
        title, flatten = "VMAC area", True
    else:
        chosen = preset_named(name or "edge16")
        parts = designs(chosen)
        title, flatten = f"Area of {chosen.name}", flat
    try:
        rows_of_table = []
        with progress_bar() as progress:
            task = progress.add_task("area", total=len(parts))
            for part in parts:
                progress.update(task, description=part.name)
                text = part.verilog()
                units = {} if flatten else part.unit_modules
                report = measure_area(
                    text, part.top, work_dir, flatten=flatten, dsp=dsp, units=units
                )
                rows_of_table.append((part.name, part.macs, report))
                progress.advance(task)
    except FlowError as error:
        fail(error, FLOW_ERROR)
    except OSError as error:
        fail(f"cannot write to {work_dir}: {error.strerror or error}", USER_ERROR)
    console.print(area_table(rows_of_table, title=title))
