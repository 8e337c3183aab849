"""Packing: a folder is the whole of a model, or what it was before."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alembert.config.presets import preset as preset_named
from alembert.files import write_file
from alembert_compiler.image import Image
from alembert_text.tokeniser import TOKENISER, Tokeniser

from .errors import PackedModelError
from .model_file import ModelFile, PresetFile, sha256_of
from .packed_model import CARD, MODEL, PackedModel, check_image

__all__ = ["pack"]


def pack(
    folder: Path,
    image: Image,
    *,
    preset: str,
    name: str,
    classes: Sequence[str],
    pieces: Tokeniser,
    variant: str,
    threshold: float,
    measured: Mapping[str, int | float | str],
    card: str | None = None,
) -> PackedModel:
    """Write a model with one image; or add the image to a model, or put it in another's place.

    All is written to a folder beside, read back and checked; then that takes the folder's place.
    Other files of the folder are kept.

    Parameters
    ----------
    folder : Path
        A model, an empty folder, or nothing yet.
    image : Image
        Of a classifier, for the preset's machine; its ``max_length`` is the model's.
    preset : str
        The machine's name.
    name : str
        What the model is called.
    classes : sequence of str
        Their names by number.
    pieces : Tokeniser
    variant, threshold, measured
        See :class:`PresetFile`.
    card : str, optional
        Text of the model card, README.md; needed where there is none yet.

    Returns
    -------
    PackedModel
        The whole model, as read back.

    Raises
    ------
    PackedModelError
        There is something else in the folder, or a model of another name, classes, length or
        pieces; there is no card; or the image does not suit.
    TypeError, ValueError
        A name, the threshold or a fact is not of its kind or form; the image is for another
        machine.
    OSError
        Something cannot be written; nothing is changed.
    """
    preset_named(preset)  # a name that is no path
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
        made, former = Path(scratch) / "made", Path(scratch) / "former"
        present = _copy(folder, made)
        pieces.save(made / TOKENISER)
        image.save(made / f"{preset}.image")
        entry = PresetFile(
            image=f"{preset}.image",
            sha256=sha256_of((made / f"{preset}.image").read_bytes()),
            variant=variant,
            threshold=threshold,
            measured=measured,
        )
        file = ModelFile(
            name=name,
            classes=tuple(classes),
            max_length=image.max_length,
            tokenizer=sha256_of((made / TOKENISER).read_bytes()),
            presets={preset: entry},
        )
        check_image(image, preset, file, pieces)
        if present is not None:
            _require_same(folder, present, file)
            former_entry = present.presets.get(preset, entry)
            if former_entry.image != entry.image:
                (made / former_entry.image).unlink()
            file = replace(file, presets={**present.presets, preset: entry})
        if card is not None:
            write_file(made / CARD, card)
        elif not (made / CARD).is_file():
            raise PackedModelError(f"a new model needs a card, the text of {CARD}")
        write_file(made / MODEL, file.to_json())
        PackedModel.load(made)
        _exchange(folder, made, former)
    return PackedModel.load(folder)


def _copy(folder: Path, made: Path) -> ModelFile | None:
    """What is there, to where it is changed; the model that it is."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        made.mkdir()
        return None
    if not (folder / MODEL).is_file():
        raise PackedModelError(f"{folder} must be a packed model or empty, not something else")
    present = PackedModel.load(folder).file
    shutil.copytree(folder, made)
    return present


def _require_same(folder: Path, present: ModelFile, file: ModelFile) -> None:
    for what in ("name", "classes", "max_length", "tokenizer"):
        old, new = getattr(present, what), getattr(file, what)
        if old != new:
            raise PackedModelError(f"{what} of {folder} must stay {old!r}, not become {new!r}")


def _exchange(folder: Path, made: Path, former: Path) -> None:
    """Put a folder in another one's place, or leave that where it is."""
    was_there = folder.exists()
    if was_there:
        folder.rename(former)
    try:
        made.rename(folder)
    except BaseException:
        if was_there:
            former.rename(folder)
        raise
