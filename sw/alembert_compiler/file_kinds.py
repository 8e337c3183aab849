"""What a file is that is not the one that was wanted, and what to do about it."""

from __future__ import annotations

import re

__all__ = ["TEXT_BYTES", "foreign_kind", "text_kind"]

_POINTER = b"version https://git-lfs.github.com/spec/"
TEXT_BYTES = 1024
"""Of a file's beginning, that tell what text it is."""
_PAGE = re.compile(rb"\s*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_XML = re.compile(rb"\s*<(\?xml|[a-z])", re.IGNORECASE)

_UNPACK = "unpack it, and give the folder that comes out"
_CONVERT = "save the model in PyTorch's format or as safetensors"
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1f\x8b", f"is compressed by gzip: {_UNPACK}"),
    (0, b"BZh", f"is compressed by bzip2: {_UNPACK}"),
    (0, b"\xfd7zXZ\0", f"is compressed by xz: {_UNPACK}"),
    (0, b"\x28\xb5\x2f\xfd", f"is compressed by zstd: {_UNPACK}"),
    (0, b"7z\xbc\xaf\x27\x1c", f"is a 7z archive: {_UNPACK}"),
    (0, b"Rar!\x1a\x07", f"is a RAR archive: {_UNPACK}"),
    (257, b"ustar", f"is a tar archive: {_UNPACK}"),
    (0, b"\x89HDF\r\n\x1a\n", f"is HDF5, as TensorFlow and Keras write it: {_CONVERT}"),
    (0, b"\x93NUMPY", f"is one array of numpy: {_CONVERT}"),
    (0, b"GGUF", "is a GGUF file: name it .gguf, and give the file in place of its folder"),
    (4, b"TFL3", f"is a TensorFlow Lite model: {_CONVERT}"),
)
"""Where a kind of file has which bytes."""
_TF_INDEX_END = bytes.fromhex("57fb808b247547db")
_ONNX = re.compile(rb"\x08[\x01-\x20][\x12\x1a\x3a\x42]")
"""A version of the format, then a field with text or with the graph."""
_MSGPACK = re.compile(rb"[\x81-\x8f][\xa1-\xbf][A-Za-z_]")
"""A map whose first key is a short text."""
_QUOTED = 40


def text_kind(contents: bytes) -> str | None:
    """What to say of a file of text that is something else: a Git LFS pointer, a page of the web.

    The rest of a sentence that begins with the file's name; None of any other file.
    """
    start = contents[:TEXT_BYTES].removeprefix(b"\xef\xbb\xbf")
    if start.startswith(_POINTER):
        return "is a Git LFS pointer, not the file itself: git lfs pull in its folder fetches that"
    if _PAGE.match(start):
        return "is a page in HTML, not the file itself: download that from the page's raw link"
    if _XML.match(start):
        return f"is XML, {_quoted(start)}, a server's answer and not the file itself: fetch it anew"
    return None


def foreign_kind(contents: bytes) -> str | None:
    """The same of what was to be weights, and is another kind of file; None of any that may be."""
    if (kind := text_kind(contents)) is not None:
        return kind
    for place, magic, kind in _MAGIC:
        if contents[place : place + len(magic)] == magic:
            return kind
    if contents.endswith(_TF_INDEX_END):
        return f"is the index of a TensorFlow checkpoint: {_CONVERT}"
    if _ONNX.match(contents):
        return f"is an ONNX model: {_CONVERT}"
    if _MSGPACK.match(contents):
        return f"is msgpack, as Flax writes it: {_CONVERT}"
    if contents and not contents.strip(b"\0"):
        return f"holds {len(contents)} bytes of zeros, and no weights: fetch it anew"
    if _is_text(contents[:TEXT_BYTES]):
        return f"is text, {_quoted(contents)}, and holds no weights: fetch it anew"
    return None


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # not merely cut within a character
            return False
        text = start[: error.start].decode("utf-8")
    return bool(text) and all(c.isprintable() or c in "\r\n\t" for c in text)


def _quoted(start: bytes) -> str:
    line = start.decode("utf-8", "replace").split("\n")[0].strip()
    return repr(line[:_QUOTED] + ("…" if len(line) > _QUOTED else ""))
