"""Sentences to calibrate with, from a file: texts, or token ids.

A file is lines of text; or lines of token ids, if every line is made of whole numbers; or, if its
name ends in ``.json``, a list of lists of token ids. Empty lines are left out.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CALIBRATION", "TOKENISER", "read_calibration"]

CALIBRATION = "calibration.json"
"""Beside a checkpoint: what to calibrate with if nothing else is given."""
TOKENISER = "tokenizer.json"
"""Beside a checkpoint: its word pieces."""

_NUMBERS = re.compile(r"-?\d+(?:[\s,]+-?\d+)*")
_WHOLE = 1 << 30
"""Longer than any text."""


def read_calibration(
    file: Path, *, vocabulary: int, length: int, tokeniser: Path, cut: bool = False
) -> list[NDArray[np.int64]]:
    """The sentences of a file as token ids.

    Parameters
    ----------
    file : Path
    vocabulary : int
        Token ids are below this.
    length : int
        Most tokens of a sentence.
    tokeniser : Path
        ``tokenizer.json``, of which texts are made into token ids; it is read for texts alone.
    cut : bool
        Cut longer texts to ``length``, as a classifier of their beginnings does; refused otherwise.
        Token ids are never cut.

    Raises
    ------
    ValueError
        A file cannot be read, holds nothing or something else, or a sentence is too long or has
        unknown tokens; or the tokeniser is missing, or has more pieces than the model. The message
        names file and line.
    ImportError
        Texts need the tokenizers library, and it is not installed.
    """
    text = _read(file)
    if file.suffix.lower() == ".json":
        places, rows = _rows_of_json(file, text)
    else:
        lines = [(f"line {n}", line.strip()) for n, line in enumerate(text.splitlines(), 1)]
        lines = [(place, line) for place, line in lines if line]
        if not lines:
            raise ValueError(f"{file.name} holds no sentence")
        places = [place for place, _ in lines]
        if not all(_NUMBERS.fullmatch(line) for _, line in lines):
            texts = [line for _, line in lines]
            return _tokenised(file.name, places, texts, tokeniser, vocabulary, length, cut)
        rows = [[int(number) for number in re.findall(r"-?\d+", line)] for _, line in lines]
    for place, row in zip(places, rows):
        _check_length(file.name, place, len(row), length)
        for number in row:
            if not 0 <= number < vocabulary:
                raise ValueError(
                    f"{file.name}, {place}: token ids must be between 0 and {vocabulary - 1}, "
                    f"not {number}"
                )
    return [np.array(row, dtype=np.int64) for row in rows]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{file.name} is not text in UTF-8") from error


def _rows_of_json(file: Path, text: str) -> tuple[list[str], list[list[int]]]:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file.name} is not JSON: {error}") from error
    if not isinstance(found, list) or not found:
        raise ValueError(f"{file.name} must be a list of lists of token ids")
    for n, row in enumerate(found):
        is_row = isinstance(row, list) and row
        if not is_row or not all(isinstance(x, int) and not isinstance(x, bool) for x in row):
            raise ValueError(f"{file.name}, sentence {n} must be a list of token ids")
    return [f"sentence {n}" for n in range(len(found))], found


def _tokenised(
    name: str,
    places: list[str],
    texts: list[str],
    tokeniser: Path,
    vocabulary: int,
    length: int,
    cut: bool,
) -> list[NDArray[np.int64]]:
    if not tokeniser.is_file():
        raise ValueError(f"{name} holds texts, which need a {tokeniser.name} beside the model")
    from alembert_text.word_pieces import WordPieces  # its library is slow to import

    pieces = WordPieces.load(tokeniser)
    if len(pieces) > vocabulary:
        raise ValueError(
            f"{tokeniser.name} has {len(pieces)} pieces, the model's vocabulary {vocabulary}"
        )
    found = []
    for place, text in zip(places, texts):
        try:
            row = pieces.encode(text, length if cut else _WHOLE)
        except ValueError as error:
            raise ValueError(f"{name}, {place}: {error}") from error
        _check_length(name, place, len(row), length)
        found.append(row)
    return found


def _check_length(name: str, place: str, tokens: int, length: int) -> None:
    if tokens > length:
        raise ValueError(
            f"{name}, {place}: a sentence must have at most {length} tokens, not {tokens}"
        )
