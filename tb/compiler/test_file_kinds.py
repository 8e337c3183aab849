"""Files in place of weights, or of a config: what the message calls them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from alembert_compiler.checkpoint import CheckpointError, load_checkpoint
from alembert_compiler.file_kinds import foreign_kind, text_kind
from alembert_compiler.load_model import load_model
from compiler.test_load_model import torch_file
from compiler.test_published_checkpoints import SHARDS, TENSORS, folder_of, index_of, stored

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 437955512\n"
)
PAGE = b"\xef\xbb\xbf\n<!DOCTYPE HTML>\n<html><body>404</body></html>"
FETCH = "git lfs pull in its folder fetches that"
RAW = "download that from the page's raw link"
UNPACK = "unpack it, and give the folder that comes out"
SAVE = "save the model in PyTorch's format or as safetensors"


def archive(write: str) -> bytes:
    stream = io.BytesIO()
    if write == "tar":
        with tarfile.open(fileobj=stream, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("model.safetensors"))
    else:
        with zipfile.ZipFile(stream, "w") as files:
            files.writestr("my-bert/config.json", "{}")
    return stream.getvalue()


def saved_array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


def onnx_model() -> bytes:
    graph = onnx.helper.make_graph([], "g", [], [])
    return onnx.helper.make_model(graph, producer_name="pytorch").SerializeToString()


KINDS: dict[str, tuple[bytes, str]] = {
    "a pointer": (POINTER, f"is a Git LFS pointer, not the file itself: {FETCH}"),
    "a page": (PAGE, f"is a page in HTML, not the file itself: {RAW}"),
    "an error in XML": (
        b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
        "is XML, '<?xml version=\"1.0\"?>', a server's answer and not the file itself: "
        "fetch it anew",
    ),
    "an error in JSON": (
        b'{"error":{"message":"Repository not found"}}',
        'is text, \'{"error":{"message":"Repository not foun…\', and holds no weights: '
        "fetch it anew",
    ),
    "JSON with a brace where a header begins": (
        b'{"data":{"x": 1}}',
        'is text, \'{"data":{"x": 1}}\', and holds no weights: fetch it anew',
    ),
    "an error": (
        b"Entry not found\n",
        "is text, 'Entry not found', and holds no weights: fetch it anew",
    ),
    "gzip": (gzip.compress(stored(TENSORS)), f"is compressed by gzip: {UNPACK}"),
    "bzip2": (bz2.compress(b"x"), f"is compressed by bzip2: {UNPACK}"),
    "xz": (lzma.compress(b"x"), f"is compressed by xz: {UNPACK}"),
    "tar": (archive("tar"), f"is a tar archive: {UNPACK}"),
    "zip": (
        archive("zip"),
        "is a zip archive of files, my-bert/config.json among them: unpack it, and give the folder",
    ),
    "HDF5": (
        b"\x89HDF\r\n\x1a\n" + bytes(40),
        f"is HDF5, as TensorFlow and Keras write it: {SAVE}",
    ),
    "numpy": (saved_array(), f"is one array of numpy: {SAVE}"),
    "ONNX": (onnx_model(), f"is an ONNX model: {SAVE}"),
    "Flax": (b"\x81\xa4bert\x83\xaaembeddings", f"is msgpack, as Flax writes it: {SAVE}"),
    "TensorFlow": (
        bytes(30) + (0xDB4775248B80FB57).to_bytes(8, "little"),
        f"is the index of a TensorFlow checkpoint: {SAVE}",
    ),
    "GGUF": (
        b"GGUF\x03\0\0\0" + bytes(16),
        "is a GGUF file: name it .gguf, and give the file in place of its folder",
    ),
    "zeros": (bytes(99), "holds 99 bytes of zeros, and no weights: fetch it anew"),
    "nothing": (b"", "is empty"),
    "half an archive": (
        torch_file(TENSORS)[:5000],
        "is truncated: its archive has no end",
    ),
    "anything": (
        b"\x01\x02\x03\x04\x05\x06\x07\x08\x09",
        "is neither a torch checkpoint nor safetensors: it begins with 01 02 03 04 05 06 07 08",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_in_place_of_weights(kind: str) -> None:
    contents, message = KINDS[kind]
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(contents, name="pytorch_model.bin")
    assert str(caught.value) == f"pytorch_model.bin {message}"


def test_weights_are_no_other_kind() -> None:
    for contents in (stored(TENSORS), torch_file(TENSORS)):
        assert foreign_kind(contents) is None and text_kind(contents) is None
    assert text_kind(b'{"model_type": "bert"}') is None


@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json", SHARDS[1]])
def test_in_place_of_any_file(name: str, tmp_path: Path) -> None:
    """A clone without git-lfs, and a download of pages."""
    index_of(tmp_path)
    for contents, kind in ((POINTER, "a pointer"), (PAGE, "a page"), (b"", "nothing")):
        (tmp_path / name).write_bytes(contents)
        with pytest.raises(ValueError) as caught:
            load_model(tmp_path)
        assert str(caught.value).endswith(f"{name} {KINDS[kind][1]}")


def test_in_place_of_a_gguf_file(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    for contents, kind in ((POINTER, "a pointer"), (PAGE, "a page"), (b"", "nothing")):
        path.write_bytes(contents)
        with pytest.raises(ValueError) as caught:
            load_model(path)
        assert str(caught.value) == f"x.gguf {KINDS[kind][1]}"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tf_model.h5", f", of TensorFlow or Keras: {SAVE}"),
        ("bert_model.ckpt.index", f", of TensorFlow: {SAVE}"),
        ("flax_model.msgpack", f", of Flax: {SAVE}"),
        ("model.onnx", f", of ONNX: {SAVE}"),
        ("bert-q8_0.gguf", ": give that file in place of its folder"),
    ],
)
def test_other_frameworks_files(name: str, message: str, tmp_path: Path) -> None:
    folder_of(tmp_path, None)
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ValueError) as caught:
        load_model(tmp_path)
    assert str(caught.value) == f"{tmp_path.name} holds {name}{message}"
