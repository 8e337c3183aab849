"""Files of sentences: token ids or texts, by a stated rule, and never one for the other.

The name's ending says what a file holds: ``.ids``, ``.csv`` and ``.tsv`` token ids, ``.json``,
``.jsonl`` and ``.ndjson`` JSON. With any other name it is JSON if its first line is a list or an
object, token ids if some line is one of token ids or no line has a word, and texts otherwise. A
format that is given comes before all that. What does not fit is refused with its line.
"""

from __future__ import annotations

import enum
import re
import reprlib
from collections.abc import Mapping
from pathlib import PurePath

from .lines import decode, split_lines
from .sentence_json import Row, is_json, parse_json

__all__ = ["Format", "Row", "format_of", "parse_sentences"]


class Format(enum.Enum):
    """What a file of sentences holds."""

    IDS = "ids"
    """Token ids, a sentence a line, with blanks, commas or semicolons between."""
    TEXTS = "texts"
    """A text a line."""
    JSON = "json"
    """Lists of token ids, texts, or objects with one of them: in a list, or one a line."""


_ENDINGS = {
    ".ids": Format.IDS,
    ".csv": Format.IDS,
    ".tsv": Format.IDS,
    ".json": Format.JSON,
    ".jsonl": Format.JSON,
    ".ndjson": Format.JSON,
}
_SEPARATOR = re.compile(r"[ \t]*[,;][ \t]*|[ \t]+")
_NUMBER = re.compile(r"-?[0-9]+")  # int() also takes '1_000', '+5' and other scripts' digits
_MOST_DIGITS = 18
"""Of a number; int() refuses thousands, and no token id has so many."""


def format_of(name: str) -> Format | None:
    """What a name's ending says that the file holds, if it says that."""
    return _ENDINGS.get(PurePath(name).suffix.lower())


def parse_sentences(content: bytes, name: str, form: Format | None = None) -> dict[str, Row]:
    """The sentences of a file by their places, "line 3" or "sentence 2"; all of one kind.

    Empty lines are left out, and so are separators at a line's end.

    Parameters
    ----------
    content : bytes
        In UTF-8, or in UTF-16 or UTF-32 with a byte order mark.
    name : str
        The file's, for its ending and for messages.
    form : Format, optional
        What it holds; otherwise the module's rule decides.

    Raises
    ------
    ValueError
        It is not text, holds no sentence, or one that does not fit; the message names file, line
        and what is there.
    """
    try:
        text = decode(content)
    except ValueError as error:
        raise ValueError(f"{name}, {error}") from None
    numbered = enumerate(split_lines(text), start=1)
    lines = {f"line {number}": line.strip() for number, line in numbered if line.strip()}
    if not lines:
        raise ValueError(f"{name} holds no sentence")
    match form or format_of(name) or _guess(lines):
        case Format.TEXTS:
            return dict(lines)
        case Format.IDS:
            return _rows_of_ids(lines, name, is_given=form is not None)
        case Format.JSON:
            return parse_json(text, lines, name)


def _guess(lines: Mapping[str, str]) -> Format:
    first = next(iter(lines.values()))
    if first[0] in "[{" and is_json(first):
        return Format.JSON
    if any(map(_is_ids, lines.values())) or not any(map(_has_word, lines.values())):
        return Format.IDS
    return Format.TEXTS


def _is_ids(line: str) -> bool:
    return all(map(_NUMBER.fullmatch, _fields(line)))


def _has_word(line: str) -> bool:
    """Not so "1e3", "1.0" and digits of other scripts: numbers that somebody took for ids."""
    return any(word[0].isalpha() for word in re.findall(r"\w+", line))


def _fields(line: str) -> list[str]:
    return _SEPARATOR.split(line.rstrip(",; \t"))


def _rows_of_ids(lines: Mapping[str, str], name: str, *, is_given: bool) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for place, line in lines.items():
        for number in _fields(line):
            if not _NUMBER.fullmatch(number):
                raise ValueError(
                    f"{name}, {place}: token ids must be whole numbers with blanks or commas "
                    f"between, not {reprlib.repr(number or line)}"
                    + ("" if is_given else _way_out(lines))
                )
            if len(number) > _MOST_DIGITS:
                raise ValueError(f"{name}, {place}: no token id is {reprlib.repr(number)}")
        rows[place] = [int(number) for number in _fields(line)]
    return rows


def _way_out(lines: Mapping[str, str]) -> str:
    """Why the file was taken for one of token ids, and how it becomes one of texts."""
    holds_ids = (place for place, line in lines.items() if _is_ids(line))
    why = next((f"{place} holds token ids, and " for place in holds_ids), "")
    return f"; {why}--format texts reads all lines as texts"
