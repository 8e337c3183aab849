"""A pretrained model from the files that it is published as."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .checkpoint_folder import (
    CHECKPOINTS,
    CONFIGS,
    find_checkpoint,
    find_config,
    load_tensors,
    read_text,
)
from .config_check import check_config
from .config_json import parse_config, shape_fields
from .encoder_place import find_encoder, unwrapped
from .gguf_model import load_gguf
from .model import Model
from .model_config import ModelConfig
from .model_tensors import canonical
from .torch_pickle import CheckpointError

__all__ = ["load_model"]


def load_model(path: Path | str) -> Model:
    """The model of a folder with a ``config.json`` and a checkpoint, or of a ``.gguf`` file.

    Parameters
    ----------
    path : path
        The folder; or a file of weights that lies beside its ``config.json``; or a GGUF file.

    Raises
    ------
    ValueError
        A file is missing, is not one of a model that is supported, or contradicts another; the
        message begins with the file's name.
    ImportError
        The file is a GGUF file, and the gguf library is not installed.
    OSError
        A file cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() == ".gguf" and not path.is_dir():
        return load_gguf(path)
    folder = path.parent if path.is_file() else path
    config_file = find_config(folder)
    checkpoint = path if path.is_file() else find_checkpoint(folder)
    if config_file is None or checkpoint is None:
        raise ValueError(
            f"{folder.name} must hold {CONFIGS[0]} and {' or '.join(CHECKPOINTS)}, whole or as "
            f"shards and an index"
        )
    tensors = load_tensors(checkpoint)
    with _about(checkpoint):
        place = find_encoder(map(unwrapped, tensors))
    with _about(config_file):
        values = parse_config(read_text(config_file))
        config = ModelConfig(**shape_fields(values, None if place is None else place.family))
    with _about(checkpoint):
        given = canonical(config, tensors)
    with _about(config_file):
        check_config(values, config, given)
    with _about(checkpoint):
        return Model(config, given)


@contextmanager
def _about(file: Path) -> Iterator[None]:
    """Errors begin with the file's name."""
    try:
        yield
    except CheckpointError as error:  # the rest of a sentence
        raise ValueError(f"{file.name} {error}") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file.name}: {error}") from error
