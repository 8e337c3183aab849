"""Write the results tables of README.md and docs/results.md from bench/results.json.

``python bench/tables.py`` writes them; ``--check`` changes nothing and fails if they are stale.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from alembert.config import PRESETS
from alembert.files import write_files
from figures import FORMATS, GOALS, SHAPES, Figure, load_figures
from planned import FIGURE, planned_note

__all__ = ["main", "readme_section", "results_page"]

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
NOT_MEASURED = "Nothing has been measured yet: `make bench` writes `bench/results.json`."
ABSENT = "–"

# What holds each datapath to its golden model, under both simulators.
VERIFICATION = {
    "adaptivfloat8_3": ("tb/vmac", "tb/arithmetic", "tb/adaptivfloat"),
    "int8": ("tb/vmac", "tb/arithmetic"),
    "ternary": ("tb/vmac", "tb/arithmetic", "tb/ternary"),
}

_OTHERS = {
    "layer.utilisation.edge16": (
        "A pass on the whole of `edge16`, cycles in which the array multiplies (hidden 256, 8 "
        "heads, FFN 512, 64 tokens; weights from memory over 64 bits at 40 cycles)"
    ),
    "cycle_model.albert_base_layer_128": "A pass of ALBERT-base, 128 tokens, by the cycle model",
    "cycle_model.max_error": "Cycle model against RTL, largest error",
    "rxnmapper.top1_agreement.adaptivfloat8_3": (
        "Pretrained ALBERT in AdaptivFloat<8,3>, bit for bit: same answers as float32 after the "
        "last pass"
    ),
    "rxnmapper.exit_0.6.top1.adaptivfloat8_3": "… right answers with early exit at 0.6 nats",
    "rxnmapper.exit_0.6.top1.float32": "… and float32's",
    "rxnmapper.exit_0.6.mean_layer.adaptivfloat8_3": "… mean pass at exit",
    "rxnmapper.exit_0.6.mean_layer.float32": "… and float32's",
    "r8.accuracy.float32": "Reuters R8, float32: right answers with early exit, mean of 3 seeds",
    "r8.accuracy.adaptivfloat8_3": "… AdaptivFloat<8,3>, bit for bit",
    "r8.mean_exit.adaptivfloat8_3": "… mean pass at exit, of 12",
    "r8.accuracy.int8": "… INT8, bit for bit",
    "r8.mean_exit.int8": "… mean pass at exit",
    "r8.accuracy.ternary": "… ternary, bit for bit",
    "r8.mean_exit.ternary": "… mean pass at exit",
    "r8.accuracy.edgebert_recipe": "… EdgeBERT's recipe: pruned, with spans, AdaptivFloat<8,3>",
    "r8.cycles_ratio.edgebert_recipe": "… its cycles against twelve passes of the dense model's",
    "entropy.max_error": "Entropy, largest error against float64",
    "softmax.max_error": "Softmax, the same",
    "layernorm.max_error": "Layer normalisation, the same, in units of a row's σ",
    "gelu.max_error": "GELU, the same, in units of max(1, |x|)",
    "simulation.machine.cycles_per_second": "Simulation of all of `edge16`, compiled",
    "simulation.machine_cocotb.cycles_per_second": "… under Verilator and cocotb",
    "simulation.edge16.cycles_per_second": "Simulation of its array under Verilator and cocotb",
    "golden.sentences_per_second": "Golden machine, sentences of 64 tokens through twelve passes",
    **{
        f"area.{preset}.alembert.lut": f"Area of the whole of `{preset}`, all units"
        for preset in PRESETS
    },
}
"""What is said of a figure; "…" goes on from the last label above that is whole."""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: range) -> str:
    """A Markdown table; the columns in ``numbers`` are aligned to the right."""
    rule = ["---:" if column in numbers else "---" for column in range(len(header))]
    lines = [header, rule, *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _presets_of(slug: str) -> str:
    names = [
        name
        for name, preset in PRESETS.items()
        if any(array.vmac.pair.slug == slug for array in preset.arrays.values())
    ]
    return ", ".join(f"`{name}`" for name in names)


def _datapaths(figures: Mapping[str, Figure]) -> str:
    def number(name: str) -> str:
        return figures[name].number if name in figures else ABSENT

    header = ["datapath", "presets", "LUT/MAC", "transistors/MAC"]
    header += [f"% busy, {shape.replace('x', '×')}" for shape in SHAPES]
    rows = []
    for slug, name in FORMATS.items():
        measured = [f"area.vmac16.{slug}.{what}_per_mac" for what in ("lut", "transistors")]
        measured += [f"array.utilisation.{slug}.{shape}" for shape in SHAPES]
        tests = ", ".join(f"[{path}]({path})" for path in VERIFICATION[slug])
        rows.append([name, _presets_of(slug), *map(number, measured), tests])
    return _table([*header, "bit for bit in"], rows, numbers=range(2, len(header)))


def _machines(figures: Mapping[str, Figure], measure: str) -> str:
    """Area of whole machines by unit; a column for each that has been measured."""
    columns: dict[str, dict[str, str]] = {}
    for preset in PRESETS:
        name = re.compile(rf"area\.{preset}\.alembert\.(?:(\w+)\.)?{measure}")
        found = [(name.fullmatch(each), figure) for each, figure in figures.items()]
        column = {match[1] or "": figure.number for match, figure in found if match}
        if "" in column:
            columns[f"`{preset}`"] = column
    units = dict.fromkeys(unit for column in columns.values() for unit in column if unit)
    rows = [
        [unit.replace("_", " ") or "**all**"]
        + [column.get(unit, ABSENT) for column in columns.values()]
        for unit in (*units, "")
    ]
    return _table(["unit", *columns], rows, numbers=range(1, 1 + len(columns)))


def _others(figures: Mapping[str, Figure]) -> Iterator[list[str]]:
    """Rows of figures and values; what goes on from a label that is not there is left out."""
    has_head = False
    for name, label in _OTHERS.items():
        goes_on = label.startswith("…")
        if name in figures and (has_head or not goes_on):
            yield [label + _note(name), str(figures[name])]
        if not goes_on:
            has_head = name in figures


def _note(name: str) -> str:
    return planned_note() if name == FIGURE else ""


def readme_section(figures: Mapping[str, Figure]) -> str:
    """What stands between the markers of README.md."""
    if not figures:
        return NOT_MEASURED
    parts = [_datapaths(figures)]
    if others := list(_others(figures)):
        parts.append(_table(["figure", "value"], others, numbers=range(1, 2)))
    return "\n\n".join(parts)


def results_page(figures: Mapping[str, Figure]) -> str:
    """docs/results.md, all of it."""
    parts = [
        "<!-- Written by bench/tables.py from bench/results.json; edits are lost. -->",
        "# Results",
    ]
    if not figures:
        parts.append(NOT_MEASURED)
    else:
        rows = []
        for name, figure in figures.items():
            goal = GOALS.get(name)
            reached = ABSENT if goal is None else "yes" if goal.is_met(figure.value) else "no"
            row = [
                f"`{name}`{_note(name)}",
                figure.number,
                str(goal or ABSENT),
                reached,
                figure.unit or ABSENT,
            ]
            rows.append([*row, f"`{figure.command}`"])
        header = ["figure", "value", "goal", "reached", "unit", "command"]
        parts.append(
            "Each figure with the command that measures it again. What is absent was not measured."
        )
        parts.append(_table(header, rows, numbers=range(1, 3)))
        if any(f"area.{name}.alembert.lut" in figures for name in PRESETS):
            for title, measure in (("LUT4 equivalents", "lut"), ("transistors", "transistors")):
                parts.append(f"## Area of the machines by unit, in {title}")
                parts.append(_machines(figures, measure))
    return "\n\n".join(parts) + "\n"


def _with_section(readme: str, section: str) -> str:
    """README.md with its results section replaced.

    Raises
    ------
    ValueError
        The markers are not there once each, in order.
    """
    head, begin, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in head + tail:
        raise ValueError(f"README.md must have {BEGIN} and {END} once each, in this order")
    return f"{head}{BEGIN}\n{section}\n{END}{tail}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the tables; the exit code."""
    parser = argparse.ArgumentParser(
        description="Write the results tables from bench/results.json."
    )
    parser.add_argument("--check", action="store_true", help="fail if a table is stale")
    parser.add_argument(
        "--root", type=Path, default=Path(__file__).resolve().parents[1], help="the checkout"
    )
    options = parser.parse_args(arguments)
    readme, page = options.root / "README.md", options.root / "docs" / "results.md"
    try:
        figures = load_figures(options.root / "bench" / "results.json")
        text = _with_section(readme.read_text(encoding="utf-8"), readme_section(figures))
    except (OSError, ValueError) as error:
        print(f"tables: {error}", file=sys.stderr)
        return 1
    wanted = {readme: text, page: results_page(figures)}
    stale = [
        path
        for path, content in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    if options.check:
        if stale:
            names = ", ".join(str(path.relative_to(options.root)) for path in stale)
            print(f"tables: {names} out of step: run python bench/tables.py", file=sys.stderr)
        return int(bool(stale))
    write_files({path: wanted[path] for path in stale})
    return 0


if __name__ == "__main__":
    sys.exit(main())
