"""What a GGUF file must be like before a library may read it.

A file is "GGUF", a version, how many tensors and how many metadata it has; the metadata, each a
key, a type and a value; for every tensor its name, dimensions (the innermost first), type and
place; then, from the next multiple of the alignment on, the tensors' bytes. All is little-endian.

A reader that takes a damaged file at its word allocates what a count says, or loops as often.
Here every count, length and place is held against the bytes that there are.
"""

from __future__ import annotations

import math
import struct
from itertools import pairwise
from typing import NamedTuple

from .file_kinds import TEXT_BYTES, text_kind
from .gguf_library import TYPES, block_of, type_name
from .torch_pickle import CheckpointError

__all__ = ["MOST_VALUES", "RESERVED", "check_header"]

MOST_VALUES = 1 << 20
"""Metadata, elements of their arrays and tensors together: the library takes 20 µs for each."""

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_NUMBERS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Types of values that are numbers or booleans, and their bytes."""
_UINT32, _STRING, _ARRAY = 4, 8, 9
_LEAST_FIELD = 8 + 4 + 1
_LEAST_TENSOR = 8 + 4 + 8 + 4 + 8
_ALIGNMENT = "general.alignment"
_DEFAULT_ALIGNMENT = 32
_MOST_DIMENSIONS = 4
_LONGEST_KEY, _LONGEST_NAME = 65535, 64
RESERVED = ("GGUF.version", "GGUF.tensor_count", "GGUF.kv_count")
"""What the library calls the header's first numbers, beside the file's own keys."""


class _Place(NamedTuple):
    offset: int
    size: int
    name: str


class _Cursor:
    """Goes through a file, never beyond its end."""

    def __init__(self, contents: memoryview) -> None:
        self.contents, self.at, self.values = contents, 0, 0

    @property
    def left(self) -> int:
        return len(self.contents) - self.at

    def take(self, size: int, what: str) -> memoryview:
        if size > self.left:
            raise CheckpointError(
                f"is truncated: {what} needs {size} bytes, and {self.left} are left"
            )
        self.at += size
        return self.contents[self.at - size : self.at]

    def uint32(self, what: str) -> int:
        return struct.unpack("<I", self.take(4, what))[0]

    def uint64(self, what: str) -> int:
        return struct.unpack("<Q", self.take(8, what))[0]

    def text(self, what: str) -> str:
        try:
            return str(self.take(self.uint64(what), what), "utf-8")
        except UnicodeDecodeError as error:
            raise CheckpointError(f"is damaged: {what} is not UTF-8") from error

    def name(self, longest: int, what: str) -> str:
        name = self.text(what)
        if not name or not name.isprintable() or len(name.encode()) > longest:
            raise CheckpointError(
                f"is damaged: {what} must be 1 to {longest} printable bytes, not {name[:64]!r}"
            )
        return name

    def count(self, most: int, what: str) -> int:
        """A number of things, of which no more than ``most`` fit into the bytes left."""
        count = self.uint64(f"the number of {what}")
        if count > most:
            raise CheckpointError(
                f"is damaged: it announces {count} {what}, and {self.left} bytes are left"
            )
        self.values += count
        if self.values > MOST_VALUES:
            raise CheckpointError(
                f"has more than {MOST_VALUES} values in its header: {self.values} with its {what}"
            )
        return count


def check_header(contents: memoryview) -> None:
    """Refuse a file that a library would crash on, hang on or misread.

    Parameters
    ----------
    contents : memoryview of bytes
        The whole file.

    Raises
    ------
    CheckpointError
        The file is no GGUF of version 2 or 3, big-endian, truncated or damaged, holds a tensor of
        a type that is not in :data:`alembert_compiler.gguf_library.TYPES`, or has too many values
        in its header. The message is the rest of a sentence that starts with the file's name.
    """
    if not contents:
        raise CheckpointError("is empty")
    cursor = _Cursor(contents)
    if bytes(contents[:4]) != _MAGIC:
        kind = text_kind(bytes(contents[:TEXT_BYTES]))
        raise CheckpointError(kind or "is no GGUF file: it does not begin with GGUF")
    cursor.take(4, "the magic number")
    _check_version(bytes(cursor.take(4, "the version")))
    # both numbers come before what they count
    tensors = cursor.count(cursor.left // _LEAST_TENSOR, "tensors")
    fields = cursor.count(cursor.left // _LEAST_FIELD, "metadata")
    alignment = _check_fields(cursor, fields)
    places: dict[str, _Place] = {}
    for index in range(tensors):
        place = _tensor(cursor, index, alignment)
        if place.name in places:
            raise CheckpointError(f"is damaged: it has a second {place.name}")
        places[place.name] = place
    _check_places(list(places.values()), -(-cursor.at // alignment) * alignment, len(contents))


def _check_version(stored: bytes) -> None:
    version = int.from_bytes(stored, "little")
    if int.from_bytes(stored, "big") in _VERSIONS:
        raise CheckpointError("was not written by a little-endian machine")
    if version not in _VERSIONS:
        raise CheckpointError(f"is of GGUF version {version}, not 2 or 3")


def _check_fields(cursor: _Cursor, count: int) -> int:
    """Go over the metadata; the alignment that they ask for."""
    keys: set[str] = set(RESERVED)
    alignment = _DEFAULT_ALIGNMENT
    for index in range(count):
        key = cursor.name(_LONGEST_KEY, f"key {index}")
        if key in keys:
            raise CheckpointError(f"is damaged: its metadata have a second {key}")
        keys.add(key)
        kind = cursor.uint32(f"the type of {key}")
        if key == _ALIGNMENT:
            if kind != _UINT32:
                raise CheckpointError(f"is damaged: {key} must be of type {_UINT32}, not {kind}")
            alignment = cursor.uint32(key)
            if alignment.bit_count() != 1:
                raise CheckpointError(f"is damaged: {key} must be a power of two, not {alignment}")
        else:
            _skip_value(cursor, key, kind)
    return alignment


def _skip_value(cursor: _Cursor, key: str, kind: int) -> None:
    if kind == _STRING:
        cursor.text(key)
    elif kind == _ARRAY:
        element = cursor.uint32(f"the type of {key}")
        if element != _STRING and element not in _NUMBERS:
            raise CheckpointError(f"is damaged: {key} is an array of type {element}")
        size = _NUMBERS.get(element, 8)  # a string has its length at least
        # eight bytes are the count's own
        count = cursor.count(max(cursor.left - 8, 0) // size, f"elements of {key}")
        if element == _STRING:
            for _ in range(count):
                cursor.text(f"a string of {key}")
        else:
            cursor.take(size * count, key)
    elif kind in _NUMBERS:
        cursor.take(_NUMBERS[kind], key)
    else:
        raise CheckpointError(f"is damaged: {key} is of type {kind}")


def _tensor(cursor: _Cursor, index: int, alignment: int) -> _Place:
    name = cursor.name(_LONGEST_NAME, f"the name of tensor {index}")
    dimensions = cursor.uint32(f"the number of dimensions of {name}")
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise CheckpointError(
            f"is damaged: {name} must have 1 to {_MOST_DIMENSIONS} dimensions, not {dimensions}"
        )
    shape = [cursor.uint64(f"the shape of {name}") for _ in range(dimensions)][::-1]
    if not all(shape):
        raise CheckpointError(f"is damaged: {name} is of shape {shape}, which is empty")
    kind = type_name(cursor.uint32(f"the type of {name}"))
    if kind not in TYPES:
        raise CheckpointError(f"holds {name} of type {kind}, not of {', '.join(TYPES)}")
    weights, size = block_of(kind)
    if shape[-1] % weights:
        raise CheckpointError(
            f"is damaged: {name} of type {kind} must have rows of a multiple of {weights}, "
            f"not {shape[-1]}"
        )
    offset = cursor.uint64(f"the place of {name}")
    if offset % alignment:
        raise CheckpointError(
            f"is damaged: {name} must begin at a multiple of {alignment}, not at {offset}"
        )
    return _Place(offset, math.prod(shape) // weights * size, name)


def _check_places(places: list[_Place], start: int, end: int) -> None:
    for offset, size, name in places:
        if start + offset + size > end:
            raise CheckpointError(
                f"is truncated: {name} needs bytes {start + offset}…{start + offset + size}, "
                f"and it has {end}"
            )
    for first, second in pairwise(sorted(places)):
        if first.offset + first.size > second.offset:
            raise CheckpointError(f"is damaged: {first.name} and {second.name} overlap")
