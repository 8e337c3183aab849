"""Tables of stories are read whole or refused, and parts share no story."""

from __future__ import annotations

import re

import numpy as np
import pytest
from alembert_text.reuters import CLASSES, Stories, fetch_reuters, parse_stories, split

HEADER = "Category\tText\nd\tstring\nclass\t\n"


def test_the_official_split() -> None:
    training, asked = fetch_reuters()
    assert (len(training), len(asked)) == (5485, 2189)
    counts = [np.bincount(part.labels, minlength=8).tolist() for part in (training, asked)]
    # as published with the split
    assert counts == [
        [1596, 253, 2840, 41, 190, 206, 108, 251],
        [696, 121, 1083, 10, 81, 87, 36, 75],
    ]
    assert training.texts[0].startswith("champion products ch approves stock split")
    assert all(text == text.lower() for text in training.texts)


def test_rows_are_a_class_and_a_text() -> None:
    found = parse_stories(f"{HEADER}earn\ta b\r\nship\tc\x1cd\n\n".encode())
    assert found.texts == ("a b", "c\x1cd")  # no other line end is one
    assert [CLASSES[label] for label in found.labels] == ["earn", "ship"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a table of stories must begin with ("),
        (HEADER.encode(), "a table of stories must have at least one"),
        (f"{HEADER}earn\ta\nearns\tb\n".encode(), "row 5: class must be one of acq, "),
        (f"{HEADER}earn\n".encode(), "row 4 must be a class, a tab and a text"),
        (f"{HEADER}earn\t \n".encode(), "row 4 must be a class, a tab and a text"),
        (f"{HEADER}earn\ta\tb\n".encode(), "row 4 must be a class, a tab and a text"),
        (HEADER.encode() + b"earn\t\xff\n", "line 4: text must be UTF-8, and the byte 0xff is not"),
    ],
)
def test_other_tables_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        parse_stories(content)


def _stories(counts: list[int]) -> Stories:
    labels = np.repeat(np.arange(len(counts)), counts)
    return Stories(texts=tuple(f"story {n}" for n in range(len(labels))), labels=labels)


def test_a_split_shares_nothing_and_keeps_the_classes() -> None:
    stories = _stories([100, 31, 2, 1])
    first, second = split(stories, 0.1, seed=3)
    assert sorted(first.texts + second.texts) == sorted(stories.texts)
    assert np.bincount(second.labels, minlength=4).tolist() == [10, 3, 1, 0]
    again = split(stories, 0.1, seed=3)
    assert (again[0].texts, again[1].texts) == (first.texts, second.texts)
    assert split(stories, 0.1, seed=4)[1].texts != second.texts


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_a_share_out_of_range(share: float) -> None:
    with pytest.raises(ValueError, match=f"^share must be between 0 and 1, not {share}$"):
        split(_stories([3]), share, seed=1)
