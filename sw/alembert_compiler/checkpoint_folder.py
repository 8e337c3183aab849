"""The tensors of a published folder: from one file, or from shards and their index."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from .checkpoint import CheckpointError, load_checkpoint
from .file_kinds import text_kind

__all__ = ["CHECKPOINTS", "CONFIGS", "find_checkpoint", "find_config", "load_tensors", "read_text"]

CONFIGS = ("config.json", "bert_config.json", "albert_config.json")
"""What the model's shape is called, today and by what was published first."""
_INDEX = ".index.json"
CHECKPOINTS = ("model.safetensors", "pytorch_model.bin")
"""What a checkpoint is called beside its config, whole; an index of its shards has _INDEX behind.
The first that is there is read."""
_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
"""Of files that may be the checkpoint under a name of its own."""
_BESIDE = ("adapter_", "optimizer", "rng_state", "scaler", "scheduler", "training_args")
"""How files begin that training leaves beside it."""
_FOREIGN = {
    ".h5": "TensorFlow or Keras",
    ".index": "TensorFlow",
    ".msgpack": "Flax",
    ".onnx": "ONNX",
    ".ot": "Rust",
    ".pb": "TensorFlow",
}
"""Whose checkpoint a file is, by its suffix."""


def find_config(folder: Path) -> Path | None:
    """The file that gives the model's shape, if there is one."""
    return next((folder / name for name in CONFIGS if (folder / name).is_file()), None)


def find_checkpoint(folder: Path) -> Path | None:
    """The checkpoint, or the index of its shards, if there is one.

    Without any of :data:`CHECKPOINTS`, the only file that may be one.

    Raises
    ------
    ValueError
        There are several that may be, or none but those of other frameworks.
    """
    for whole in CHECKPOINTS:
        for name in (whole, f"{whole}{_INDEX}"):
            if (folder / name).is_file():
                return folder / name
    files = sorted(path for path in folder.glob("*") if path.is_file())
    named = [
        path for path in files if path.suffix in _SUFFIXES and not path.name.startswith(_BESIDE)
    ]
    if len(named) == 1:
        return named[0]
    if named:
        raise ValueError(
            f"{folder.name} holds {len(named)} files that may be the checkpoint, and none called "
            f"{' or '.join(CHECKPOINTS)}: {_listed([path.name for path in named])}"
        )
    for path in files:
        if path.suffix == ".gguf":
            raise ValueError(
                f"{folder.name} holds {path.name}: give that file in place of its folder"
            )
        if path.suffix in _FOREIGN:
            raise ValueError(
                f"{folder.name} holds {path.name}, of {_FOREIGN[path.suffix]}: save the model in "
                f"PyTorch's format or as safetensors"
            )
    return None


def load_tensors(checkpoint: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a checkpoint, or of all shards of an index.

    Raises
    ------
    ValueError
        A file is none of weights, or damaged; the index names files that are not there, or tensors
        that are not in them; or two shards have a tensor of one name. The message begins with the
        file's name.
    OSError
        A file cannot be read.
    """
    if not checkpoint.name.endswith(_INDEX):
        return load_checkpoint(checkpoint)
    try:
        places = _weight_map(read_text(checkpoint))
        missing = sorted(n for n in set(places.values()) if not (checkpoint.parent / n).is_file())
        if missing:
            raise CheckpointError(f"names shards that are not there: {_listed(missing)}")
        return _of_shards(checkpoint.parent, places)
    except CheckpointError as error:
        raise CheckpointError(f"{checkpoint.name} {error}") from error


def read_text(path: Path) -> bytes:
    """The contents of a file that is text.

    Raises
    ------
    CheckpointError
        It is empty, a Git LFS pointer or a page of the web; the rest of a sentence that begins
        with the file's name.
    OSError
        It cannot be read.
    """
    contents = path.read_bytes()
    if not contents.strip():
        raise CheckpointError("is empty")
    if (kind := text_kind(contents)) is not None:
        raise CheckpointError(kind)
    return contents


def _weight_map(text: bytes) -> dict[str, str]:
    try:
        index = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"is not JSON: {error}") from error
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not places:
        raise CheckpointError("must have a weight_map, a file for every tensor")
    for name, file in places.items():
        if not isinstance(file, str) or Path(file).name != file:
            raise CheckpointError(f"must name a file of its folder for {name}, not {file!r}")
    return places


def _of_shards(folder: Path, places: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for file in sorted(set(places.values())):
        shard = load_checkpoint(folder / file)
        lacking = [name for name, place in places.items() if place == file and name not in shard]
        if lacking:
            raise CheckpointError(f"names tensors that {file} does not hold: {_listed(lacking)}")
        if twice := sorted(found.keys() & shard.keys()):
            raise CheckpointError(f"has shards that both hold {_listed(twice)}")
        found |= shard
    return found


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
