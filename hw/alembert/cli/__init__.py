"""The command line: one function a command, each a few lines before a flow that does the work."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .. import __version__
from .area import area
from .classify import classify
from .common import console
from .compile import compile
from .evaluate import evaluate
from .hardware import generate, lint, presets
from .models import cycles, reactions
from .pack import pack
from .process import run
from .programs import assemble, disassemble, instructions, registers
from .training import train

__all__ = ["app", "main"]

app = typer.Typer(
    name="alembert",
    help="Generate, check and measure the Alembert transformer accelerator.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        console.print(f"alembert {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Generate, check and measure the Alembert transformer accelerator."""


for _command in (
    *(presets, generate, area, lint),
    *(registers, instructions, assemble, disassemble),
    *(cycles, reactions, classify),
    evaluate,
    compile,
    train,
    pack,
):
    app.command()(_command)


def main() -> None:
    """Entry point of the ``alembert`` command."""
    sys.exit(run(app))
