"""Image files: what is written is what is read, copied or mapped, and nothing else is."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from alembert_compiler.image import Image, ImageError
from alembert_golden.machine import Machine, RunResult
from alembert_runtime import GoldenDevice, Session
from compiler.compiled_models import TOKENS
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime.models import MACHINE, MEMORY, classifier_image, masked_image, pooled_image

HEAD_BYTES = 104


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("image") / "model.image"
    masked_image().save(path)
    return path.read_bytes()


def refused(path: Path, content: bytes) -> str:
    """The message, which is the same for both ways to read."""
    path.write_bytes(content)
    messages = set()
    for mapped in (False, True):
        with pytest.raises(ImageError) as caught:
            Image.load(path, mapped=mapped)
        messages.add(str(caught.value))
    (message,) = messages
    assert message.startswith(f"{path.name} ") and "\n" not in message
    return message


@pytest.mark.parametrize("image", [masked_image, classifier_image, pooled_image])
def test_what_is_written_is_read(image, tmp_path: Path) -> None:
    path = tmp_path / "model.image"
    image().save(path)
    found = Image.load(path)
    assert found == image() and type(found.data) is bytes
    assert Image.load(path, mapped=True) == image()
    again = tmp_path / "again.image"
    found.save(again)
    assert again.read_bytes() == path.read_bytes()
    assert sorted(tmp_path.iterdir()) == [again, path]


def test_layout(content: bytes) -> None:
    """By the numbers of the documentation."""
    image = masked_image()
    magic, version, isa, described, offset, length = struct.unpack_from("<8sIIQQQ", content)
    assert (magic, version, isa) == (b"ALEMBERT", 2, 2)
    assert offset % 4096 == 0 and offset - 4096 < HEAD_BYTES + described <= offset
    assert length == len(image.data) and content[offset:] == image.data
    assert not any(content[HEAD_BYTES + described : offset])


def test_mapped_data_is_the_files_own(tmp_path: Path) -> None:
    path = tmp_path / "model.image"
    masked_image().save(path)
    mapped = Image.load(path, mapped=True)
    assert isinstance(mapped.data, memoryview) and mapped.data.readonly
    address = np.frombuffer(mapped.data, np.uint8).ctypes.data
    assert address % 4096 == 0, "the data begins with a page"
    assert mapped.listing == masked_image().listing
    with pytest.raises(TypeError, match="cannot modify read-only memory"):
        mapped.data[0] = 1
    # a new file in its place leaves the mapping as it is
    classifier_image().save(path)
    assert mapped == masked_image() and Image.load(path) == classifier_image()


def test_consumers_take_mapped_data(tmp_path: Path) -> None:
    path = tmp_path / "model.image"
    masked_image().save(path)
    image = Image.load(path, mapped=True)
    with Session(GoldenDevice(MACHINE, memory=MEMORY), image) as session:
        answer = session.run(TOKENS[0], [1, 12])
    with Session(GoldenDevice(MACHINE, memory=MEMORY), masked_image()) as session:
        assert session.run(TOKENS[0], [1, 12]) == answer
    machine = Machine(MACHINE)
    inputs = image.input_bytes(TOKENS[:1], [[3]])

    def run(data: bytes | memoryview) -> RunResult:
        return machine.run(
            data,
            inputs,
            program=image.program,
            length=13,
            targets=1,
            threshold=0,
            scratch_bytes=4096,
        )

    results = run(image.data), run(bytes(image.data))
    np.testing.assert_array_equal(results[0].output, results[1].output)
    assert results[0].reason == ("",)


def test_classes_are_the_logits_of_its_tests() -> None:
    assert masked_image().classes == 23
    assert classifier_image().classes == pooled_image().classes == 5


def test_every_byte_of_the_head_matters(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.image"
    for place in range(HEAD_BYTES):
        for mask in (1, 128, 255):
            damaged = bytearray(content)
            damaged[place] ^= mask
            refused(path, bytes(damaged))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(place=st.integers(HEAD_BYTES, 1 << 40), mask=st.integers(1, 255))
def test_every_byte_behind_it_matters(
    content: bytes, tmp_path_factory: pytest.TempPathFactory, place: int, mask: int
) -> None:
    """Of description, padding and data alike."""
    described, offset = struct.unpack_from("<QQ", content, 16)
    end = HEAD_BYTES + described
    third, place = place % 3, place // 3
    low, high = ((HEAD_BYTES, end), (end, offset), (offset, len(content)))[third]
    damaged = bytearray(content)
    damaged[low + place % (high - low)] ^= mask
    rule = (
        "is damaged: the checksum of its description is another",
        "is damaged: there must be zeros between description and data",
        "is damaged: the checksum of its data is another",
    )[third]
    path = tmp_path_factory.getbasetemp() / "flipped.image"
    assert refused(path, bytes(damaged)) == f"flipped.image {rule}"


def test_files_that_are_not_whole(content: bytes, tmp_path: Path) -> None:
    path, size = tmp_path / "model.image", len(content)
    for damaged, rule in (
        (b"", "is not an image"),
        (content[: HEAD_BYTES - 1], "is not an image"),
        (b"NOTHING" + content[7:], "is not an image"),
        (content[:8] + b"\1" + content[9:], "must be of version 2, not 1"),
        (content[:12] + b"\7" + content[13:], "must be of instruction set 2, not 7"),
        (
            content[:24] + (1).to_bytes(8, "little") + content[32:],
            f"is damaged: its data must begin at {size - len(masked_image().data)}, not 1",
        ),
        (content[:HEAD_BYTES], f"must have {size} bytes, not {HEAD_BYTES}"),
        (content[:-1], f"must have {size} bytes, not {size - 1}"),
        (content + b"\0", f"must have {size} bytes, not {size + 1}"),
        (content + content, f"must have {size} bytes, not {2 * size}"),
    ):
        assert refused(path, damaged) == f"model.image {rule}"


def test_data_on_another_page(content: bytes, tmp_path: Path) -> None:
    """One page later, with zeros before it and all checksums right."""
    path, offset = tmp_path / "model.image", len(content) - len(masked_image().data)
    later = content[:24] + (offset + 4096).to_bytes(8, "little") + content[32:offset]
    assert refused(path, later + bytes(4096) + content[offset:]) == (
        f"model.image is damaged: its data must begin at {offset}, not {offset + 4096}"
    )


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "none.image", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(ImageError) as caught:
            Image.load(path)
        assert str(caught.value) == f"{path.name} cannot be read: {reason}"


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: whoever tests may be allowed to read everything."""

    def forbid(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbid)
    with pytest.raises(ImageError, match=r"^model\.image cannot be read: Permission denied$"):
        Image.load(tmp_path / "model.image")


def test_what_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.image"
    classifier_image().save(path)

    def fail(*arguments) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("alembert.files.os.replace", fail)
    with pytest.raises(OSError, match="No space left"):
        masked_image().save(path)
    assert list(tmp_path.iterdir()) == [path] and Image.load(path) == classifier_image()
    with pytest.raises(FileNotFoundError):
        replace(masked_image()).save(tmp_path / "nowhere" / "model.image")
