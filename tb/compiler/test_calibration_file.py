"""Sentences to calibrate with, from files of texts and of token ids; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from alembert_compiler.calibration_file import read_calibration
from alembert_text.word_pieces import WordPieces

TEXTS = ["Oil prices rise", "wheat exports fell", "the bank raised its rates"]


@pytest.fixture(scope="module")
def tokeniser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pieces") / "tokenizer.json"
    WordPieces.learn(TEXTS, 80).save(path)
    return path


def read(
    content: str | bytes, folder: Path, name: str = "x.txt", **options: Any
) -> list[list[int]]:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    options = {"vocabulary": 40, "length": 30, "tokeniser": folder / "tokenizer.json", **options}
    return [row.tolist() for row in read_calibration(file, **options)]


def test_token_ids(tmp_path: Path) -> None:
    assert read("2 5 3\n\n  2, 39,0 ,3\r\n7\n", tmp_path) == [[2, 5, 3], [2, 39, 0, 3], [7]]
    rows = [[2, 5, 3], [1]]
    assert read(json.dumps(rows), tmp_path, "calibration.json") == rows


def test_texts(tmp_path: Path, tokeniser: Path) -> None:
    pieces = WordPieces.load(tokeniser)
    known: dict[str, Any] = {"tokeniser": tokeniser, "vocabulary": len(pieces)}
    found = read("\n\n".join(TEXTS), tmp_path, **known)
    assert found == [pieces.encode(text, 99).tolist() for text in TEXTS]
    # one line of words makes texts of all
    assert read("12 7\nOil", tmp_path, **known)[0] == pieces.encode("12 7", 9).tolist()
    cut = read("\n".join(TEXTS), tmp_path, **known, length=5, cut=True)
    assert cut == [pieces.encode(text, 5).tolist() for text in TEXTS]
    assert {len(row) for row in cut} == {5}


@pytest.mark.parametrize(
    ("content", "name", "options", "message"),
    [
        ("", "x.txt", {}, "x.txt holds no sentence"),
        (" \n\t\n", "x.txt", {}, "x.txt holds no sentence"),
        (b"\xff\xfe", "x.txt", {}, "x.txt is not text in UTF-8"),
        (
            "1 2\n3 40",
            "x.txt",
            {},
            "x.txt, line 2: token ids must be between 0 and 39, not 40",
        ),
        ("\n1 -2", "x.txt", {}, "x.txt, line 2: token ids must be between 0 and 39, not -2"),
        (
            "1 2 3",
            "x.txt",
            {"length": 2, "cut": True},
            "x.txt, line 1: a sentence must have at most 2 tokens, not 3",
        ),
        (
            "oil prices",
            "x.txt",
            {},
            "x.txt holds texts, which need a tokenizer.json beside the model",
        ),
        ("[1, 2", "x.json", {}, "x.json is not JSON: Expecting ',' delimiter: line 1 column 6"),
        ("{}", "x.json", {}, "x.json must be a list of lists of token ids"),
        ("[]", "x.json", {}, "x.json must be a list of lists of token ids"),
        ("[[1], []]", "x.json", {}, "x.json, sentence 1 must be a list of token ids"),
        ("[[1.5]]", "x.json", {}, "x.json, sentence 0 must be a list of token ids"),
        ("[[true]]", "x.json", {}, "x.json, sentence 0 must be a list of token ids"),
        (
            "[[1], [40]]",
            "x.json",
            {},
            "x.json, sentence 1: token ids must be between 0 and 39, not 40",
        ),
    ],
)
def test_refusals(
    content: str | bytes, name: str, options: dict, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError) as caught:
        read(content, tmp_path, name, **options)
    assert str(caught.value).startswith(message)


def test_texts_that_are_refused(tmp_path: Path, tokeniser: Path) -> None:
    size = len(WordPieces.load(tokeniser))
    cases: list[tuple[str, dict[str, Any], str]] = [
        (
            "2 5\nthe bank raised its rates",
            {"length": 5},
            "x.txt, line 2: a sentence must have at most 5 tokens, not ",
        ),
        (
            "oil",
            {"vocabulary": size - 1},
            f"tokenizer.json has {size} pieces, the model's vocabulary {size - 1}",
        ),
        (
            "oil\n\u200b",
            {},
            "x.txt, line 2: a text must hold at least one word",
        ),
    ]
    for content, options, message in cases:
        with pytest.raises(ValueError) as caught:
            read(content, tmp_path, **{"tokeniser": tokeniser, "vocabulary": size, **options})
        assert str(caught.value).startswith(message)
    with pytest.raises(ValueError, match=r"^y cannot be read: No such file or directory$"):
        read_calibration(tmp_path / "y", vocabulary=9, length=9, tokeniser=tokeniser)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match=r"^tokenizer.json is not a file of word pieces: "):
        read("oil", tmp_path)
