"""Pareto fronts by their definition, and pictures that are the same every time."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from alembert_runtime.pareto import pareto_front
from alembert_runtime.sweep import Point
from alembert_runtime.sweep_plot import Series, draw_sweeps
from hypothesis import given, settings
from hypothesis import strategies as st

SVG = "{http://www.w3.org/2000/svg}"


def point(threshold: float, cycles: float, accuracy: float) -> Point:
    return Point(
        threshold=threshold,
        accuracy=accuracy,
        exits=(3, 1),
        mean_pass=1.25,
        mean_cycles=cycles,
        mean_energy=cycles / 3,
    )


LINES = [
    Series(
        label="r8 edge16",
        points=[point(0.0, 580e3, 0.93), point(0.4, 168e3, 0.949), point(1.4, 72e3, 0.885)],
        chosen=0.4,
    ),
    Series(label="r8 edge16_ternary", points=[point(0.0, 341e3, 0.93), point(1.0, 80e3, 0.92)]),
]


@settings(deadline=None, derandomize=True, max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_the_front_by_its_definition(points: list[tuple[int, int]]) -> None:
    costs, values = [c for c, _ in points], [v for _, v in points]
    expected = [
        place
        for place, (cost, value) in enumerate(points)
        if not any(c <= cost and v >= value and (c, v) != (cost, value) for c, v in points)
        and (cost, value) not in points[:place]
    ]
    assert pareto_front(costs, values).tolist() == sorted(expected, key=lambda n: costs[n])


@pytest.mark.parametrize(
    ("costs", "values", "message"),
    [
        ([1, 2], [1], "costs and values must be two rows of numbers, not (2,) and (1,)"),
        ([[1]], [[1]], "costs and values must be two rows of numbers, not (1, 1) and (1, 1)"),
        ([1, np.nan], [1, 2], "costs and values must be finite"),
        ([1, 2], [1, np.inf], "costs and values must be finite"),
    ],
)
def test_no_front(costs: list, values: list, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pareto_front(costs, values)


def test_a_picture_is_the_same_every_time() -> None:
    first = draw_sweeps(LINES, "svg")
    assert first == draw_sweeps(LINES, "svg")
    assert b"<dc:date>" not in first
    assert first != draw_sweeps(LINES[:1], "svg")
    bare = [Series(label=LINES[0].label, points=LINES[0].points)]
    assert draw_sweeps(bare, "svg") != draw_sweeps(LINES[:1], "svg"), "the chosen one is marked"


def test_what_is_in_a_picture() -> None:
    content = draw_sweeps(LINES, "svg")
    # matplotlib draws letters as paths, and says in a comment before them what they spell
    written = re.findall(r"<!-- (.+?) -->", content.decode("utf-8"))
    assert {"r8 edge16, 0.4 nats", "r8 edge16_ternary", "Pareto front"} <= set(written)
    assert {"cycles a sentence, mean (cycle model)", "accuracy, %", "100,000"} <= set(written)
    groups = [group.get("id", "") for group in ElementTree.fromstring(content).iter(f"{SVG}g")]
    assert "axes_1" in groups


def test_a_bitmap() -> None:
    assert draw_sweeps(LINES, "png").startswith(b"\x89PNG\r\n")
    assert draw_sweeps(LINES, "png") == draw_sweeps(LINES, "png")


@pytest.mark.parametrize(
    ("lines", "file_format", "message"),
    [
        (LINES, "pdf", "format of a plot must be one of svg, png, not 'pdf'"),
        ([], "svg", "a plot must have at least one line, and a line at least one point"),
        (
            [Series(label="x", points=[])],
            "svg",
            "a plot must have at least one line, and a line at least one point",
        ),
    ],
)
def test_no_picture(lines: list[Series], file_format: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        draw_sweeps(lines, file_format)


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = "plots need the matplotlib library: pip install 'alembert[plots]' brings it"
    with pytest.raises(ImportError, match=f"^{re.escape(message)}$"):
        draw_sweeps(LINES, "svg")
