"""The tracked figures: reading ``bench/results.json``, their goals, and how a value is written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["FORMATS", "GOALS", "SHAPES", "Figure", "Goal", "load_figures"]

FORMATS = {
    "adaptivfloat8_3": "AdaptivFloat<8,3>",
    "int8": "INT8",
    "ternary": "INT8 × ternary",
}
"""Formats of the tracked figures, by slug."""

SHAPES = ("64x256x256", "64x256x512", "64x512x256")
"""ALBERT's matrix products, M × K × N, whose utilisation is tracked."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured figure.

    Parameters
    ----------
    name : str
        The tracked name, e.g. ``area.vmac16.int8.lut_per_mac``.
    value : int or float
        What was measured.
    unit : str
        Its unit, "" where it has none.
    command : str
        What measures it again.
    """

    name: str
    value: float
    unit: str
    command: str

    @property
    def number(self) -> str:
        """The value to four significant digits; integers and thousands in full."""
        if isinstance(self.value, int) or abs(self.value) >= 1000:
            return f"{self.value:,.0f}"
        if self.value == 0 or abs(self.value) >= 0.01:
            return f"{self.value:.4g}"
        return f"{self.value:.2e}"

    def __str__(self) -> str:
        return f"{self.number} {self.unit}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What a figure has to reach.

    Parameters
    ----------
    limit : float
        The value that still reaches it.
    at_least : bool
        Whether larger is better.
    """

    limit: float
    at_least: bool

    def is_met(self, value: float) -> bool:
        """Whether ``value`` reaches the goal."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:,g}"


def _at_least(limit: float) -> Goal:
    return Goal(limit=limit, at_least=True)


def _at_most(limit: float) -> Goal:
    return Goal(limit=limit, at_least=False)


GOALS: dict[str, Goal] = {
    **{f"array.utilisation.{fmt}.{shape}": _at_least(97) for fmt in FORMATS for shape in SHAPES},
    "area.vmac16.adaptivfloat8_3.lut_per_mac": _at_most(165),
    "area.vmac16.int8.lut_per_mac": _at_most(150),
    "area.vmac16.ternary.lut_per_mac": _at_most(24),
    "area.vmac16.ternary.transistors_per_mac": _at_most(1000),
    "entropy.max_error": _at_most(0.005),
    "softmax.max_error": _at_most(2**-9),
    "layernorm.max_error": _at_most(2**-7),
    "gelu.max_error": _at_most(2**-8),
    "simulation.edge16.cycles_per_second": _at_least(20000),
    "simulation.machine.cycles_per_second": _at_least(40000),
    "simulation.machine_cocotb.cycles_per_second": _at_least(15000),
    "golden.sentences_per_second": _at_least(50),
    "layer.utilisation.edge16": _at_least(92),
    "cycle_model.max_error": _at_most(2),
    "cycle_model.albert_base_layer_128": _at_most(3.95e6),
    "rxnmapper.top1_agreement.adaptivfloat8_3": _at_least(97),
    "r8.accuracy.ternary": _at_least(96.3),
    "r8.mean_exit.ternary": _at_most(2.3),
    "r8.cycles_ratio.edgebert_recipe": _at_least(6),
    "r8.pruned_share.edgebert_recipe": _at_least(60),
    "r8.evaluation.seconds": _at_most(120),
}
"""Goals by name; other figures have none."""


def load_figures(path: Path) -> dict[str, Figure]:
    """The measured figures by name, in the file's order; none if there is no file.

    Raises
    ------
    ValueError
        The file is not a list of {"name", "value", "unit", "command"}, or names one twice.
    """
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path.name} must be JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"{path.name} must be a list of figures, not {type(entries).__name__}")
    figures: dict[str, Figure] = {}
    for entry in entries:
        figure = _figure(entry, path.name)
        if figure.name in figures:
            raise ValueError(f"{path.name} must name a figure once, not {figure.name} twice")
        figures[figure.name] = figure
    return figures


def _figure(entry: Any, file: str) -> Figure:
    keys = {"name", "value", "unit", "command"}
    if not isinstance(entry, dict) or entry.keys() != keys:
        raise ValueError(f"figures of {file} must have name, value, unit and command, not {entry}")
    value = entry["value"]
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"value of {entry['name']} in {file} must be a number, not {value!r}")
    return Figure(**entry)
