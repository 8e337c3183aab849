"""Sentences to calibrate with, from files of texts and of token ids; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from alembert_compiler.calibration_file import read_calibration
from alembert_text.sentence_file import Format
from alembert_text.word_pieces import WordPieces

TEXTS = ["Oil prices rise", "wheat exports fell", "the bank raised its rates"]


@pytest.fixture(scope="module")
def pieces() -> WordPieces:
    return WordPieces.learn(TEXTS, 80)


@pytest.fixture
def checkpoint(pieces: WordPieces, tmp_path: Path) -> Path:
    pieces.save(tmp_path / "tokenizer.json")
    return tmp_path


def read(
    content: str | bytes, folder: Path, name: str = "x.txt", **options: Any
) -> list[list[int]]:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    options = {"vocabulary": 80, "length": 30, "checkpoint": folder, **options}
    return [row.tolist() for row in read_calibration(file, **options)]


def test_token_ids(checkpoint: Path) -> None:
    """The same, whatever has written them; a tokeniser beside makes no texts of them."""
    rows = [[2, 5, 3], [2, 39, 0, 3], [7]]
    for content in (b"2 5 3\n\n  2, 39,0 ,3\r\n7\n", b"\xef\xbb\xbf2,5,3,,\r2;39;0;3;\r7"):
        assert read(content, checkpoint) == rows
    assert read(json.dumps(rows), checkpoint, "calibration.json") == rows
    assert read("\n".join(map(str, rows)), checkpoint, "x.jsonl") == rows


def test_texts(pieces: WordPieces, checkpoint: Path) -> None:
    wanted = [pieces.encode(text, 99).tolist() for text in TEXTS]
    assert read("\n\n".join(TEXTS), checkpoint) == wanted
    lines = "\n".join(json.dumps({"text": text}) for text in TEXTS)
    assert read(lines, checkpoint, "x.jsonl") == wanted
    numbers = read("12 7\nOil", checkpoint, form=Format.TEXTS)
    assert numbers[0] == pieces.encode("12 7", 9).tolist()
    cut = read("\n".join(TEXTS), checkpoint, length=5, cut=True)
    assert cut == [pieces.encode(text, 5).tolist() for text in TEXTS]
    assert {len(row) for row in cut} == {5}


@pytest.mark.parametrize(
    ("content", "name", "options", "message"),
    [
        ("", "x.txt", {}, "x.txt holds no sentence"),
        (b"\xff", "x.txt", {}, "x.txt, line 1: text must be UTF-8, and the byte 0xff is not"),
        ("1 2\n3 80", "x.txt", {}, "x.txt, line 2: token ids must be between 0 and 79, not 80"),
        ("\n1 -2", "x.txt", {}, "x.txt, line 2: token ids must be between 0 and 79, not -2"),
        (
            "1 2 3",
            "x.txt",
            {"length": 2, "cut": True},
            "x.txt, line 1: a sentence must have at most 2 tokens, not 3",
        ),
        (
            f"[[1], [{10**30}]]",
            "x.json",
            {},
            f"x.json, sentence 1: token ids must be between 0 and 79, not {10**30}",
        ),
        (
            "oil\nthe bank raised its rates",
            "x.txt",
            {"length": 5},
            "x.txt, line 2: a sentence must have at most 5 tokens, not ",
        ),
        ("oil\n\u200b", "x.txt", {}, "x.txt, line 2: a text must hold at least one word"),
        (
            "2 5\nthe bank",
            "x.txt",
            {},
            "x.txt, line 2: token ids must be whole numbers with blanks or commas between, not "
            "'the'; line 1 holds token ids, and --format texts reads all lines as texts",
        ),
        ('["\\ud800"]', "x.json", {}, "x.json, sentence 0: a text must be Unicode"),
    ],
)
def test_refusals(
    content: str | bytes, name: str, options: dict, message: str, checkpoint: Path
) -> None:
    with pytest.raises(ValueError) as caught:
        read(content, checkpoint, name, **options)
    assert str(caught.value).startswith(message)


def test_tokenisers_that_are_refused(pieces: WordPieces, checkpoint: Path) -> None:
    size = len(pieces)
    assert read("oil", checkpoint, vocabulary=size) == [pieces.encode("oil", 9).tolist()]
    message = f"x.txt holds texts, but tokenizer.json has {size} pieces, the model's vocabulary"
    with pytest.raises(ValueError, match=f"^{message} {size - 1}$"):
        read("oil", checkpoint, vocabulary=size - 1)
    (checkpoint / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match=r"^x.txt holds texts, but tokenizer.json is no tokeni"):
        read("oil", checkpoint)
    (checkpoint / "tokenizer.json").unlink()
    names = "tokenizer.json, vocab.txt or spiece.model"
    with pytest.raises(ValueError, match=f"^x.txt holds texts, but there is no {names} beside"):
        read("oil", checkpoint)
    with pytest.raises(ValueError, match=r"^y cannot be read: No such file or directory$"):
        read_calibration(checkpoint / "y", vocabulary=9, length=9, checkpoint=checkpoint)
