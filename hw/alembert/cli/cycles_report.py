"""``alembert cycles``: how long a model takes on a machine, without simulating it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rich import box
from rich.console import Console
from rich.table import Table

from ..config.isa import Unit
from ..config.machine import MachineConfig

__all__ = ["SHAPES", "Shape", "shape_named", "show_cycles"]


@dataclass(frozen=True)
class Shape:
    """The shape of a model: width, heads, feed-forward width, width of its embeddings."""

    hidden: int
    heads: int
    ffn: int
    embedding: int


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "albert_base": Shape(768, 12, 3072, 128),
        "albert_large": Shape(1024, 16, 4096, 128),
        "rxnmapper": Shape(256, 8, 512, 128),
        "r8": Shape(128, 4, 512, 32),
    }
)
"""Models by name: ALBERT's published sizes, and those that the project runs."""


def shape_named(name: str) -> Shape:
    """The shape called ``name``, or hidden,heads,ffn[,embedding] in numbers.

    Raises
    ------
    ValueError
        It is neither.
    """
    if name in SHAPES:
        return SHAPES[name]
    parts = name.split(",")
    if len(parts) in (3, 4) and all(part.isdecimal() for part in parts):
        hidden, heads, ffn, *rest = map(int, parts)
        return Shape(hidden, heads, ffn, *(rest or [min(128, hidden)]))
    raise ValueError(
        f"model must be one of {', '.join(SHAPES)}, or hidden,heads,ffn[,embedding], not {name!r}"
    )


def show_cycles(
    console: Console,
    machine: MachineConfig,
    shape: Shape,
    *,
    length: int,
    passes: int,
    latency: int | None,
) -> str | None:
    """Predict a run and print it: cycles, and how busy each unit is.

    Returns
    -------
    str or None
        Why no machine of the kind runs it, if the scratchpad has no room.

    Raises
    ------
    ValueError
        A dimension is out of its range, or the machine takes no sentence of that length.
    """
    from alembert_compiler.cycles import predict, shape_model
    from alembert_compiler.fit import FitWarning, longest_that_fits, program_of, refusal
    from alembert_compiler.model_check import longest_sentence

    model = shape_model(
        hidden=shape.hidden,
        heads=shape.heads,
        ffn=shape.ffn,
        layers=passes,
        length=length,
        machine=machine,
        embedding=shape.embedding,
    )
    if length > (most := longest_sentence(model.config, machine)):
        longest = longest_that_fits(model, targets=1, below=most + 1)
        raise ValueError(f"--length must be between 1 and {longest}, not {length}")
    fitted = program_of(model, length=length, targets=1)
    program = fitted.program
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # said below, with the length that fits
        found = predict(machine, program, length=length, latency=latency)
    first, last = found.passes[-1]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("unit")
    for name in ("instructions", "busy, cycles", "waiting, cycles", "% of all cycles at work"):
        table.add_column(name, justify="right")
    for unit, counted in found.units.items():
        share = 100 * counted.work / found.cycles if unit is not Unit.DMA else None
        table.add_row(
            unit.name.lower(),
            f"{counted.instructions:,}",
            f"{counted.busy:,}",
            f"{counted.stalled:,}",
            "–" if share is None else f"{share:.1f}",
        )
    console.print(f"{found.cycles:,} cycles, {last - first + 1:,} of them in the last pass")
    console.print(
        f"{program.words:,} words of the scratchpad, which has {machine.scratchpad.words:,}"
    )
    console.print(table)
    return None if fitted.fits else refusal(model, fitted.needed, length=length, targets=1)
