"""Packed models: whole ones are read, and of all others the message says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembert_models import PackedModel, PackedModelError, built_in_models, pack, packed_model
from alembert_text.word_pieces import WordPieces
from models.tiny_models import CLASSES, LENGTH, SENTENCES, image_for, options, packed, pieces
from runtime.models import masked_image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    packed(tmp_path / "small")
    return tmp_path / "small"


def refusal(source: Path | str) -> str:
    with pytest.raises(PackedModelError) as caught:
        PackedModel.load(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_is_all_of_its_folder(folder: Path) -> None:
    names = ["README.md", "model.json", "tiny.image", "tokenizer.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert list(folder.parent.iterdir()) == [folder], "nothing is left beside"
    model = PackedModel.load(folder)
    assert (model.name, model.classes, model.max_length) == ("small", CLASSES, LENGTH)
    assert model.image_for("tiny") == image_for("tiny")
    assert isinstance(model.image_for("tiny").data, memoryview)
    assert model.threshold_for("tiny") == 1.0
    assert model.preset("tiny").measured["sentences"] == 5
    for text in SENTENCES:
        np.testing.assert_array_equal(model.pieces.encode(text, 16), pieces().encode(text, 16))


def test_presets_that_there_are(folder: Path) -> None:
    model = pack(folder, image_for("edge16_int8"), **options("edge16_int8"))
    for ask in (model.preset, model.image_for, model.threshold_for):
        with pytest.raises(PackedModelError) as caught:
            ask("edge16")
        assert str(caught.value) == (
            "preset of model small must be one of edge16_int8, tiny, not 'edge16'"
        )


def test_built_in_models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_model, "_BUILT_IN", folder.parent)
    assert built_in_models() == ("small",)
    monkeypatch.chdir(folder)
    (folder / "small").mkdir()  # the built-in one comes first
    assert PackedModel.load("small").folder == folder
    message = "small lacks model.json"
    assert refusal("./small") == message and refusal(Path("small")) == message
    assert refusal("large") == "model must be a built-in one (small) or a folder, not 'large'"


def test_all_built_in_models_are_whole() -> None:
    for name in built_in_models():
        assert PackedModel.load(name).name == name


@pytest.mark.parametrize("name", ["model.json", "tokenizer.json", "tiny.image", "README.md"])
def test_files_that_are_missing(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refusal(folder) == f"{folder} lacks {name}"


@pytest.mark.parametrize("name", ["tokenizer.json", "tiny.image"])
def test_files_that_are_others(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-2] ^= 1
    (folder / name).write_bytes(content)
    assert refusal(folder).startswith(f"{folder / name} must have the SHA-256 ")
    (folder / name).unlink()
    (folder / name).mkdir()
    assert refusal(folder) == f"{folder / name} cannot be read: Is a directory"


def test_a_model_file_that_is_damaged(folder: Path) -> None:
    for content, message in (
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0"),
        (b"[]", "it must be an object, not []"),
        (b"{}", "format must be 1, not None"),
    ):
        (folder / "model.json").write_bytes(content)
        assert refusal(folder).startswith(f"model.json of {folder}: {message}")


def change(folder: Path, **changes: Any) -> None:
    """Write another model.json whose checksums are right."""
    file = folder / "model.json"
    content = json.loads(file.read_text()) | changes
    content["tokenizer"] = packed_model.sha256_of((folder / "tokenizer.json").read_bytes())
    for preset in content["presets"].values():
        preset["sha256"] = packed_model.sha256_of((folder / preset["image"]).read_bytes())
    file.write_text(json.dumps(content))


def _other_classes(folder: Path) -> str:
    change(folder, classes=[*CLASSES, "trade"])
    return "the image must have a logit for each of 6 classes, not 5"


def _other_length(folder: Path) -> str:
    change(folder, max_length=17)
    return "the image must take 17 tokens, not 16"


def _more_pieces(folder: Path) -> str:
    many = WordPieces.learn((*SENTENCES, "interest trade money bank currency market"), 500)
    many.save(folder / "tokenizer.json")
    change(folder)
    assert len(many) > 120
    return f"there must be at most 120 word pieces, those of the image, not {len(many)}"


def _masked(folder: Path) -> str:
    masked_image().save(folder / "tiny.image")
    change(folder)
    return "the image must be a classifier's, not a masked-language head's"


def _another_machine(folder: Path) -> str:
    image_for("edge16_int8").save(folder / "tiny.image")
    change(folder)
    return "the image is for a machine with word width 128, not with 32"


def _a_damaged_image(folder: Path) -> str:
    (folder / "tiny.image").write_bytes(b"x" * 4096)
    change(folder)
    return "tiny.image is not an image"


@pytest.mark.parametrize(
    "spoil",
    [_other_classes, _other_length, _more_pieces, _masked, _another_machine, _a_damaged_image],
)
def test_parts_that_do_not_belong_together(folder: Path, spoil: Callable[[Path], str]) -> None:
    message = spoil(folder)
    where = folder if spoil is _a_damaged_image else folder / "tiny.image"
    assert refusal(folder) == f"{where}: {message}"


def test_a_preset_of_no_machine(folder: Path) -> None:
    content = json.loads((folder / "model.json").read_text())
    change(folder, presets={"huge": content["presets"]["tiny"]})
    assert refusal(folder).startswith(f"{folder / 'tiny.image'}: preset must be one of tiny, ")


def test_pieces_that_are_none(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")
    change(folder)
    assert refusal(folder).startswith(f"{folder}: tokenizer.json is no tokeniser")


def test_an_image_of_other_sizes_fits_if_the_machine_is_larger(folder: Path) -> None:
    smaller = image_for("tiny").machine | {"longest_row": 63}
    replace(image_for("tiny"), machine=smaller).save(folder / "tiny.image")
    change(folder)
    assert PackedModel.load(folder).image_for("tiny").machine == smaller
