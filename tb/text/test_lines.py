"""Lines, whichever editor has written them; and what is no text."""

from __future__ import annotations

import codecs
import re

import pytest
from alembert_text.lines import each_line_of, lines_of

# what str.splitlines takes for line ends, too
INSIDE = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\x1dh\x1ei"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_lines_end_where_editors_end_them(encoding: str) -> None:
    content = f"one\ntwo\r\nthree\r\r{INSIDE}\n\n".encode(encoding)
    assert lines_of(content) == ["one", "two", "three", "", INSIDE, ""]
    assert each_line_of(content) == lines_of(content)


def test_a_line_that_is_no_text_is_its_error() -> None:
    """And the others are lines; in UTF-16 they are one with it."""
    found = each_line_of(codecs.BOM_UTF8 + b"a\r\n\xff\rb\0\n\nc")
    assert [each if isinstance(each, str) else str(each) for each in found] == [
        "a",
        "text must be UTF-8, and the byte 0xff is not",
        "text must not hold NUL; UTF-16 needs a byte order mark",
        "",
        "c",
    ]
    with pytest.raises(ValueError, match=r"^line 2: text must be UTF-16-LE"):
        each_line_of("a\n".encode("utf-16") + b"\0\xd8")


def test_the_other_byte_order() -> None:
    for mark, encoding in (
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ):
        assert lines_of(mark + "ü\nb".encode(encoding)) == ["ü", "b"]


@pytest.mark.parametrize("content", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_nothing(content: bytes) -> None:
    assert lines_of(content) == each_line_of(content) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\r\nb\xe9\n", "line 2: text must be UTF-8, and the byte 0xe9 is not"),
        (b"a\r\rb\xc3", "line 3: text must be UTF-8, and the byte 0xc3 is not"),
        ("a\n".encode("utf-16") + b"\0\xd8", "line 2: text must be UTF-16-LE, and the byte 0x00"),
        (
            "a\nb".encode("utf-16-le"),
            "line 1: text must not hold NUL; UTF-16 needs a byte order mark",
        ),
        (b"a\nb\nc\0", "line 3: text must not hold NUL"),
        (b"\x93NUMPY\1\0", "line 1: text must be UTF-8, and the byte 0x93 is not"),
    ],
)
def test_what_is_no_text(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        lines_of(content)
