"""GGUF files that are refused before a library sees them, each by its whole message."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import gguf
import pytest
from alembert_compiler.checkpoint import CheckpointError
from alembert_compiler.gguf_file import read_gguf
from alembert_compiler.gguf_header import MOST_VALUES
from alembert_compiler.gguf_library import TYPES
from compiler.gguf_files import array, field, gguf_bytes, tensor, text
from compiler.test_gguf_file import FIELDS, SMALL, read


def one(*, data: bytes = bytes(64), **changes: Any) -> bytes:
    """A file of one tensor of eight numbers."""
    return gguf_bytes([], [tensor("x", **{"dimensions": [8], **changes})], data)


def flag(kind: int, value: bytes) -> bytes:
    return gguf_bytes([field("key", kind, value)])


IS_DAMAGED: dict[str, tuple[bytes, str]] = {
    "metadata in no bytes": (
        gguf_bytes(counts=(0, 1 << 60)),
        f"it announces {1 << 60} metadata, and 8 bytes are left",
    ),
    "tensors in no bytes": (
        gguf_bytes(counts=((1 << 64) - 1, 0)),
        f"it announces {(1 << 64) - 1} tensors, and 16 bytes are left",
    ),
    "elements in no bytes": (
        flag(9, array(0, 1 << 62, bytes(5))),
        f"it announces {1 << 62} elements of key, and 13 bytes are left",
    ),
    "an array of arrays": (flag(9, array(9, 1, array(4, 0, b""))), "key is an array of type 9"),
    "an unknown value": (flag(13, bytes(8)), "key is of type 13"),
    "a text that is none": (flag(8, text(b"\xff\xfe")), "key is not UTF-8"),
    "a word that is none": (flag(9, array(8, 1, text(b"\xff"))), "a string of key is not UTF-8"),
    "a key that is none": (
        gguf_bytes([field(b"\xc3", 7, b"\0")]),
        "key 0 is not UTF-8",
    ),
    "an empty key": (
        gguf_bytes([field("", 7, b"\0")]),
        "key 0 must be 1 to 65535 printable bytes, not ''",
    ),
    "a second key": (gguf_bytes([FIELDS[1], FIELDS[1]]), "its metadata have a second a.whole"),
    "the library's key": (
        gguf_bytes([field("GGUF.kv_count", 7, b"\0")]),
        "its metadata have a second GGUF.kv_count",
    ),
    "an alignment of another kind": (
        gguf_bytes([field("general.alignment", 5, bytes(4))]),
        "general.alignment must be of type 4, not 5",
    ),
    "no power of two": (
        gguf_bytes([field("general.alignment", 4, struct.pack("<I", 48))]),
        "general.alignment must be a power of two, not 48",
    ),
    "no alignment": (
        gguf_bytes([field("general.alignment", 4, bytes(4))]),
        "general.alignment must be a power of two, not 0",
    ),
    "two lines": (
        gguf_bytes([], [tensor("x\ny", [8])], bytes(64)),
        "the name of tensor 0 must be 1 to 64 printable bytes, not 'x\\ny'",
    ),
    "a long name": (
        gguf_bytes([], [tensor("x" * 65, [8])], bytes(64)),
        f"the name of tensor 0 must be 1 to 64 printable bytes, not {'x' * 64!r}",
    ),
    "a second tensor": (
        gguf_bytes([], [tensor("x", [8]), tensor("x", [8], offset=32)], bytes(64)),
        "it has a second x",
    ),
    "a scalar": (one(dimensions=[]), "x must have 1 to 4 dimensions, not 0"),
    "five dimensions": (one(dimensions=[1] * 5), "x must have 1 to 4 dimensions, not 5"),
    "an empty tensor": (one(dimensions=[8, 0]), "x is of shape [0, 8], which is empty"),
    "half a block": (
        one(dimensions=[40], kind=8),
        "x of type Q8_0 must have rows of a multiple of 32, not 40",
    ),
    "an odd place": (one(offset=4), "x must begin at a multiple of 32, not at 4"),
    "overlap": (
        gguf_bytes([], [tensor("x", [8], offset=32), tensor("y", [16])], bytes(64)),
        "y and x overlap",
    ),
    "the same place": (
        gguf_bytes([], [tensor("x", [8]), tensor("y", [8])], bytes(64)),
        "x and y overlap",
    ),
}
SUPPORTED = ", ".join(TYPES)
REFUSED = {name: (contents, f"is damaged: {rest}") for name, (contents, rest) in IS_DAMAGED.items()}
REFUSED |= {
    "nothing": (b"", "is empty"),
    "another kind": (b"PK\3\4" + bytes(40), "is no GGUF file: it does not begin with GGUF"),
    "the old kind": (b"ggjt" + bytes(40), "is no GGUF file: it does not begin with GGUF"),
    "only the magic": (b"GGUF", "is truncated: the version needs 4 bytes, and 0 are left"),
    "version 1": (gguf_bytes(version=1), "is of GGUF version 1, not 2 or 3"),
    "version 0": (gguf_bytes(version=0), "is of GGUF version 0, not 2 or 3"),
    "version 4": (gguf_bytes(version=4), "is of GGUF version 4, not 2 or 3"),
    "version 65536": (gguf_bytes(version=65536), "is of GGUF version 65536, not 2 or 3"),
    "big-endian": (gguf_bytes(version=3 << 24), "was not written by a little-endian machine"),
    "a long key": (
        gguf_bytes([b"\xff" * 8 + bytes(24)]),
        f"is truncated: key 0 needs {(1 << 64) - 1} bytes, and 32 are left",
    ),
    "a type of sums": (one(kind=9), f"holds x of type Q8_1, not of {SUPPORTED}"),
    "a type of four bits": (one(kind=40), f"holds x of type NVFP4, not of {SUPPORTED}"),
    "integers": (one(kind=26), f"holds x of type I32, not of {SUPPORTED}"),
    "a type that is gone": (one(kind=4), f"holds x of type 4, not of {SUPPORTED}"),
    "no data": (one(data=b""), "is truncated: x needs bytes 64…96, and it has 64"),
    "a byte too few": (one(data=bytes(31)), "is truncated: x needs bytes 64…96, and it has 95"),
    "a place far away": (
        one(offset=1 << 63),
        f"is truncated: x needs bytes {(1 << 63) + 64}…{(1 << 63) + 96}, and it has 128",
    ),
    "a shape beyond all bounds": (
        one(dimensions=[1 << 63, 1 << 63]),
        f"is truncated: x needs bytes 96…{(1 << 128) + 96}, and it has 160",
    ),
    "too many elements": (
        flag(9, array(0, MOST_VALUES, bytes(MOST_VALUES))),
        "has more than 1048576 values in its header: 1048577 with its elements of key",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_files_that_are_refused(tmp_path: Path, case: str) -> None:
    contents, message = REFUSED[case]
    with pytest.raises(CheckpointError) as caught:
        read(tmp_path, contents)
    assert str(caught.value) == f"x.gguf {message}"


def test_a_big_endian_file_of_the_library(tmp_path: Path) -> None:
    path = tmp_path / "big.gguf"
    writer = gguf.GGUFWriter(path, "bert", endianess=gguf.GGUFEndian.BIG)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(CheckpointError) as caught:
        read_gguf(path)
    assert str(caught.value) == "big.gguf was not written by a little-endian machine"


def test_no_file_and_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path / "none.gguf", tmp_path):
        with pytest.raises(CheckpointError) as caught:
            read_gguf(path)
        assert str(caught.value) == f"{path.name} is no file"
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ImportError) as missing:
        read(tmp_path, SMALL)
    wanted = "GGUF files need the gguf library: pip install 'alembert[gguf]' brings it"
    assert str(missing.value) == wanted
