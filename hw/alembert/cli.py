"""The command line: one function a command, each a few lines before a flow that does the work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from . import __version__
from .cli_cycles import shape_named, show_cycles
from .cli_reactions import Backend, Masked, NumReactions, Threshold, show_reactions
from .config import PRESETS, Preset, VmacConfig, preset

__all__ = ["app", "main"]

app = typer.Typer(
    name="alembert",
    help="Generate, check and measure the Alembert transformer accelerator.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# a table that is piped or read in a narrow window keeps its columns: long lines before lost ones
_console = Console(width=max(Console().width, 132))
_errors = Console(stderr=True)

_USER_ERROR = 2
_FLOW_ERROR = 1

PresetName = Annotated[
    str, typer.Option("--preset", "-p", help="A machine by name; `alembert presets` lists them.")
]

OutputFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="A file; standard output otherwise.")
]
SourceFile = Annotated[Path, typer.Argument(help="A program.")]


def _fail(error: Exception | str, code: int) -> NoReturn:
    _errors.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def _preset(name: str) -> Preset:
    try:
        return preset(name)
    except ValueError as error:
        _fail(error, _USER_ERROR)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=_errors,
    )


def _show_version(wanted: bool) -> None:
    if wanted:
        _console.print(f"alembert {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Generate, check and measure the Alembert transformer accelerator."""


@app.command()
def presets() -> None:
    """List the presets: formats, size, accumulator width, what they are for."""
    table = Table()
    for heading in ("preset", "array", "formats"):
        table.add_column(heading, no_wrap=True)
    for heading in ("V × C", "MACs", "rows", "sum bits"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("summary")
    for entry in PRESETS.values():
        for index, (name, array) in enumerate(entry.arrays.items()):
            first = index == 0
            table.add_row(
                entry.name if first else "",
                name,
                str(array.vmac.pair),
                f"{array.vmac.lanes} × {array.vmacs}",
                f"{array.macs:,}",
                f"{array.vmac.rows:,}",
                f"{array.vmac.accumulator_width}",
                entry.summary if first else "",
            )
    _console.print(table)


@app.command()
def generate(
    name: PresetName = "edge16",
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Files go to OUTPUT/PRESET/."),
    ] = Path("rtl_out"),
) -> None:
    """Write a preset's Verilog, a .v and a .json sidecar for each of its designs.

    Example: alembert generate --preset edge16_int8 --output rtl_out
    """
    from .flows.designs import designs
    from .flows.generate import generate as write

    parts = designs(_preset(name))
    directory = output / name
    try:
        with _progress() as progress:
            task = progress.add_task("Verilog", total=len(parts))
            files = write(parts, directory, report=lambda _: progress.advance(task))
    except OSError as error:
        _fail(f"cannot write to {directory}: {error.strerror or error}", _USER_ERROR)
    for path in files:
        _console.print(str(path), markup=False, highlight=False, soft_wrap=True)


@app.command()
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
    from .flows.area import measure_area
    from .flows.area_report import area_table
    from .flows.designs import VMAC_FORMATS, designs, format_pair, vmac_design
    from .flows.errors import FlowError

    if name is not None and vmac is not None:
        _fail("--preset and --vmac exclude each other", _USER_ERROR)
    given = {
        "lanes": lanes,
        "rows": rows,
        "max_depth": max_depth,
        "levels_per_stage": levels_per_stage,
    }
    size = {field: value for field, value in given.items() if value is not None}
    if vmac is None and size:
        options = ", ".join(f"--{field.replace('_', '-')}" for field in size)
        _fail(f"{options} must come with --vmac; a preset has its own sizes", _USER_ERROR)
    if vmac is not None:
        try:
            parts = [
                vmac_design(VmacConfig(pair=format_pair(slug), **{"rows": 1, **size}))
                for slug in (VMAC_FORMATS if vmac == "all" else (vmac,))
            ]
        except ValueError as error:
            _fail(error, _USER_ERROR)
        title, flatten = "VMAC area", True
    else:
        chosen = _preset(name or "edge16")
        parts = designs(chosen)
        title, flatten = f"Area of {chosen.name}", flat
    try:
        rows_of_table = []
        with _progress() as progress:
            task = progress.add_task("area", total=len(parts))
            for part in parts:
                progress.update(task, description=part.name)
                text = part.verilog()
                units = () if flatten else part.units
                report = measure_area(
                    text, part.name, work_dir, flatten=flatten, dsp=dsp, units=units
                )
                rows_of_table.append((part.name, part.macs, report))
                progress.advance(task)
    except FlowError as error:
        _fail(error, _FLOW_ERROR)
    except OSError as error:
        _fail(f"cannot write to {work_dir}: {error.strerror or error}", _USER_ERROR)
    _console.print(area_table(rows_of_table, title=title))


@app.command()
def lint(name: PresetName = "edge16") -> None:
    """Elaborate a preset's Verilog with Yosys, Icarus and Verilator; any warning is an error.

    Rules waived for generated code are in verilator_waivers.vlt, each with its reason.
    """
    from .flows.designs import designs
    from .flows.errors import FlowError
    from .flows.lint import LINTERS
    from .flows.lint import lint as check
    from .flows.simulation import SimulationError

    parts = designs(_preset(name))
    try:
        with _progress() as progress:
            task = progress.add_task("lint", total=len(parts) * len(LINTERS))
            for part in parts:
                text = part.verilog()
                for tool in LINTERS:
                    progress.update(task, description=f"{part.name}, {tool}")
                    check(text, part.name, tool)
                    progress.advance(task)
    except (FlowError, SimulationError) as error:
        _fail(error, _FLOW_ERROR)
    _console.print(f"{name}: {len(parts)} designs clean under {', '.join(LINTERS)}")


@app.command()
def registers(
    form: Annotated[str, typer.Option("--format", "-f", help="c, rdl (SystemRDL) or markdown.")],
    output: OutputFile = None,
) -> None:
    """Write the register map for others: a C header, SystemRDL or a Markdown page.

    Example: alembert registers --format c --output alembert_registers.h
    """
    from .config.registers import REGISTERS
    from .flows.registers import EXPORTS

    if form not in EXPORTS:
        _fail(f"format must be one of {', '.join(EXPORTS)}, not {form!r}", _USER_ERROR)
    _write(EXPORTS[form](REGISTERS), output)


@app.command()
def instructions(output: OutputFile = None) -> None:
    """Write the instruction set as a Markdown page."""
    from .flows.instructions import markdown

    _write(markdown(), output)


@app.command()
def assemble(source: SourceFile, output: OutputFile = None) -> None:
    """Turn a program's text into instructions of 32 bytes.

    Example: alembert assemble program.s --output program.bin
    """
    from alembert_compiler.assembler import ProgramError, to_bytes
    from alembert_compiler.assembler import assemble as assembled

    try:
        _write(to_bytes(assembled(source.read_text(encoding="utf-8"))), output)
    except OSError as error:
        _fail(f"cannot read {source}: {error.strerror or error}", _USER_ERROR)
    except (ProgramError, UnicodeDecodeError) as error:
        _fail(f"{source}: {error}", _USER_ERROR)


@app.command()
def disassemble(source: SourceFile, output: OutputFile = None) -> None:
    """Turn instructions of 32 bytes into text that assembles to them."""
    from alembert_compiler.assembler import ProgramError, from_bytes
    from alembert_compiler.assembler import disassemble as disassembled

    try:
        _write(disassembled(from_bytes(source.read_bytes())), output)
    except OSError as error:
        _fail(f"cannot read {source}: {error.strerror or error}", _USER_ERROR)
    except ProgramError as error:
        _fail(f"{source}: {error}", _USER_ERROR)


@app.command()
def cycles(
    model: Annotated[
        str,
        typer.Option(help="albert_base, albert_large, rxnmapper, r8, or hidden,heads,ffn."),
    ] = "albert_base",
    name: PresetName = "edge16",
    length: Annotated[int, typer.Option(min=1, max=512, help="Tokens.")] = 128,
    passes: Annotated[int, typer.Option(min=1, max=64, help="Passes through the layer.")] = 1,
    latency: Annotated[
        int | None, typer.Option(min=1, help="Of memory, in cycles. [default: the bus's]")
    ] = None,
) -> None:
    """Predict the cycles of a model from its shape alone, by the cycle model.

    Example: alembert cycles --model albert_base --preset edge16 --length 128
    """
    machine = _preset(name).machine
    try:
        show_cycles(
            _console, machine, shape_named(model), length=length, passes=passes, latency=latency
        )
    except ValueError as error:
        _fail(error, _USER_ERROR)


@app.command()
def reactions(
    name: PresetName = "edge16",
    count: NumReactions = 3,
    masked: Masked = 1,
    threshold: Threshold = 0.6,
    backend: Annotated[Backend, typer.Option(help="Verilog, or the golden model.")] = Backend.RTL,
) -> None:
    """Run the pretrained ALBERT on real reactions with hidden tokens.

    Prints what the machine predicts beside what is true, after which pass it left, entropy, cycles
    and how busy its units were; all that it stores is compared with the golden machine.
    """
    from alembert_compiler.errors import CompileError
    from alembert_compiler.packages import PackageError
    from alembert_runtime import DeviceError

    from .flows.errors import FlowError
    from .flows.simulation import SimulationError

    try:
        is_golden = show_reactions(
            _console,
            _preset(name).machine,
            backend=backend,
            count=count,
            masked=masked,
            threshold=threshold,
        )
    except (CompileError, ValueError) as error:
        _fail(error, _USER_ERROR)
    except (PackageError, SimulationError, FlowError, DeviceError, OSError) as error:
        _fail(error, _FLOW_ERROR)
    if not is_golden:
        _fail("the machine and its golden model differ", _FLOW_ERROR)


def _write(content: str | bytes, output: Path | None) -> None:
    """To a file, or to standard output."""
    if output is None:
        typer.echo(content, nl=False)
        return
    try:
        if isinstance(content, str):
            output.write_text(content, encoding="utf-8")
        else:
            output.write_bytes(content)
    except OSError as error:
        _fail(f"cannot write to {output}: {error.strerror or error}", _USER_ERROR)


def main() -> None:
    """Entry point of the ``alembert`` command."""
    sys.exit(app())
