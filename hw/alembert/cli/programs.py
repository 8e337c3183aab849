"""Commands about programs and registers: exports, assembler, disassembler."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import USER_ERROR, OutputFile, fail, write

__all__ = ["assemble", "disassemble", "instructions", "registers"]

SourceFile = Annotated[Path, typer.Argument(help="A program.")]


def registers(
    form: Annotated[str, typer.Option("--format", "-f", help="c, rdl (SystemRDL) or markdown.")],
    output: OutputFile = None,
) -> None:
    """Write the register map for others: a C header, SystemRDL or a Markdown page.

    Example: alembert registers --format c --output alembert_registers.h
    """
    from ..config.registers import REGISTERS
    from ..flows.registers import EXPORTS

    if form not in EXPORTS:
        fail(f"format must be one of {', '.join(EXPORTS)}, not {form!r}", USER_ERROR)
    write(EXPORTS[form](REGISTERS), output)


def instructions(output: OutputFile = None) -> None:
    """Write the instruction set as a Markdown page."""
    from ..flows.instructions import markdown

    write(markdown(), output)


def assemble(source: SourceFile, output: OutputFile = None) -> None:
    """Turn a program's text into instructions of 32 bytes.

    Example: alembert assemble program.s --output program.bin
    """
    from alembert_compiler.assembler import ProgramError, to_bytes
    from alembert_compiler.assembler import assemble as assembled

    try:
        program = to_bytes(assembled(source.read_text(encoding="utf-8")))
    except OSError as error:
        fail(f"cannot read {source}: {error.strerror or error}", USER_ERROR)
    except (ProgramError, UnicodeDecodeError) as error:
        fail(f"{source}: {error}", USER_ERROR)
    write(program, output)


def disassemble(source: SourceFile, output: OutputFile = None) -> None:
    """Turn instructions of 32 bytes into text that assembles to them."""
    from alembert_compiler.assembler import ProgramError, from_bytes
    from alembert_compiler.assembler import disassemble as disassembled

    try:
        text = disassembled(from_bytes(source.read_bytes()))
    except OSError as error:
        fail(f"cannot read {source}: {error.strerror or error}", USER_ERROR)
    except ProgramError as error:
        fail(f"{source}: {error}", USER_ERROR)
    write(text, output)
