"""Read GGUF files into numpy, through the gguf library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from .gguf_header import RESERVED, check_header
from .gguf_library import block_of, gguf_library
from .gguf_tensor import GgufTensor
from .torch_pickle import CheckpointError

__all__ = ["GgufFile", "read_gguf"]


@dataclass(frozen=True, kw_only=True, eq=False)
class GgufFile:
    """What a file holds.

    Parameters
    ----------
    name : str
        The file's own name.
    metadata : mapping of str to bool, int, float, str or list of them
        By the file's keys, in its order.
    tensors : mapping of str to GgufTensor
        By name, in the file's order.
    """

    name: str
    metadata: Mapping[str, Any]
    tensors: Mapping[str, GgufTensor]


def read_gguf(path: Path | str) -> GgufFile:
    """The metadata and the tensors of a file; nothing of it is needed afterwards.

    The whole header is checked before the library sees the file: see
    :func:`alembert_compiler.gguf_header.check_header`.

    Raises
    ------
    CheckpointError
        There is no such file, or it is not a sound GGUF file of version 2 or 3 with tensors of
        :data:`alembert_compiler.gguf_library.TYPES`; the message begins with the file's name.
    ImportError
        The gguf library is not installed.
    OSError
        The file cannot be read.
    """
    path, library = Path(path), gguf_library()
    try:
        if not path.is_file():
            raise CheckpointError("is no file")
        if not path.stat().st_size:
            raise CheckpointError("is empty")
        check_header(np.memmap(path, mode="r").data)
    except CheckpointError as error:
        raise CheckpointError(f"{path.name} {error}") from error.__cause__
    reader = library.GGUFReader(path)
    metadata = {
        key: field.contents() for key, field in reader.fields.items() if key not in RESERVED
    }
    tensors = {each.name: _tensor(each) for each in reader.tensors}
    return GgufFile(
        name=path.name, metadata=MappingProxyType(metadata), tensors=MappingProxyType(tensors)
    )


def _tensor(stored: Any) -> GgufTensor:
    kind, shape = stored.tensor_type.name, tuple(stored.shape[::-1].tolist())
    weights, size = block_of(kind)
    # a copy: the library maps the file, which may change
    blocks = np.array(stored.data).view(np.uint8)
    blocks = blocks.reshape(*shape[:-1], shape[-1] // weights, size)
    blocks.flags.writeable = False
    return GgufTensor(name=stored.name, kind=kind, shape=shape, blocks=blocks)
