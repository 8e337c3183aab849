"""A pretrained model from the files that it is published as."""

from __future__ import annotations

from pathlib import Path

from .checkpoint import load_checkpoint
from .gguf_model import load_gguf
from .model import Model
from .model_config import ModelConfig

__all__ = ["CHECKPOINTS", "load_model"]

CHECKPOINTS = ("model.safetensors", "pytorch_model.bin")
"""What a checkpoint is called beside its ``config.json``; the first that is there is read."""


def load_model(path: Path | str) -> Model:
    """The model of a folder with a ``config.json`` and a checkpoint, or of a ``.gguf`` file.

    Raises
    ------
    ValueError
        A file is missing, or is not one of a model that is supported; the message begins with
        the file's name.
    ImportError
        The file is a GGUF file, and the gguf library is not installed.
    """
    folder = Path(path)
    if folder.suffix.lower() == ".gguf" and not folder.is_dir():
        return load_gguf(folder)
    config_file = folder / "config.json"
    checkpoint = next((folder / name for name in CHECKPOINTS if (folder / name).is_file()), None)
    if not config_file.is_file() or checkpoint is None:
        raise ValueError(
            f"{folder.name} must hold config.json and {' or '.join(CHECKPOINTS)} (in one part)"
        )
    tensors = load_checkpoint(checkpoint)
    try:
        config = ModelConfig.from_json(config_file.read_bytes())
    except (TypeError, ValueError) as error:
        raise ValueError(f"config.json: {error}") from error
    try:
        return Model(config, tensors)
    except ValueError as error:
        raise ValueError(f"{checkpoint.name}: {error}") from error
