"""Read safetensors files into numpy.

A file is the length of its header in eight bytes, the header in JSON (for every tensor its type,
shape, and first and end byte), and the tensors' bytes, little-endian, rows first.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .torch_pickle import CheckpointError

__all__ = ["is_safetensors", "load_safetensors"]

_TYPES = {
    "BOOL": "u1",
    "U8": "u1",
    "I8": "i1",
    "I16": "<i2",
    "I32": "<i4",
    "I64": "<i8",
    "F16": "<f2",
    "BF16": "<u2",
    "F32": "<f4",
    "F64": "<f8",
}
_PREFIX = 8
_METADATA = "__metadata__"


def is_safetensors(contents: bytes) -> bool:
    """Whether a file begins as one of these does: no torch checkpoint begins so."""
    # the length of no header reaches its last byte, where a text has a character
    return contents[_PREFIX - 1 : _PREFIX + 1] == b"\0{"


def load_safetensors(contents: bytes) -> dict[str, NDArray[Any]]:
    """The tensors of a file by name, in the order of its header; read-only.

    bfloat16 is widened to float32, which is exact; every other type is kept.

    Raises
    ------
    CheckpointError
        The file is damaged, or a tensor is of a type that numpy does not have.
    """
    length = int.from_bytes(contents[:_PREFIX], "little")
    if length > len(contents) - _PREFIX:
        raise CheckpointError(
            f"is truncated: its header needs {length} bytes, and {len(contents) - _PREFIX} are left"
        )
    try:
        header = json.loads(
            contents[_PREFIX : _PREFIX + length], object_pairs_hook=_without_duplicates
        )
    except CheckpointError:
        raise
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"is damaged: its header is not JSON: {error}") from error
    data = contents[_PREFIX + length :]
    header.pop(_METADATA, None)
    _require_cover(header, len(data))
    return {name: _tensor(name, entry, data) for name, entry in header.items()}


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CheckpointError("is damaged: its header has a name twice")
    return found


def _require_cover(header: dict[str, Any], size: int) -> None:
    """Every byte belongs to one tensor, and to no other."""
    end = 0
    for name, (first, last) in sorted(
        ((name, _offsets(name, entry)) for name, entry in header.items()), key=lambda e: e[1]
    ):
        if first != end or last < first:
            raise CheckpointError(
                f"is damaged: {name} must begin at byte {end}, not take {first}…{last}"
            )
        end = last
    if end != size:
        raise CheckpointError(f"is damaged: its tensors have {end} bytes, and it holds {size}")


def _offsets(name: str, entry: Any) -> tuple[int, int]:
    match entry:
        case {"dtype": str(), "shape": list(shape), "data_offsets": [int(first), int(last)]} if all(
            isinstance(n, int) and n >= 0 for n in shape
        ):
            return first, last
        case _:
            raise CheckpointError(f"is damaged: {name} has no type, shape and place: {entry}")


def _tensor(name: str, entry: dict[str, Any], data: bytes) -> NDArray[Any]:
    kind, shape = entry["dtype"], tuple(entry["shape"])
    first, last = entry["data_offsets"]
    if kind not in _TYPES:
        raise CheckpointError(f"holds {name} of type {kind}, not of {', '.join(_TYPES)}")
    stored = np.dtype(_TYPES[kind])
    count = math.prod(shape)
    if count * stored.itemsize != last - first:
        raise CheckpointError(
            f"is damaged: {name} must have {count * stored.itemsize} bytes, not {last - first}"
        )
    values = np.frombuffer(memoryview(data)[first:last], stored) if count else np.zeros(0, stored)
    values = values.reshape(shape)
    if kind == "BF16":
        values = np.asarray(values.astype(np.uint32) << 16).view(np.float32)
    elif kind == "BOOL":
        values = np.asarray(values != 0)
    values.flags.writeable = False
    return values
