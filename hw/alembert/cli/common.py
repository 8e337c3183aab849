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

__all__ = [
    "FLOW_ERROR",
    "USER_ERROR",
    "OutputFile",
    "PresetName",
    "console",
    "fail",
    "note",
    "preset_named",
    "progress_bar",
    "shown_warnings",
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
OutputFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="A file; standard output otherwise.")
]


def fail(error: Exception | str, code: int) -> NoReturn:
    """Print one line to standard error, and exit."""
    _errors.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


@contextlib.contextmanager
def shown_warnings() -> Iterator[None]:
    """Warnings that come up inside are printed to standard error, a line each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for each in dict.fromkeys(str(each.message) for each in caught):
                _errors.print(f"warning: {each}", markup=False, highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """Print one line to standard error, and go on."""
    _errors.print(f"note: {text}", markup=False, highlight=False, soft_wrap=True)


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


def write(content: str | bytes, output: Path | None) -> None:
    """To a file, or to standard output; exits if the file cannot be written."""
    if output is None:
        typer.echo(content, nl=False)
        return
    try:
        if isinstance(content, str):
            output.write_text(content, encoding="utf-8")
        else:
            output.write_bytes(content)
    except OSError as error:
        fail(f"cannot write to {output}: {error.strerror or error}", USER_ERROR)
