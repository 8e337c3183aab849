"""Texts of ``alembert classify``: where they come from, and what of them a model knows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alembert_text.lines import each_line_of
from alembert_text.sentence_file import Format, format_of, parse_sentences

if TYPE_CHECKING:
    import numpy as np
    from alembert_text.tokeniser import Tokeniser
    from numpy.typing import NDArray

__all__ = ["Sentence", "Texts", "encode_text", "encode_texts", "read_texts"]

Texts = Sequence[str | ValueError]
"""Texts in their order; one that cannot be read is the reason why."""


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A text as a model sees it.

    Parameters
    ----------
    text : str
    ids : array of int, [T]
        Pieces, and those that begin and end a sentence.
    words : int
        Pieces among them that are the text's.
    unknown : int
        Pieces among them that stand for words which the model does not know.
    cut : int
        Pieces that did not fit.
    """

    text: str
    ids: NDArray[np.int64]
    words: int
    unknown: int
    cut: int


def read_texts(text: str | None, file: Path | None, form: Format | None = None) -> Texts:
    """A text, a file's, or standard input's: a text a line, or JSON if name or ``form`` says so.

    Raises
    ------
    ValueError
        There are both or neither, the file cannot be read or holds something else, or the one
        text is empty.
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
        return _texts(sys.stdin.buffer.read(), "standard input", form)
    try:
        return _texts(file.read_bytes(), str(file), form)
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror or error}") from None


def _texts(content: bytes, source: str, form: Format | None) -> Texts:
    if (form or format_of(source) or Format.TEXTS) is Format.TEXTS:
        return _lines(content, source)
    found = parse_sentences(content, source, form).values()
    texts = [row for row in found if isinstance(row, str)]
    if not texts:
        raise ValueError(f"{source} must hold texts, not token ids")
    return texts


def _lines(content: bytes, source: str) -> Texts:
    try:
        lines = each_line_of(content)
    except ValueError as error:
        raise ValueError(f"{source}, {error}") from None
    if not lines:
        raise ValueError(f"{source} must hold a text a line, and is empty")
    return lines


def encode_texts(
    texts: Texts, pieces: Tokeniser, length: int
) -> tuple[dict[int, Sentence], dict[int, ValueError]]:
    """Texts as pieces, ``length`` at most, by their numbers from 1; and why others are none."""
    sentences: dict[int, Sentence] = {}
    faults: dict[int, ValueError] = {}
    for number, text in enumerate(texts, start=1):
        try:
            if isinstance(text, ValueError):
                raise text
            sentences[number] = encode_text(text, pieces, length)
        except ValueError as error:
            faults[number] = error
    return sentences, faults


def encode_text(text: str, pieces: Tokeniser, length: int) -> Sentence:
    """A text as pieces, ``length`` at most.

    Raises
    ------
    ValueError
        It is empty, or holds no piece that is known.
    """
    if not text.strip():
        raise ValueError("a text must not be empty")
    ids = pieces.encode(text, length)
    if pieces.special.issuperset(ids.tolist()):
        raise ValueError("a text must hold a word that the model knows")
    return Sentence(
        text=text,
        ids=ids,
        words=pieces.words(ids),
        unknown=ids.tolist().count(pieces.unknown),
        cut=len(pieces.encode(text, sys.maxsize)) - len(ids),
    )
