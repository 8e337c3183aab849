"""Packing: images are added and replaced, and what goes wrong changes nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembert_compiler.image import Image
from alembert_models import PackedModel, PackedModelError, pack
from alembert_runtime import IncompatibleError
from alembert_text.checkpoint_tokeniser import load_tokeniser
from alembert_text.word_pieces import WordPieces
from models.tiny_models import CLASSES, SENTENCES, image_for, options, packed


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def test_the_same_is_packed_to_the_same_bytes(tmp_path: Path) -> None:
    packed(tmp_path / "one")
    packed(tmp_path / "deep" / "other")
    (tmp_path / "empty").mkdir()
    packed(tmp_path / "empty")
    one = contents(tmp_path / "one")
    assert one == contents(tmp_path / "deep" / "other") == contents(tmp_path / "empty")
    packed(tmp_path / "one")  # in its own place
    assert contents(tmp_path / "one") == one


def test_images_are_added_and_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    former = packed(folder)
    (folder / "notes.txt").write_text("mine")
    model = pack(folder, image_for("edge16_int8"), **options("edge16_int8", card=None))
    assert list(model.images) == ["edge16_int8", "tiny"]
    assert model.image_for("tiny") == image_for("tiny") == former.image_for("tiny")
    assert (folder / "README.md").read_text() == "# small\n"
    assert (folder / "notes.txt").read_text() == "mine"
    changed = replace(image_for("tiny"), notes=tuple(f"{x}!" for x in image_for("tiny").notes))
    again = pack(folder, changed, **options(threshold=0.25, card="# new\n"))
    assert again.image_for("tiny") == changed and again.threshold_for("tiny") == 0.25
    assert again.image_for("edge16_int8") == image_for("edge16_int8")
    assert (folder / "README.md").read_text() == "# new\n"
    assert former.image_for("tiny") == image_for("tiny"), "a mapped image outlives its file"


def test_a_published_tokeniser_goes_with_the_model(tmp_path: Path) -> None:
    special = ["[PAD]", *(f"[unused{n}]" for n in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (tmp_path / "vocab.txt").write_text("\n".join([*special, "Oil", "oil", "prices"]))
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    tokeniser = load_tokeniser(tmp_path, 120)
    model = pack(tmp_path / "small", image_for("tiny"), **options(pieces=tokeniser))
    assert model.pieces.encode("Oil oil prices", 9).tolist() == [101, 104, 105, 106, 102]


def test_an_image_under_another_name_goes(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    packed(folder)
    text = (folder / "model.json").read_text().replace("tiny.image", "old.image")
    (folder / "model.json").write_text(text)
    (folder / "tiny.image").rename(folder / "old.image")
    assert PackedModel.load(folder).preset("tiny").image == "old.image"
    assert packed(folder).preset("tiny").image == "tiny.image"
    assert not (folder / "old.image").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "large"}, "name of {0} must stay 'small', not become 'large'"),
        (
            {"classes": tuple(reversed(CLASSES))},
            "classes of {0} must stay ('acq', 'crude', 'earn', 'grain', 'ship'), "
            "not become ('ship', 'grain', 'earn', 'crude', 'acq')",
        ),
        ({"pieces": WordPieces.learn(SENTENCES[:2], 60)}, "tokenizer of {0} must stay '"),
        ({"classes": CLASSES[:4]}, "the image must have a logit for each of 4 classes, not 5"),
        ({"variant": "INT 8"}, "variant must be lower-case letters, digits, '_' and '-', not "),
        ({"threshold": 9.0}, "threshold must be between 0 and 7.99998 nats, not 9.0"),
        ({"measured": {"a": float("nan")}}, "measured a must be a finite number or a text, not"),
        ({"preset": "../tiny"}, "preset must be one of tiny, edge16, "),
        ({"preset": "edge16"}, "the image is for a machine with word width 32, not with 128"),
    ],
)
def test_what_does_not_suit_changes_nothing(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    folder = tmp_path / "small"
    packed(folder)
    before = contents(tmp_path)
    with pytest.raises((PackedModelError, ValueError, IncompatibleError)) as caught:
        pack(folder, image_for("tiny"), **(options() | changes))
    assert str(caught.value).startswith(message.format(folder))
    assert contents(tmp_path) == before and list(tmp_path.iterdir()) == [folder]


def test_another_length(tmp_path: Path) -> None:
    packed(tmp_path / "small")
    with pytest.raises(PackedModelError, match=r"^max_length of .* must stay 16, not become 12$"):
        pack(tmp_path / "small", image_for("tiny", length=12), **options())


def test_a_new_model_needs_a_card(tmp_path: Path) -> None:
    with pytest.raises(PackedModelError) as caught:
        pack(tmp_path / "small", image_for("tiny"), **options(card=None))
    assert str(caught.value) == "a new model needs a card, the text of README.md"
    assert not list(tmp_path.iterdir())


def test_what_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_text("mine")
    for path in (tmp_path / "file", folder):
        with pytest.raises(PackedModelError) as caught:
            packed(path)
        assert str(caught.value) == f"{path} must be a packed model or empty, not something else"
    (folder / "model.json").write_text("{}")
    with pytest.raises(PackedModelError, match="format must be 1, not None"):
        packed(folder)
    assert (folder / "file").read_text() == (tmp_path / "file").read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == [tmp_path / "file", folder]


@pytest.mark.parametrize("step", ["image", "model", "exchange", "put back"])
@pytest.mark.parametrize("is_new", [True, False])
def test_errors_on_the_way_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, is_new: bool
) -> None:
    """Whatever fails, and a folder that was moved away comes back."""
    folder = tmp_path / "small"
    if not is_new:
        packed(folder)
    before = contents(tmp_path)
    fails = OSError(28, "No space left on device")
    rename, replace_file = Path.rename, os.replace

    def fail_save(self: Image, path: Path) -> None:
        path.write_bytes(b"half")
        raise fails

    def fail_replace(part: str, path: str) -> None:
        if path.endswith("model.json"):
            raise fails
        replace_file(part, path)

    def fail_rename(self: Path, target: Path) -> Path:
        if target == folder and self.name == "made":
            raise fails
        if step == "exchange" and self == folder:
            raise fails
        return rename(self, target)

    match step:
        case "image":
            monkeypatch.setattr(Image, "save", fail_save)
        case "model":
            monkeypatch.setattr(os, "replace", fail_replace)
        case _:
            monkeypatch.setattr(Path, "rename", fail_rename)
    with pytest.raises(OSError, match="No space left"):
        pack(folder, image_for("tiny"), **options(threshold=0.5))
    monkeypatch.undo()
    assert contents(tmp_path) == before
    assert list(tmp_path.iterdir()) == ([] if is_new else [folder])
