"""An image in a file: a head, a description, and data that can be mapped into memory.

All numbers are little-endian. The data begins with a page, so that a mapping of the file has it at
a page's address: it need not be copied to be used.

==============  =====  ====================================================
offset          bytes
==============  =====  ====================================================
0               8      ``ALEMBERT``
8               4      version of this layout, 2
12              4      instruction set
16              8      D, bytes of the description as it is stored
24              8      offset of the data: a multiple of 4096
32              8      N, bytes of the data
40              32     SHA-256 of the description as it is stored
72              32     SHA-256 of the data
104             D      the description, deflated (RFC 1950): JSON, UTF-8, keys in order
104 + D         …      zeros, up to the data
data's offset   N      the IMAGE region, to the file's end
==============  =====  ====================================================
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import zlib
from pathlib import Path

from alembert.config.isa import ISA_VERSION
from alembert.files import write_file

__all__ = ["PAGE_BYTES", "ImageError", "data_offset", "read_image_file", "write_image_file"]

PAGE_BYTES = 4096
"""The data begins at a multiple of it."""

_MAGIC = b"ALEMBERT"
_VERSION = 2
_HEAD = struct.Struct("<8sIIQQQ32s32s")
_LONGEST = 1 << 24
"""Bytes of a description: no more are inflated."""


class ImageError(ValueError):
    """A file that is not an image, or not a whole one: the message names the file and the rule."""


def data_offset(described: int) -> int:
    """Where the data begins in a file whose description has so many bytes."""
    return -(-(_HEAD.size + described) // PAGE_BYTES) * PAGE_BYTES


def write_image_file(path: Path, description: bytes, data: bytes | memoryview) -> None:
    """Write an image, as :func:`alembert.files.write_file` does.

    Who has mapped the former file keeps that one, unless it had to be written over.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    stored = zlib.compress(description, 9)
    offset = data_offset(len(stored))
    digests = (hashlib.sha256(part).digest() for part in (stored, data))
    sizes = (len(stored), offset, len(data))
    head = _HEAD.pack(_MAGIC, _VERSION, ISA_VERSION, *sizes, *digests)
    write_file(path, (head + stored).ljust(offset, b"\0"), data)


def read_image_file(path: Path, *, mapped: bool) -> tuple[bytes, bytes | memoryview]:
    """Read an image's description and data, every byte of the file checked.

    Parameters
    ----------
    path : Path
    mapped : bool
        The data is a read-only view of the file in memory; the file must stay as it is.

    Raises
    ------
    ImageError
        The file cannot be read, is no image, of another version or instruction set, shorter or
        longer than its head says, or damaged.
    """
    name = path.name
    try:
        with path.open("rb") as handle:
            size = os.fstat(handle.fileno()).st_size
            if mapped and size:  # nothing cannot be mapped
                content = memoryview(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))
            else:
                content = memoryview(handle.read())
    except OSError as error:
        raise ImageError(f"{name} cannot be read: {error.strerror or error}") from error
    if len(content) < _HEAD.size or content[: len(_MAGIC)] != _MAGIC:
        raise ImageError(f"{name} is not an image")
    _, version, isa, described, offset, length, *digests = _HEAD.unpack_from(content)
    if version != _VERSION:
        raise ImageError(f"{name} must be of version {_VERSION}, not {version}")
    if isa != ISA_VERSION:
        raise ImageError(f"{name} must be of instruction set {ISA_VERSION}, not {isa}")
    if offset != data_offset(described):
        raise ImageError(
            f"{name} is damaged: its data must begin at {data_offset(described)}, not {offset}"
        )
    if len(content) != offset + length:
        raise ImageError(f"{name} must have {offset + length} bytes, not {len(content)}")
    end = _HEAD.size + described
    description, data = content[_HEAD.size : end], content[offset:]
    parts = (("description", description), ("data", data))
    for (what, part), digest in zip(parts, digests):
        if hashlib.sha256(part).digest() != digest:
            raise ImageError(f"{name} is damaged: the checksum of its {what} is another")
    if any(content[end:offset]):
        raise ImageError(f"{name} is damaged: there must be zeros between description and data")
    return _inflated(name, description), data if mapped else bytes(data)


def _inflated(name: str, stored: memoryview) -> bytes:
    inflater = zlib.decompressobj()
    try:
        description = inflater.decompress(stored, _LONGEST)
    except zlib.error as error:
        raise ImageError(f"{name} is damaged: its description is not deflated: {error}") from error
    if not inflater.eof or inflater.unused_data:
        raise ImageError(
            f"{name} is damaged: its description must end where it is said to, "
            f"and hold at most {_LONGEST} bytes"
        )
    return description
