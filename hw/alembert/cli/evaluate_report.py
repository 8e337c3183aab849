"""What ``alembert evaluate`` prints and writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from alembert_runtime.saturation import Saturated
    from alembert_runtime.sweep import Point

__all__ = ["Result", "check_outputs", "csv_of", "plot_of", "table_of"]

_COLUMNS = (
    *("model", "preset", "variant", "texts", "sentences", "threshold_nats", "is_own"),
    *("accuracy", "mean_pass", "mean_cycles", "mean_energy_nj", "exits"),
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """A model on a machine.

    Parameters
    ----------
    model, preset, variant : str
    texts : str
        Which ones: a part of Reuters R8, or a file's name.
    sentences : int
        How many.
    points : sequence of Point
        The lowest threshold first.
    saturated : mapping of Unit to int
        Results beyond their range in the run at the lowest threshold.
    own : float
        The threshold that the model came with.
    best : float or None
        The one that is chosen on these texts, if they are there for it.
    """

    model: str
    preset: str
    variant: str
    texts: str
    sentences: int
    points: Sequence[Point]
    saturated: Saturated
    own: float
    best: float | None = None


def check_outputs(table: Path | None, plot: Path | None) -> None:
    """Refuse files that cannot be what is asked for, before anything is measured.

    Raises
    ------
    ValueError
        Both are one file, or the picture's is of an unknown kind.
    ImportError
        matplotlib is asked for and not installed.
    """
    from alembert_runtime.sweep_plot import FORMATS, require_matplotlib

    if plot is None:
        return
    if table is not None and table.resolve() == plot.resolve():
        raise ValueError(f"--csv and --plot must be two files, not both {plot}")
    if _kind(plot) not in FORMATS:
        kinds = " or ".join(f".{kind}" for kind in FORMATS)
        raise ValueError(f"the name of a plot must end with {kinds}, not {plot.name!r}")
    require_matplotlib()


def table_of(result: Result) -> Table:
    """For the terminal."""
    title = f"{result.model} on {result.preset}: {result.sentences:,} texts, {result.texts}"
    table = Table(title=title, title_style="bold", box=box.SIMPLE_HEAD)
    for name in ("nats", "accuracy, %", "mean pass", "cycles", "energy proxy, nJ"):
        table.add_column(name, justify="right")
    table.add_column("texts that left after pass 1, 2, …")
    table.add_column("")
    for point in result.points:
        table.add_row(
            f"{point.threshold:g}",
            f"{100 * point.accuracy:.2f}",
            f"{point.mean_pass:.2f}",
            f"{point.mean_cycles:,.0f}",
            f"{point.mean_energy:,.0f}",
            " ".join(map(str, point.exits)),
            "← the model's own" if point.threshold == result.own else "",
        )
    return table


def csv_of(results: Sequence[Result]) -> str:
    """A row for each threshold of each model on each machine; numbers in full."""
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for result in results:
        for point in result.points:
            writer.writerow(
                [
                    *(result.model, result.preset, result.variant, result.texts, result.sentences),
                    *(point.threshold, int(point.threshold == result.own), point.accuracy),
                    *(point.mean_pass, point.mean_cycles, point.mean_energy),
                    " ".join(map(str, point.exits)),
                ]
            )
    return content.getvalue()


def plot_of(results: Sequence[Result], path: Path) -> bytes:
    """A picture of the kind that the file's name says."""
    from alembert_runtime.sweep_plot import Series, draw_sweeps

    series = [
        Series(label=f"{each.model} {each.preset}", points=each.points, chosen=each.own)
        for each in results
    ]
    return draw_sweeps(series, _kind(path))


def _kind(path: Path) -> str:
    return path.suffix.removeprefix(".").lower()
