"""Read torch checkpoints (.bin, .pt, .pth) and safetensors files into numpy, without torch.

Torch has two containers. Since torch 1.6 a checkpoint is an uncompressed zip archive:
``data.pkl`` describes the tensors and ``data/<key>`` holds each storage. Before, it was five
pickles in a row (a magic number, a protocol version, the writer's machine, the tensors, the keys
of the storages) and then the storages, each a count in eight bytes and its elements.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .file_kinds import foreign_kind
from .safetensors_file import is_safetensors, load_safetensors
from .state_dict import all_references, flatten
from .torch_pickle import CheckpointError, StorageReference, TensorReference, unpickle

__all__ = ["CheckpointError", "load_checkpoint"]

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001

_FILES = re.compile(r"\.(bin|ckpt|h5|json|npy|onnx|pt|pth|safetensors|txt)$")
"""Names that no torch archive has within."""
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"

_ReadStorage = Callable[[StorageReference], bytes]


def load_checkpoint(
    source: Path | str | bytes, *, name: str | None = None, refuse_nan: bool = False
) -> dict[str, NDArray[Any]]:
    """The tensors of a checkpoint by name, in the checkpoint's order.

    Nested dictionaries are flattened, their names joined by dots; plain values beside the
    tensors (epochs, versions) are left out. Arrays are read-only; those that shared a storage
    share it still. bfloat16 is widened to float32, which is exact; every other type is kept.

    Parameters
    ----------
    source : path or bytes
        The file, or its contents.
    name : str, optional
        What error messages call it; the file's name otherwise.
    refuse_nan : bool
        Refuse tensors that hold NaN.

    Raises
    ------
    CheckpointError
        The checkpoint is damaged, of an unknown kind, holds anything but tensors and plain
        values, or (on request) a NaN. Nothing that the file asks to be called is called.
    OSError
        The file cannot be read.
    """
    contents = source if isinstance(source, bytes) else Path(source).read_bytes()
    if name is None:
        name = "checkpoint" if isinstance(source, bytes) else Path(source).name
    try:
        tensors = _loader(contents)(contents)
        if refuse_nan:
            _refuse_nan(tensors)
    except CheckpointError as error:
        raise CheckpointError(f"{name} {error}") from error.__cause__
    return tensors


def _loader(contents: bytes) -> Callable[[bytes], dict[str, NDArray[Any]]]:
    """What reads a file of this kind."""
    if not contents:
        raise CheckpointError("is empty")
    if is_safetensors(contents):
        return load_safetensors
    if (kind := foreign_kind(contents)) is not None:
        raise CheckpointError(kind)
    if contents.startswith(_ZIP):
        return _load_zip
    if contents.startswith(_PICKLE):
        return _load_legacy
    raise CheckpointError(
        f"is neither a torch checkpoint nor safetensors: it begins with {contents[:8].hex(' ')}"
    )


def _refuse_nan(tensors: Mapping[str, NDArray[Any]]) -> None:
    for key, values in tensors.items():
        if values.dtype.kind == "f" and np.isnan(values).any():
            where = np.argwhere(np.isnan(values))[0].tolist()
            raise CheckpointError(f"holds NaN: {key} at {where}")


def _load_legacy(contents: bytes) -> dict[str, NDArray[Any]]:
    stream = io.BytesIO(contents)
    if unpickle(stream) != _LEGACY_MAGIC:
        raise CheckpointError("is no torch checkpoint: its magic number is wrong")
    if (protocol := unpickle(stream)) != _LEGACY_PROTOCOL:
        raise CheckpointError(f"has protocol version {protocol!r}, not {_LEGACY_PROTOCOL}")
    machine = unpickle(stream)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise CheckpointError("was not written by a little-endian machine")
    value = unpickle(stream)
    references = flatten(value)
    # what is left out has a storage, too
    known = _storages(references | {f"tensor {n}": x for n, x in enumerate(all_references(value))})
    keys = unpickle(stream)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise CheckpointError("is damaged: its storage keys are not a list of names")
    storages: dict[str, bytes] = {}
    for key in keys:
        if key not in known:
            raise CheckpointError(f"is damaged: no tensor uses storage {key}")
        count = int.from_bytes(_take(stream, 8, key), "little")
        if count != known[key].count:
            raise CheckpointError(
                f"is damaged: storage {key} must hold {known[key].count} elements, not {count}"
            )
        size = count * np.dtype(known[key].element.stored).itemsize
        storages[key] = _take(stream, size, key)
    if rest := len(contents) - stream.tell():
        raise CheckpointError(f"is damaged: {rest} bytes follow its last storage")

    def read(storage: StorageReference) -> bytes:
        if storage.key not in storages:
            raise CheckpointError(f"is damaged: storage {storage.key} is missing")
        return storages[storage.key]

    return _materialise(references, read)


def _take(stream: io.BytesIO, size: int, key: str) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise CheckpointError(
            f"is truncated: storage {key} needs {size} bytes, and {len(data)} are left"
        )
    return data


def _load_zip(contents: bytes) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as archive:
            return _load_archive(archive)
    except CheckpointError:
        raise
    except zipfile.BadZipFile as error:
        if not zipfile.is_zipfile(io.BytesIO(contents)):
            raise CheckpointError("is truncated: its archive has no end") from error
        raise CheckpointError(f"is damaged: {error}") from error
    except (EOFError, OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"is damaged: {error}") from error


def _load_archive(archive: zipfile.ZipFile) -> dict[str, NDArray[Any]]:
    sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    pickles = [path for path in sizes if path.count("/") == 1 and path.endswith("/data.pkl")]
    if not pickles and (inside := next(filter(_FILES.search, sizes), None)):
        raise CheckpointError(
            f"is a zip archive of files, {inside} among them: unpack it, and give the folder"
        )
    if len(pickles) != 1:
        raise CheckpointError(f"is no torch checkpoint: it holds {len(pickles)} data.pkl, not 1")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in sizes:
        raise CheckpointError("is a TorchScript program, not a checkpoint")
    if f"{folder}byteorder" in sizes and archive.read(f"{folder}byteorder") != b"little":
        raise CheckpointError("was not written by a little-endian machine")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
        raise CheckpointError("is no torch checkpoint: its archive is compressed")
    references = flatten(unpickle(io.BytesIO(archive.read(pickles[0]))))

    def read(storage: StorageReference) -> bytes:
        path = f"{folder}data/{storage.key}"
        if path not in sizes:
            raise CheckpointError(f"is damaged: storage {storage.key} is missing")
        expected = storage.count * np.dtype(storage.element.stored).itemsize
        if sizes[path] != expected:
            raise CheckpointError(
                f"is damaged: storage {storage.key} must hold {expected} bytes, not {sizes[path]}"
            )
        return archive.read(path)

    return _materialise(references, read)


def _storages(references: Mapping[str, TensorReference]) -> dict[str, StorageReference]:
    """The storages that the tensors use, by key."""
    storages: dict[str, StorageReference] = {}
    for name, reference in references.items():
        storage = reference.storage
        first = storages.setdefault(storage.key, storage)
        if (first.element, first.count) != (storage.element, storage.count):
            raise CheckpointError(
                f"is damaged: {name} reads storage {storage.key} as {storage.count} elements of "
                f"{storage.element.name}, another tensor as {first.count} of {first.element.name}"
            )
    return storages


def _materialise(
    references: Mapping[str, TensorReference], read: _ReadStorage
) -> dict[str, NDArray[Any]]:
    storages = {
        key: _decode(storage, read(storage)) for key, storage in _storages(references).items()
    }
    return {
        name: _view(name, reference, storages[reference.storage.key])
        for name, reference in references.items()
    }


def _decode(storage: StorageReference, data: bytes) -> NDArray[Any]:
    stored = np.frombuffer(data, dtype=storage.element.stored)
    match storage.element.name:
        case "bfloat16":
            return (stored.astype(np.uint32) << 16).view(np.float32)
        case "bool":
            return stored != 0
        case name:
            return stored.astype(name, copy=False)


def _view(name: str, reference: TensorReference, storage: NDArray[Any]) -> NDArray[Any]:
    shape, strides = reference.shape, reference.strides
    if 0 in shape:
        return np.zeros(shape, dtype=storage.dtype)
    # a stride along one element is never taken, and may be anything
    strides = tuple(stride if n > 1 else 0 for n, stride in zip(shape, strides))
    last = reference.offset + sum((n - 1) * stride for n, stride in zip(shape, strides))
    if last >= reference.storage.length:
        raise CheckpointError(
            f"is damaged: {name} reaches element {last} of a storage of {reference.storage.length}"
        )
    start = reference.storage.first + reference.offset
    byte_strides = tuple(stride * storage.itemsize for stride in strides)
    return as_strided(storage[start:], shape=shape, strides=byte_strides, writeable=False)
