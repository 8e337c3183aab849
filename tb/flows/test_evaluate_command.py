"""``alembert evaluate``: what it prints and writes."""

from __future__ import annotations

import csv
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from alembert.cli.evaluate_data import spread
from alembert.config import preset
from alembert_models import PackedModel, pack
from alembert_runtime.evaluation import evaluate
from alembert_runtime.sweep import THRESHOLDS, choose, sweep
from alembert_text import reuters
from alembert_text.reuters import Stories, split
from flows.conftest import ask
from models.tiny_models import SENTENCES, image_for, options

MACHINE = preset("tiny").machine
LABELS = [n % 5 for n in range(10)]


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_a_table_of_ones_own(small: PackedModel, table: Path, tmp_path: Path) -> None:
    output, picture = tmp_path / "o.csv", tmp_path / "o.svg"
    result = ask(small.folder, "--data", table, "--csv", output, "--plot", picture)
    assert result.exit_code == 0, result.stderr
    sentences = small.pieces.encode_all(SENTENCES * 2, small.max_length)
    found = sweep(small.image_for("tiny"), MACHINE, sentences, LABELS)  # 1.0 is the model's own
    rows = _rows(output)
    assert [float(row["threshold_nats"]) for row in rows] == list(THRESHOLDS)
    lines = [line.split() for line in result.stdout.splitlines() if re.match(r"^\s+\d", line)]
    for row, point, line in zip(rows, found.points, lines, strict=True):
        assert (row["model"], row["preset"], row["variant"]) == ("small", "tiny", "adaptivfloat8_3")
        assert (row["texts"], row["sentences"]) == ("mine.tsv", "10")
        assert row["is_own"] == str(int(point.threshold == 1.0))
        assert float(row["accuracy"]) == point.accuracy
        assert float(row["mean_pass"]) == point.mean_pass
        assert float(row["mean_cycles"]) == point.mean_cycles
        assert float(row["mean_energy_nj"]) == point.mean_energy
        assert row["exits"] == " ".join(map(str, point.exits))
        assert line[:2] == [f"{point.threshold:g}", f"{100 * point.accuracy:.2f}"]
        assert line[3] == f"{point.mean_cycles:,.0f}"
        assert ("own" in line) == (point.threshold == 1.0)
    assert "small on tiny: 10 texts, mine.tsv" in result.stdout
    assert picture.read_bytes().startswith(b"<?xml")
    again = ask(small.folder, "--data", table, "--plot", picture.with_name("p.SVG"))
    assert again.exit_code == 0
    assert picture.with_name("p.SVG").read_bytes() == picture.read_bytes()


@pytest.fixture
def stories(monkeypatch: pytest.MonkeyPatch) -> tuple[Stories, Stories]:
    """In the place of Reuters R8."""
    training = Stories(texts=SENTENCES * 8, labels=np.arange(40) % 4)
    asked = Stories(texts=SENTENCES * 2, labels=np.arange(10) % 3)
    monkeypatch.setattr(reuters, "fetch_reuters", lambda: (training, asked))
    return training, asked


def test_reuters_and_a_limit(
    news: PackedModel, stories: tuple[Stories, Stories], tmp_path: Path
) -> None:
    output = tmp_path / "o.csv"
    arguments = ("-p", "tiny", "--thresholds", "0.7, 0.25", "--limit", "4", "--csv", output)
    result = ask(news.folder, *arguments)
    assert result.exit_code == 0, result.stderr
    places = np.array([0, 2, 5, 7])
    asked = stories[1].take(places)
    sentences = news.pieces.encode_all(asked.texts, news.max_length)
    rows = _rows(output)
    assert [row["texts"] for row in rows] == ["test", "test"]
    for row, threshold in zip(rows, (0.25, 0.7), strict=True):
        run = evaluate(news.image_for("tiny"), MACHINE, sentences, threshold=threshold)
        assert float(row["accuracy"]) == run.accuracy(asked.labels)
        assert float(row["mean_pass"]) == run.passes.mean()
    assert "chosen" not in result.stdout


def test_a_limit_is_spread() -> None:
    stories = Stories(texts=tuple("abcdefghij"), labels=np.arange(10))
    assert "".join(spread(stories, 4).texts) == "acfh"
    assert spread(stories, 4).labels.tolist() == [0, 2, 5, 7]
    for limit in (None, 10, 99):
        assert spread(stories, limit) is stories


def test_the_models_own_threshold_is_among_them(
    news: PackedModel, stories: tuple[Stories, Stories], tmp_path: Path
) -> None:
    result = ask(news.folder, "--limit", "1", "--csv", tmp_path / "o.csv")
    assert result.exit_code == 0, result.stderr
    tried = {float(row["threshold_nats"]): row["is_own"] for row in _rows(tmp_path / "o.csv")}
    assert list(tried) == sorted([*THRESHOLDS, 0.7])
    assert [threshold for threshold, is_own in tried.items() if is_own == "1"] == [0.7]


def test_a_threshold_is_chosen_on_the_dev_part(
    news: PackedModel, stories: tuple[Stories, Stories]
) -> None:
    result = ask(news.folder, "--split", "dev", "--seed", "3", "--thresholds", "0.1")
    assert result.exit_code == 0, result.stderr
    dev = split(stories[0], 0.1, 3)[1]
    sentences = news.pieces.encode_all(dev.texts, news.max_length)
    run = evaluate(news.image_for("tiny"), MACHINE, sentences, threshold=0.1)
    line = f"chosen on these texts: {choose(run, dev.labels):g} nats"
    assert line in result.stdout.splitlines()


def test_several_models(
    small: PackedModel, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of one name are told apart by what was asked for."""
    shutil.copytree(small.folder, tmp_path / "copy")
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "o.csv"
    arguments = ("--data", table, "--thresholds", "7.5", "--csv", output)
    result = ask(small.folder, "copy", *arguments)
    assert result.exit_code == 0, result.stderr
    assert [row["model"] for row in _rows(output)] == [str(small.folder), "copy"]


def test_models_of_different_machines(small: PackedModel, table: Path, tmp_path: Path) -> None:
    """Each is asked on those of the machines that it is packed for."""
    pack(tmp_path / "other", image_for("edge16"), **options("edge16", name="other"))
    output = tmp_path / "o.csv"
    arguments = ("--data", table, "--thresholds", "7.5", "--csv", output)
    result = ask(small.folder, tmp_path / "other", "-p", "edge16", "-p", "tiny", *arguments)
    assert result.exit_code == 0, result.stderr
    found = [(row["model"], row["preset"]) for row in _rows(output)]
    assert found == [("small", "tiny"), ("other", "edge16")]
