"""Trained folders to a packed model: what it says of itself is what its images answer."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import alembert_text.reuters
import pytest
from alembert.cli import app
from alembert.config import PRESETS
from alembert_compiler.load_model import load_model
from alembert_models import PackedModel
from alembert_models.reuters_r8 import pack_reuters, presets_of
from alembert_models.trained import FORMATS, compile_trained
from alembert_runtime.evaluation import evaluate
from alembert_text.r8_data import R8Data
from alembert_text.reuters import CLASSES
from alembert_text.word_pieces import WordPieces
from alembert_train.r8 import R8_MODEL, train_variant
from alembert_train.settings import Settings
from train.small_stories import small_stories
from typer.testing import CliRunner, Result

SETTINGS = Settings(epochs=4, batch=16, rate=3e-3)
CONFIG = replace(
    R8_MODEL,
    vocab_size=200,
    embedding_size=16,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
)
STORIES, ASKED = small_stories(200, 1), small_stories(60, 2)


@pytest.fixture(scope="module")
def data() -> R8Data:
    return R8Data.of(STORIES, ASKED, vocabulary=200, seed=1)


@pytest.fixture(scope="module")
def folders(data: R8Data, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("trained")
    start = None
    for name in ("float32", "ternary", "edgebert"):
        train_variant(
            name, data, root / name, seed=1, start=start, settings=SETTINGS, config=CONFIG
        )
        start = root / "float32"
    return {name: root / name for name in ("float32", "ternary", "edgebert")}


def test_a_format_has_its_machines(folders: dict[str, Path]) -> None:
    found = presets_of([folders["float32"], folders["ternary"]])
    assert found == {
        "edge16": folders["float32"],
        "edge16_int8": folders["float32"],
        "edge16_ternary": folders["ternary"],
    }
    twice = [folders["float32"], folders["edgebert"]]
    message = f"{twice[0]} and {twice[1]} are both for edge16"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        presets_of(twice)


def test_what_is_packed_is_what_was_measured(
    data: R8Data, folders: dict[str, Path], tmp_path: Path
) -> None:
    chosen = presets_of([folders["float32"], folders["ternary"]])
    seen = []
    packed, measured = pack_reuters(
        chosen,
        tmp_path / "small",
        data,
        name="small",
        seed=1,
        progress=lambda preset, done, total: seen.append((preset, done == total)),
    )
    assert packed.name == "small" and packed.classes == CLASSES
    assert {preset for preset, is_done in seen if is_done} == set(FORMATS)
    card = (tmp_path / "small" / "README.md").read_text(encoding="utf-8")
    for preset, found in measured.items():
        again = PackedModel.load(tmp_path / "small")
        image, machine = again.image_for(preset), PRESETS[preset].machine
        assert again.threshold_for(preset) == found.threshold
        run = evaluate(image, machine, data.sentences["test"], threshold=found.threshold)
        facts = again.preset(preset).measured
        assert facts["test_accuracy_percent"] == round(100 * run.accuracy(data.labels["test"]), 2)
        assert facts["test_mean_pass"] == round(run.passes.mean(), 3)
        assert again.preset(preset).variant == FORMATS[preset]
        assert f"| {preset} | {FORMATS[preset]} | {facts['test_accuracy_percent']:.2f} |" in card
        assert run.accuracy(data.labels["test"]) > 0.5  # of eight classes


def test_pruned_parts_are_taken_out(folders: dict[str, Path]) -> None:
    whole, pruned = (compile_trained(folders[name], "edge16") for name in ("float32", "edgebert"))
    assert len(pruned.data) < len(whole.data)
    model = load_model(folders["edgebert"])
    left = model.layers[0].ffn.weight.any(axis=1).sum()
    assert left == 32  # half of 64
    with pytest.raises(ValueError, match=r"^preset must be one of edge16, .*, not 'tiny'$"):
        compile_trained(folders["float32"], "tiny")


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["pack", *map(str, arguments)])


def test_the_command(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the stories alone are others
    monkeypatch.setattr(alembert_text.reuters, "fetch_reuters", lambda: (STORIES, ASKED))
    output = tmp_path / "packed"
    result = command(folders["ternary"], "--output", output, "--name", "small")
    assert result.exit_code == 0, result.output
    facts = PackedModel.load(output).preset("edge16_ternary").measured
    assert result.stdout.startswith(
        f"edge16_ternary: {facts['test_accuracy_percent']:.2f} % at mean pass "
    )
    result = CliRunner().invoke(
        app,
        ["classify", "--reuters", "3", "--model", str(output), "--preset", "edge16_ternary"],
    )
    assert result.exit_code == 0, result.output
    shown = [line.split() for line in result.stdout.splitlines() if " of 2 " in line]
    truths = [CLASSES[ASKED.labels[place]] for place in (0, 20, 40)]
    assert all(truth in row for truth, row in zip(truths, shown, strict=True))


def test_refused_in_one_line(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    missing = command(broken, "--output", tmp_path / "new")
    (broken / "training.json").write_text("[]")
    other = command(broken, "--output", tmp_path / "new")
    record = json.loads((folders["ternary"] / "training.json").read_text())
    binary = record | {"scheme": "binary"}
    (broken / "training.json").write_text(json.dumps(binary))
    unfit = command(broken, "--output", tmp_path / "new")
    record["settings"]["seed"] = 9
    (broken / "training.json").write_text(json.dumps(record))
    seeds = command(broken, folders["float32"], "--output", tmp_path / "new")
    record["settings"]["seed"] = 1
    (broken / "training.json").write_text(json.dumps(record))
    for name in ("config.json", "model.safetensors"):
        shutil.copy(folders["ternary"] / name, broken / name)
    WordPieces.learn(STORIES.texts[:20], 150).save(broken / "tokenizer.json")
    monkeypatch.setattr(alembert_text.reuters, "fetch_reuters", lambda: (STORIES, ASKED))
    pieces = command(broken, "--output", tmp_path / "new")
    for result, message in (
        (pieces, "error: all folders must have the word pieces of that seed's stories"),
        (missing, f"error: {broken / 'training.json'} cannot be read: "),
        (other, f"error: {broken / 'training.json'} must name variant, scheme and settings"),
        (unfit, f"error: {broken}: no preset runs models trained in binary"),
        (seeds, "error: all folders must be of one seed, not [1, 9]"),
    ):
        assert result.exit_code == 2
        line = result.stderr.splitlines()[-1].strip()
        assert line.startswith(message)
    assert not (tmp_path / "new").exists()


def test_nothing_to_pack(data: R8Data, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^there must be at least one trained folder to pack$"):
        pack_reuters({}, tmp_path / "new", data, name="small", seed=1)


def test_calibration_is_of_the_stories_to_train_on(data: R8Data, folders: dict[str, Path]) -> None:
    rows = json.loads((folders["float32"] / "calibration.json").read_text())
    known = {tuple(sentence.tolist()) for sentence in data.sentences["train"]}
    assert rows and all(tuple(row) in known for row in rows)
    assert len(rows) == 64  # of some 180
