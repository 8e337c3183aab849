"""Descriptions of images: fields that are missing, too many, of another kind, or disagree."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from alembert_compiler.image import Image, ImageError
from alembert_compiler.image_description import parse_description
from runtime.models import MACHINE, masked_image

NAMES = [each.name for each in fields(Image) if each.name not in ("data", "values")]


def description(**changes: Any) -> dict[str, Any]:
    """That of an image, as JSON has it."""
    image = masked_image()
    return json.loads(json.dumps({name: getattr(image, name) for name in NAMES} | changes))


def refusal(found: Any) -> str:
    size = len(masked_image().data)
    with pytest.raises(ValueError) as caught:
        parse_description(json.dumps(found).encode(), size)
    return str(caught.value)


def test_fields_are_the_images() -> None:
    found = description()
    assert parse_description(json.dumps(found).encode(), len(masked_image().data)) == found


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_needed(name: str) -> None:
    found = description()
    del found[name]
    assert refusal(found) == f"its description lacks {name}"
    # and none of them may be just anything
    assert refusal(description(**{name: True})).startswith(f"{name} must be a")


def test_values_may_be_left_out() -> None:
    """Of models with classes: files that were written before there were any still are images."""
    passes, words = masked_image().passes, masked_image().output_words
    pairs = [[words - 1, 10]] * passes
    found = description(values=pairs)
    assert parse_description(json.dumps(found).encode(), len(masked_image().data)) == found
    kind = "values must be a list of [offset, fraction bits], not "
    for wrong in (None, [3], [[1, 2, 3]], [[-1, 2]], [[1, 65]], [[1, 2.0]]):
        assert refusal(description(values=wrong)).startswith(kind)
    assert refusal(description(values=pairs[1:])).startswith(
        f"values must be {passes}, a pass each"
    )
    far = [*pairs[1:], [words, 10]]
    assert refusal(description(values=far)).startswith("values must be within OUTPUT, not ")


@pytest.mark.parametrize("name", MACHINE.describe())
def test_every_field_of_the_machine_is_needed(name: str) -> None:
    found = description()
    del found["machine"][name]
    assert refusal(found) == f"its description lacks machine.{name}"
    found["machine"][name] = False
    assert refusal(found).startswith(f"machine.{name} must be a")


@pytest.mark.parametrize("array", ["main", "attention"])
@pytest.mark.parametrize("name", MACHINE.main.describe())
def test_every_field_of_an_array_is_needed(array: str, name: str) -> None:
    found = description()
    found["machine"][array] = MACHINE.main.describe()
    del found["machine"][array][name]
    assert refusal(found) == f"its description lacks machine.{array}.{name}"
    found["machine"][array][name] = []
    assert refusal(found).startswith(f"machine.{array}.{name} must be a")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": 1}, "its description has an unknown field colour"),
        ({"program": -1}, "program must be an int of at least 0, not -1"),
        ({"program": 1.0}, "program must be an int of at least 0, not 1.0"),
        ({"passes": 0}, "passes must be an int of at least 1, not 0"),
        ({"passes": "3"}, "passes must be an int of at least 1, not '3'"),
        ({"targets": "0"}, "targets must be an int of at least 0, or null, not '0'"),
        ({"notes": [1]}, "notes must be a list of texts, not [1]"),
        ({"hidden_scales": [1.5, 0.0]}, "hidden_scales must be a list of positive floats, not "),
        ({"hidden_scales": [float("inf")]}, "hidden_scales must be a list of positive floats, not"),
        ({"scratchpad": {"x": [1, 2]}}, "scratchpad must be an object of [address, rows, stride],"),
        ({"machine": []}, "machine must be an object, not []"),
        ({"word_bytes": 8}, "machine.word_width must be 64, not 32"),
        ({"instructions": 3}, "instructions must be as many as notes, "),
        ({"program": 1 << 40}, "program must be at most "),
        ({"output_words": 1}, "output_words must be at least "),
    ],
)
def test_wrong_fields(changes: dict[str, Any], message: str) -> None:
    assert refusal(description(**changes)).startswith(message)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_json(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^its description is not JSON$"):
        parse_description(text, 4096)


def test_what_is_no_object() -> None:
    assert refusal([1, 2]) == "its description must be an object, not [1, 2]"


def refused_file(path: Path, stored: bytes) -> str:
    """Of a file with such a description, as it is stored; its checksums are right."""
    data = bytes(masked_image().data)
    offset = -(-(104 + len(stored)) // 4096) * 4096
    digests = [hashlib.sha256(part).digest() for part in (stored, data)]
    head = struct.pack("<8sIIQQQ", b"ALEMBERT", 2, 2, len(stored), offset, len(data))
    path.write_bytes((head + b"".join(digests) + stored).ljust(offset, b"\0") + data)
    with pytest.raises(ImageError) as caught:
        Image.load(path)
    return str(caught.value)


def test_a_file_with_such_a_description(tmp_path: Path) -> None:
    path, text = tmp_path / "model.image", json.dumps(description(passes=None)).encode()
    assert refused_file(path, zlib.compress(text)) == (
        "model.image is damaged: passes must be an int of at least 1, not None"
    )
    assert refused_file(path, text).startswith(
        "model.image is damaged: its description is not deflated: "
    )
    ends = (
        "model.image is damaged: its description must end where it is said to, "
        "and hold at most 16777216 bytes"
    )
    deflated = zlib.compress(json.dumps(description()).encode())
    endless = zlib.compress(b" " * (1 << 24) + b"{}")
    for stored in (deflated[:-1], deflated + b"{}", endless):
        assert refused_file(path, stored) == ends
