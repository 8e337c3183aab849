"""What every command shares: options, the terminal, and how a command fails."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..config import Preset, preset
from ..files import STANDARD_OUTPUT, check_writable, is_standard_output, write_file

__all__ = [
    "FLOW_ERROR",
    "USER_ERROR",
    "OutputFile",
    "PresetName",
    "cannot_write",
    "console",
    "fail",
    "note",
    "output_path",
    "preset_named",
    "progress_bar",
    "report_beside",
    "show_error",
    "shown_warnings",
    "warn",
    "write",
]

# a table that is piped or read in a narrow window keeps its columns: long lines before lost ones
console = Console(width=max(Console().width, 132))
_errors = Console(stderr=True)

USER_ERROR = 2
"""Exit code: what was asked for cannot be."""
FLOW_ERROR = 1
"""Exit code: a tool failed, or what it checked is wrong."""

PresetName = Annotated[
    str, typer.Option("--preset", "-p", help="A machine by name; `alembert presets` lists them.")
]


def fail(error: Exception | str, code: int) -> NoReturn:
    """Print one line to standard error, and exit."""
    show_error(error)
    raise typer.Exit(code)


def show_error(error: Exception | str) -> None:
    """Print one line to standard error, and go on."""
    _errors.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def shown_warnings() -> Iterator[None]:
    """Warnings that come up inside are printed to standard error, a line each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for each in dict.fromkeys(str(each.message) for each in caught):
                warn(each)


def note(text: str) -> None:
    """Print one line to standard error, and go on."""
    _errors.print(f"note: {text}", markup=False, highlight=False, soft_wrap=True)


def warn(text: str) -> None:
    """Print one line to standard error, and go on."""
    _errors.print(f"warning: {text}", markup=False, highlight=False, soft_wrap=True)


def preset_named(name: str) -> Preset:
    """The preset of that name; exits if there is none."""
    try:
        return preset(name)
    except ValueError as error:
        fail(error, USER_ERROR)


def progress_bar() -> Progress:
    """A bar on standard error."""
    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=_errors,
    )


def cannot_write(name: str | Path, error: OSError) -> NoReturn:
    """Say why a file cannot be written, and exit."""
    fail(f"cannot write to {name}: {error.strerror or error}", USER_ERROR)


def output_path(text: str) -> Path:
    """The file that an option names; - is standard output. Exits if it cannot be written.

    As it was typed: in a Path the slash at its end, which says that it is a folder, is lost.
    """
    name = STANDARD_OUTPUT if text == "-" else text
    try:
        check_writable(name)
    except OSError as error:
        cannot_write(repr(text) if not text.strip() else text, error)
    return Path(name)


OutputFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        parser=output_path,
        metavar="<path>",
        help="A file, or - for standard output. [default: -]",
    ),
]


def write(content: str | bytes, output: Path | None) -> None:
    """To a file, or to standard output: the same bytes. Exits if the file cannot be written."""
    data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    if output is None:
        typer.echo(data, nl=False)
        return
    try:
        write_file(output, data)
    except OSError as error:
        cannot_write(output, error)


def report_beside(*outputs: Path | None) -> Console:
    """Where a report goes beside files: to standard error, if one of them is standard output."""
    written = [path for path in outputs if path is not None]
    return _errors if any(map(is_standard_output, written)) else console
