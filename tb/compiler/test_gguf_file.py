"""GGUF files that are read, and what becomes of damaged ones: cut, flipped and patched."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import gguf
import numpy as np
import pytest
from alembert_compiler.checkpoint import CheckpointError
from alembert_compiler.gguf_file import GgufFile, read_gguf
from compiler.gguf_files import array, field, gguf_bytes, quantised, tensor, text
from hypothesis import given, settings
from hypothesis import strategies as st

RNG = np.random.default_rng(4)
MATRIX = RNG.normal(size=(3, 64)).astype("<f4")
TRITS = RNG.choice([-0.5, 0.0, 0.5], size=(2, 256)).astype("<f4")
STORED = (quantised(MATRIX, "Q8_0"), quantised(TRITS, "TQ1_0"), MATRIX[0, :3])
FIELDS = [
    field("general.architecture", 8, text("bert")),
    field("a.whole", 4, struct.pack("<I", 7)),
    field("a.flag", 7, b"\1"),
    field("a.real", 6, struct.pack("<f", 0.25)),
    field("a.far", 11, struct.pack("<q", -(1 << 40))),
    field("words", 9, array(8, 3, text("one") + text("zwölf") + text(""))),
    field("numbers", 9, array(5, 2, struct.pack("<2i", -1, 9))),
    field("GGUF.other", 0, b"\3"),
    field("none", 9, array(8, 0, b"")),
    field("general.alignment", 4, struct.pack("<I", 64)),
]
DATA = b"".join(each.tobytes() + bytes(-each.nbytes % 64) for each in STORED)
SMALL = gguf_bytes(
    FIELDS,
    [
        tensor("matrix", [64, 3], 8),
        tensor("trits", [256, 2], 34, 256),
        tensor("vector", [3], 0, 384),
    ],
    DATA,
    alignment=64,
)
HEADER = len(SMALL) - len(DATA)


def read(path: Path, contents: bytes) -> GgufFile:
    file = path / "x.gguf"
    file.write_bytes(contents)
    return read_gguf(file)


def is_read_or_refused(path: Path, contents: bytes) -> GgufFile | None:
    """One line that begins with the file's name, or tensors that lie within the file."""
    try:
        found = read(path, contents)
    except CheckpointError as error:
        assert str(error).startswith("x.gguf ") and len(str(error).splitlines()) == 1
        assert len(str(error)) < 400
        return None
    assert sum(each.blocks.nbytes for each in found.tensors.values()) <= len(contents)
    for each in found.tensors.values():
        assert each.values.shape == each.shape
    return found


@pytest.mark.parametrize("version", [2, 3])
def test_what_a_file_holds(tmp_path: Path, version: int) -> None:
    found = read(tmp_path, SMALL[:4] + struct.pack("<I", version) + SMALL[8:])
    assert found.name == "x.gguf"
    assert dict(found.metadata) == {
        "general.architecture": "bert",
        "a.whole": 7,
        "a.flag": True,
        "a.real": 0.25,
        "a.far": -(1 << 40),
        "words": ["one", "zwölf", ""],
        "numbers": [-1, 9],
        "GGUF.other": 3,
        "none": [],
        "general.alignment": 64,
    }
    matrix, trits, vector = found.tensors.values()
    assert list(found.tensors) == ["matrix", "trits", "vector"]
    assert (matrix.kind, trits.kind, vector.kind) == ("Q8_0", "TQ1_0", "F32")
    assert (matrix.shape, trits.shape, vector.shape) == ((3, 64), (2, 256), (3,))
    for each, stored in zip(found.tensors.values(), STORED):
        assert each.blocks.tobytes() == stored.tobytes() and not each.blocks.flags.writeable
    np.testing.assert_allclose(matrix.values, MATRIX, atol=0.02)
    np.testing.assert_array_equal(trits.values, TRITS)
    (tmp_path / "x.gguf").write_bytes(bytes(len(SMALL)))  # nothing hangs on the file
    np.testing.assert_array_equal(vector.values, MATRIX[0, :3])


def test_the_same_by_the_library_s_own_writer(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "w.gguf", "bert")
    writer.add_array("words", ["a", "b"])
    writer.add_tensor("matrix", STORED[0], raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("cube", np.arange(24, dtype=np.float16).reshape(2, 3, 4))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = read_gguf(str(tmp_path / "w.gguf"))
    assert dict(found.metadata) == {"general.architecture": "bert", "words": ["a", "b"]}
    assert found.tensors["matrix"].blocks.tobytes() == STORED[0].tobytes()
    np.testing.assert_array_equal(
        found.tensors["cube"].values, np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    )


def test_a_file_cut_anywhere(tmp_path: Path) -> None:
    last = HEADER + 384 + 12
    for length in range(len(SMALL)):
        found = is_read_or_refused(tmp_path, SMALL[:length])
        assert (found is not None) == (length >= last), length  # but for the padding behind


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_every_byte_of_the_header_flipped(tmp_path: Path, mask: int) -> None:
    tracemalloc.start()
    try:
        outcomes = set()
        for place in range(HEADER):
            changed = bytearray(SMALL)
            changed[place] ^= mask
            outcomes.add(is_read_or_refused(tmp_path, bytes(changed)) is None)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert outcomes == {True, False}


PATCH = st.lists(
    st.tuples(st.integers(0, HEADER - 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4
)


@given(patches=PATCH)
@settings(deadline=None, derandomize=True, max_examples=200)
def test_a_header_patched_at_random(
    tmp_path_factory: pytest.TempPathFactory, patches: list[tuple[int, bytes]]
) -> None:
    changed = bytearray(SMALL)
    for place, data in patches:
        changed[place : place + len(data)] = data
    is_read_or_refused(tmp_path_factory.getbasetemp(), bytes(changed))
