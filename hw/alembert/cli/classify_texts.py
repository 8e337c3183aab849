"""Texts of ``alembert classify``: where they come from, and what of them a model knows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from alembert_text.word_pieces import WordPieces
    from numpy.typing import NDArray

__all__ = ["Sentence", "encode_texts", "read_texts"]


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A text as a model sees it.

    Parameters
    ----------
    text : str
    ids : array of int, [T]
        [CLS], pieces, [SEP].
    unknown : int
        Pieces among them that stand for words which the model does not know.
    cut : int
        Pieces that did not fit.
    """

    text: str
    ids: NDArray[np.int64]
    unknown: int
    cut: int


def read_texts(text: str | None, file: Path | None) -> list[str]:
    """A text, a file's lines, or standard input's.

    Raises
    ------
    ValueError
        There are both or neither, the file cannot be read or is not UTF-8, or a text is empty.
    """
    if text is not None and file is not None:
        raise ValueError("TEXT and --file exclude each other")
    if text is not None:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("the text must be UTF-8") from None
        if not text.strip():
            raise ValueError("the text must not be empty")
        return [" ".join(text.split())]
    if file is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise ValueError("there must be a TEXT, a --file, or texts on standard input")
        return _lines(sys.stdin.buffer.read(), "standard input")
    try:
        return _lines(file.read_bytes(), str(file))
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror or error}") from None


def _lines(content: bytes, source: str) -> list[str]:
    try:
        lines = content.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{source} must be UTF-8, and is not at byte {error.start}") from None
    if not lines[-1]:  # what follows the last line's end
        lines.pop()
    if not lines:
        raise ValueError(f"{source} must hold a text a line, and is empty")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise ValueError(f"{source} must hold a text a line, and line {number} is empty")
    return lines


def encode_texts(texts: Sequence[str], pieces: WordPieces, length: int) -> list[Sentence]:
    """Texts as pieces, ``length`` at most.

    Raises
    ------
    ValueError
        A text holds no piece that is known.
    """
    from alembert_text.word_pieces import SPECIAL

    unknown = SPECIAL.index("[UNK]")
    found = []
    for number, text in enumerate(texts, start=1):
        try:
            ids = pieces.encode(text, length)
            whole = pieces.encode(text, sys.maxsize)
        except ValueError as error:
            raise ValueError(f"text {number}: {error}") from None
        if not (ids >= len(SPECIAL)).any():
            raise ValueError(f"text {number} must hold a word that the model knows")
        found.append(
            Sentence(
                text=text,
                ids=ids,
                unknown=int((ids == unknown).sum()),
                cut=len(whole) - len(ids),
            )
        )
    return found
