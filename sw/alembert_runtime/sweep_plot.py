"""Accuracy against cycles, a line for each model and machine, as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from .pareto import pareto_front
from .sweep import Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FORMATS", "Series", "draw_sweeps", "require_matplotlib"]

FORMATS = ("svg", "png")

_MISSING = "plots need the matplotlib library: pip install 'alembert[plots]' brings it"
# Told apart by marker and dashes as well, and by lightness where there is no colour.
_STYLES = (
    ("#000000", "o", "-"),
    ("#0072b2", "s", "--"),
    ("#d55e00", "^", "-."),
    ("#56b4e9", "D", ":"),
    ("#009e73", "v", "-"),
    ("#e69f00", "P", "--"),
)
_LABEL_POINTS = 12.0
"""Height of a label."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line.

    Parameters
    ----------
    label : str
    points : sequence of Point
        The lowest threshold first.
    chosen : float or None
        The threshold that is marked, if it is one of the points'.
    """

    label: str
    points: Sequence[Point]
    chosen: float | None = None


def require_matplotlib() -> None:
    """Raise an ImportError of one line where matplotlib is not installed."""
    try:
        import_module("matplotlib")  # slow to import, and not needed to evaluate
    except ImportError as error:
        raise ImportError(_MISSING) from error


def draw_sweeps(series: Sequence[Series], file_format: str) -> bytes:
    """The picture as a file; the same bytes for the same numbers.

    Parameters
    ----------
    series : sequence of Series
    file_format : str
        Of :data:`FORMATS`.

    Raises
    ------
    ValueError
        The format is another, there is no line, or one without points.
    ImportError
        matplotlib is not installed.
    """
    if file_format not in FORMATS:
        raise ValueError(
            f"format of a plot must be one of {', '.join(FORMATS)}, not {file_format!r}"
        )
    if not series or not all(line.points for line in series):
        raise ValueError("a plot must have at least one line, and a line at least one point")
    require_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "alembert", "font.size": 9}):
        figure = Figure(figsize=(7.5, 4.8), dpi=150, layout="constrained")
        axes = figure.add_subplot()
        _draw_front(axes, [point for line in series for point in line.points])
        for number, line in enumerate(series):
            _draw_line(axes, line, number)
        _finish(axes)
        _label_lines(axes, series)
        content = io.BytesIO()
        metadata = {"Date": None} if file_format == "svg" else {"Software": None}
        figure.savefig(content, format=file_format, metadata=metadata)
    return content.getvalue()


def _draw_front(axes: Axes, points: Sequence[Point]) -> None:
    cycles = np.array([point.mean_cycles for point in points])
    accuracy = 100 * np.array([point.accuracy for point in points])
    front = pareto_front(cycles, accuracy)
    axes.step(
        *(cycles[front], accuracy[front]),
        where="post",
        color="0.85",
        linewidth=6,
        solid_capstyle="round",
        label="Pareto front",
        zorder=1,
    )


def _draw_line(axes: Axes, line: Series, number: int) -> None:
    colour, marker, dashes = _STYLES[number % len(_STYLES)]
    cycles = [point.mean_cycles for point in line.points]
    accuracy = [100 * point.accuracy for point in line.points]
    axes.plot(cycles, accuracy, dashes, color=colour, marker=marker, markersize=4, linewidth=1.2)
    for point in line.points:
        if point.threshold == line.chosen:
            place = point.mean_cycles, 100 * point.accuracy
            ring = {"markerfacecolor": "none", "markeredgewidth": 1.5, "markersize": 11}
            axes.plot(*place, color=colour, marker=marker, zorder=4, **ring)


def _name(line: Series) -> str:
    """With the threshold that is marked: marked points may lie too close for names of their own."""
    is_marked = any(point.threshold == line.chosen for point in line.points)
    return f"{line.label}, {line.chosen:g} nats" if is_marked else line.label


def _label_lines(axes: Axes, series: Sequence[Series]) -> None:
    """A name beside each line's last point; names that would meet are moved apart."""
    ends = [max(line.points, key=lambda point: point.mean_cycles) for line in series]
    height = axes.get_window_extent().height * 72 / axes.figure.dpi
    low, high = axes.get_ylim()
    points_per_unit = height / (high - low)
    floor = -np.inf
    for number in np.argsort([end.accuracy for end in ends], kind="stable"):
        end, line = ends[number], series[number]
        natural = (100 * end.accuracy - low) * points_per_unit
        floor = max(natural, floor)
        axes.annotate(
            _name(line),
            (end.mean_cycles, 100 * end.accuracy),
            xytext=(8, floor - natural),
            textcoords="offset points",
            va="center",
            color=_STYLES[number % len(_STYLES)][0],
            annotation_clip=False,
        )
        floor += _LABEL_POINTS


def _finish(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda cycles, _: f"{cycles:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("cycles a sentence, mean (cycle model)")
    axes.set_ylabel("accuracy, %")
    axes.grid(True, color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), frameon=False)
