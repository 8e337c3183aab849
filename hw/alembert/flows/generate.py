"""Generate a preset's Verilog and sidecars."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from ..files import write_files
from .designs import Design
from .verilog import design_files

__all__ = ["generate"]


def generate(
    designs: Iterable[Design], directory: Path, *, report: Callable[[str], None] | None = None
) -> list[Path]:
    """Write every design's Verilog and sidecar into ``directory``, or nothing at all.

    Everything is built first, then written, by :func:`alembert.files.write_files`.

    Parameters
    ----------
    designs : iterable of Design
        What to write.
    directory : Path
        Where to; it is made if it does not exist.
    report : callable, optional
        Told each design's name before the design is built.

    Returns
    -------
    list of Path
        The files, in the designs' order.

    Raises
    ------
    OSError
        The directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files: dict[Path, str] = {}
    for design in designs:
        if report is not None:
            report(design.name)
        files |= design_files(
            design.component(),
            directory,
            name=design.stem,
            config=design.config,
            top=design.top,
            origin=design.origin,
        )
    write_files(files)
    return [*files]
