"""Results tables and figures in pages, on results made up for the purpose."""

from __future__ import annotations

import importlib
import json
import logging
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
README = "# Title\n\n<!-- results:begin -->\nstale\n<!-- results:end -->\n\nThe rest.\n"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The scripts of bench/, which is a folder of scripts and no package."""
    monkeypatch.syspath_prepend(str(BENCH))
    names = ("figures", "tables", "docs_figures", "measure", "precision")
    return {name: importlib.import_module(name) for name in names}


def _figure(name: str, value: float, unit: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "command": "make bench"}


RESULTS = [
    _figure("array.utilisation.int8.64x256x256", 96.5, "%"),
    _figure("area.vmac16.int8.lut_per_mac", 123.456, "LUT"),
    _figure("entropy.max_error", 0.000152, "nats"),
    _figure("simulation.edge16.cycles_per_second", 23456.7, "1/s"),
    _figure("array.latency", 29, "cycles"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "bench").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    return tmp_path


def _write_results(root: Path, results: Any) -> None:
    (root / "bench" / "results.json").write_text(json.dumps(results), encoding="utf-8")


def test_tables_follow_the_results(bench: dict, root: Path, capsys: pytest.CaptureFixture) -> None:
    _write_results(root, RESULTS)
    run = bench["tables"].main
    arguments = ["--root", str(root)]
    assert run([*arguments, "--check"]) == 1
    stale = "tables: README.md, docs/results.md out of step: run python bench/tables.py\n"
    assert capsys.readouterr().err == stale
    assert (root / "README.md").read_text(encoding="utf-8") == README
    assert run(arguments) == 0
    assert run([*arguments, "--check"]) == 0
    assert capsys.readouterr().err == ""

    readme = (root / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# Title\n\n<!-- results:begin -->\n| datapath |")
    assert readme.endswith("<!-- results:end -->\n\nThe rest.\n")
    int8 = next(line for line in readme.splitlines() if line.startswith("| INT8 |"))
    assert int8 == (
        "| INT8 | `edge16_int8`, `edge16_ternary` | 123.5 | – | 96.5 | – | – "
        "| [tb/vmac](tb/vmac), [tb/arithmetic](tb/arithmetic) |"
    )
    page = (root / "docs" / "results.md").read_text(encoding="utf-8")
    assert page.splitlines()[-5:] == [
        "| `array.utilisation.int8.64x256x256` | 96.5 | ≥ 97 | no | % | `make bench` |",
        "| `area.vmac16.int8.lut_per_mac` | 123.5 | ≤ 150 | yes | LUT | `make bench` |",
        "| `entropy.max_error` | 1.52e-04 | ≤ 0.005 | yes | nats | `make bench` |",
        "| `simulation.edge16.cycles_per_second` | 23,457 | ≥ 20,000 | yes | 1/s | `make bench` |",
        "| `array.latency` | 29 | – | – | cycles | `make bench` |",
    ]
    _write_results(root, RESULTS[:1])
    assert run([*arguments, "--check"]) == 1


def test_a_row_goes_on_only_from_its_head(bench: dict) -> None:
    """What is behind "…" below another row says nothing."""
    tables, figure = bench["tables"], bench["figures"].Figure
    labels = list(tables._OTHERS.items())
    heads = [n for n, (_, label) in enumerate(labels) if not label.startswith("…")]
    for first, last in zip(heads, [*heads[1:], len(labels)]):
        names = [name for name, _ in labels[first:last]]
        part = {name: figure(name=name, value=1, unit="", command="c") for name in names}
        assert len(list(tables._others(part))) == len(part)
        del part[names[0]]
        assert not list(tables._others(part))


def test_machines_are_broken_down_by_unit(bench: dict, root: Path) -> None:
    """A machine that was not measured has no column, a unit that it has not, no number."""
    areas = {"tiny.alembert": 30, "tiny.alembert.matrix": 20, "tiny.alembert.the_rest": 10}
    areas |= {"edge16.alembert": 1500, "edge16.alembert.matrix": 1500, "edge16_int8.gelu": 7}
    figures = [_figure(f"area.{name}.lut", value, "LUT") for name, value in areas.items()]
    _write_results(root, figures)
    assert bench["tables"].main(["--root", str(root)]) == 0
    lines = (root / "docs" / "results.md").read_text(encoding="utf-8").splitlines()
    first = lines.index("## Area of the machines by unit, in LUT4 equivalents")
    assert lines[first + 2 : first + 7] == [
        "| unit | `tiny` | `edge16` |",
        "| --- | ---: | ---: |",
        "| matrix | 20 | 1,500 |",
        "| the rest | 10 | – |",
        "| **all** | 30 | 1,500 |",
    ]


def test_without_results_nothing_is_claimed(bench: dict, root: Path) -> None:
    assert bench["tables"].main(["--root", str(root)]) == 0
    sentence = "Nothing has been measured yet: `make bench` writes `bench/results.json`."
    assert sentence in (root / "README.md").read_text(encoding="utf-8")
    assert sentence in (root / "docs" / "results.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({}, "results.json must be a list of figures, not dict"),
        (
            [{"name": "x"}],
            "figures of results.json must have name, value, unit and command, not {'name': 'x'}",
        ),
        ([_figure("x", True, "")], "value of x in results.json must be a number, not True"),
        ([RESULTS[4]] * 2, "results.json must name a figure once, not array.latency twice"),
    ],
)
def test_bad_results_are_refused(
    bench: dict, root: Path, capsys: pytest.CaptureFixture, results: Any, message: str
) -> None:
    _write_results(root, results)
    assert bench["tables"].main(["--root", str(root)]) == 1
    assert capsys.readouterr().err == f"tables: {message}\n"
    assert (root / "README.md").read_text(encoding="utf-8") == README


@pytest.mark.parametrize("readme", ["none", README + README, README.replace("begin", "end")])
def test_markers_must_be_there_once(
    bench: dict, root: Path, capsys: pytest.CaptureFixture, readme: str
) -> None:
    (root / "README.md").write_text(readme, encoding="utf-8")
    assert bench["tables"].main(["--root", str(root)]) == 1
    assert capsys.readouterr().err == (
        "tables: README.md must have <!-- results:begin --> and <!-- results:end --> once each, "
        "in this order\n"
    )
    assert not (root / "docs" / "results.md").exists()


def test_one_kind_is_measured_again_and_the_others_stay(
    bench: dict, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    figures, measure = bench["figures"], bench["measure"]

    def measuring(name: str, value: float) -> Any:
        return lambda _: iter([figures.Figure(name=name, value=value, unit="", command="c")])

    measurements = [("area", measuring("area.new", 1)), ("entropy", measuring("entropy.new", 2.5))]
    monkeypatch.setattr(measure, "_MEASUREMENTS", measurements)
    path = root / "bench" / "results.json"

    def results() -> dict[str, float]:
        return {name: figure.value for name, figure in figures.load_figures(path).items()}

    before = {entry["name"]: entry["value"] for entry in RESULTS}
    _write_results(root, RESULTS)
    assert measure.main(root, ["entropy"]) == 0
    del before["entropy.max_error"]
    assert results() == {**before, "entropy.new": 2.5}
    assert measure.main(root, []) == 0
    assert results() == {"area.new": 1, "entropy.new": 2.5}
    capsys.readouterr()
    with pytest.raises(SystemExit):
        measure.main(root, ["areas"])
    assert capsys.readouterr().err.endswith("kind must be one of area, entropy, not areas\n")


def test_kinds_of_figures(bench: dict) -> None:
    """Large machines and special functions are measured apart from what begins like them."""
    kinds = {
        "area.vmac16.int8.lut_per_mac": "area",
        "area.tiny.alembert.dma.lut": "area",
        "area.edge16_int8.vmac_array.lut": "area",
        "area.edge16_int8.alembert.lut": "area_machines",
        "area.edge16.alembert.the_rest.transistors": "area_machines",
        "softmax.max_error": "sfu",
        "gelu.max_error": "sfu",
        "simulation.machine_cocotb.cycles_per_second": "simulation",
        "r8.accuracy.int8": "r8",
        "r8.evaluation.seconds": "r8",
        "r8.accuracy.edgebert_recipe": "recipe",
        "r8.cycles_ratio.recipe_without_exits": "recipe",
        "r8.accuracy.spans": "recipe",
    }
    measure = bench["measure"]
    assert {name: measure._kind(name) for name in kinds} == kinds
    assert set(kinds.values()) <= {kind for kind, _ in measure._MEASUREMENTS}


def test_figures_in_pages(bench: dict, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    _write_results(root, RESULTS)
    figures = bench["figures"].load_figures(root / "bench" / "results.json")
    replace = bench["docs_figures"].replace_figures
    text = "{{ figure:area.vmac16.int8.lut_per_mac }}, {{figure:entropy.max_error}}"
    assert replace(text, figures, "page.md") == "123.5 LUT, 1.52e-04 nats"
    with caplog.at_level(logging.INFO, "mkdocs.hooks.figures"):
        assert replace("{{ figure:no.such }}", figures, "page.md") == "*not measured*"
    assert [record.levelno for record in caplog.records] == [logging.INFO]
    assert caplog.messages == ["page.md: figure no.such is not in the results"]
    caplog.clear()
    assert replace("{{ figure:no.such }}", {}, "page.md") == "*not measured*"
    assert not caplog.records


def test_every_figure_in_the_pages_has_a_name_of_the_tracked_kind(bench: dict) -> None:
    """A misspelt name would read "not measured" for ever."""
    docs = BENCH.parent / "docs"
    kinds = (
        r"array\.utilisation\.(adaptivfloat8_3|int8|ternary)\.64x\d+x\d+",
        r"area\.vmac16\.(adaptivfloat8_3|int8|int8_int4|ternary)\.(lut|transistors)_per_mac",
        r"area\.(tiny|edge16|edge16_int8|edge16_ternary)\.\w+(\.\w+)?\.(lut|transistors)",
        r"(entropy|softmax|layernorm|gelu)\.max_error",
        r"simulation\.(edge16|machine|machine_cocotb)\.cycles_per_second",
        r"layer\.(utilisation|cycles)\.edge16",
        r"cycle_model\.(max_error|albert_base_layer_128)",
        r"rxnmapper\.(top1_agreement|agreement_mean|held_out\.agreement_(last|mean))\.(adaptivfloat8_3|int8)",
        r"rxnmapper\.(top1|exit_0\.6\.(top1|mean_layer))\.(float32|adaptivfloat8_3|int8)",
    )
    found = [
        name
        for page in docs.rglob("*.md")
        for name in re.findall(r"figure:([\w.]+)", page.read_text(encoding="utf-8"))
    ]
    study = bench["precision"]
    precision = [f"precision.{plan}.{measure}" for plan in study.PLANS for measure in study.UNITS]
    assert [name for name in found if name.startswith("precision.")] == precision
    others = [name for name in found if name not in precision]
    assert others
    for name in others:
        assert any(re.fullmatch(kind, name) for kind in kinds), name
