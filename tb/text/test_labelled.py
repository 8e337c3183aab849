"""A table of one's own is read whole or refused."""

from __future__ import annotations

import re

import pytest
from alembert_text.labelled import parse_labelled

CLASSES = ("good", "bad")


def test_rows_are_a_class_and_a_text() -> None:
    content = "\ufeffbad\tNo.\r\n\n \ngood\tYes, ünd\x1cso\n".encode()
    found = parse_labelled(content, CLASSES)
    assert found.texts == ("No.", "Yes, ünd\x1cso")  # no other line end is one
    assert found.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the table must have at least one row"),
        (b"\n \n", "the table must have at least one row"),
        (b"good\ta\n\nfine\tb\n", "row 3: class must be one of good, bad, not 'fine'"),
        (b"good\n", "row 1 must be a class, a tab and a text"),
        (b"good\t \n", "row 1 must be a class, a tab and a text"),
        (b"good\ta\tb\n", "row 1 must be a class, a tab and a text"),
        (b"good\t\xe9t\xe9\n", "line 1: text must be UTF-8, and the byte 0xe9 is not"),
    ],
)
def test_other_tables_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_labelled(content, CLASSES)
