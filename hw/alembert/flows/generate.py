"""Generate a preset's Verilog and sidecars."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from .designs import Design
from .verilog import write_design

__all__ = ["generate"]


def generate(
    designs: Iterable[Design], directory: Path, *, report: Callable[[str], None] | None = None
) -> list[Path]:
    """Write every design's Verilog and sidecar into ``directory``, or nothing at all.

    Everything is built beside the final place first, then moved there file by file.

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
    with tempfile.TemporaryDirectory(prefix=".building-", dir=directory) as building:
        built: list[Path] = []
        for design in designs:
            if report is not None:
                report(design.name)
            built += write_design(
                design.component(),
                Path(building),
                name=design.stem,
                config=design.config,
                top=design.top,
                origin=design.origin,
            )
        for path in built:
            if (directory / path.name).is_dir():
                raise IsADirectoryError(errno.EISDIR, f"{path.name} is a directory")
        return [path.replace(directory / path.name) for path in built]
