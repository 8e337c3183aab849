"""Sentences in JSON, as other tools write them: one value, or one a line.

A sentence is a list of token ids, a text, or an object with ``input_ids`` or ``text``, of which the
ids come first. A whole file may be one object with lists of them, as a tokeniser's output is.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping
from typing import Any

__all__ = ["Row", "is_json", "parse_json"]

Row = str | list[int]
"""A sentence: a text, or token ids."""

_COLUMNS = ("input_ids", "text", "attention_mask", "token_type_ids")


def is_json(text: str) -> bool:
    """Whether a text is JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def parse_json(text: str, lines: Mapping[str, str], name: str) -> dict[str, Row]:
    """Sentences by their places, all of one kind.

    Parameters
    ----------
    text : str
        The whole of a file.
    lines : mapping of str to str
        Its lines by place, without the empty ones.
    name : str
        The file's, for messages.

    Raises
    ------
    ValueError
        It is not JSON, holds no sentence, or not sentences alone; some are texts and some are token
        ids; or padding or a second segment is asked for, which the machine does not run.
    """
    rows = {
        place: _row(found, f"{name}, {place}")
        for place, found in _values(text, lines, name).items()
    }
    first = next(iter(rows.values()))
    for place, row in rows.items():
        if type(row) is not type(first):
            raise ValueError(
                f"{name}, {place}: all sentences must be texts, or all token ids, as the first is, "
                f"not {reprlib.repr(row)}"
            )
    return rows


def _values(text: str, lines: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        if len(lines) == 1 or not is_json(next(iter(lines.values()))):
            raise ValueError(f"{name} is not JSON: {error}") from None
        return {place: _value(line, f"{name}, {place}") for place, line in lines.items()}
    match found:
        case dict():
            found = _rows_of(found, name)
        case [int(), *_]:
            found = [found]
    if not isinstance(found, list) or not found:
        raise ValueError(
            f"{name} must be a list of sentences, or hold one a line, not {reprlib.repr(found)}"
        )
    return {f"sentence {number}": each for number, each in enumerate(found)}


def _value(line: str, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not JSON: {error}") from None


def _rows_of(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """An object's sentences: itself, or those in the lists that it holds."""
    match found:
        case {"input_ids": [list(), *_]} | {"text": list()}:
            columns = {key: found[key] for key in _COLUMNS if key in found}
        case _:
            return [found]
    if len({len(each) if isinstance(each, list) else -1 for each in columns.values()}) > 1:
        raise ValueError(f"{name}: {', '.join(columns)} must be lists of one length")
    return [dict(zip(columns, values)) for values in zip(*columns.values())]


def _row(found: Any, where: str) -> Row:
    if isinstance(found, dict) and "input_ids" in found:
        return _as_run(_ids(found["input_ids"], where), found, where)
    text = found.get("text") if isinstance(found, dict) else found
    if isinstance(text, str) and text.strip():
        if re.search("[\ud800-\udfff]", text):  # JSON can name halves of characters
            raise ValueError(f"{where}: a text must be Unicode, not {reprlib.repr(text)}")
        return text
    return _ids(found, where)


def _ids(found: Any, where: str) -> list[int]:
    if not isinstance(found, list) or not found:
        raise ValueError(
            f"{where} must be a list of token ids, a text, or an object with input_ids or text, "
            f"not {reprlib.repr(found)}"
        )
    for number in found:
        if type(number) is not int:  # a bool is one otherwise
            raise ValueError(
                f"{where}: token ids must be whole numbers, not {reprlib.repr(number)}"
            )
    return found


def _as_run(ids: list[int], found: Mapping[str, Any], where: str) -> list[int]:
    """Token ids without padding; the machine has no attention mask and one segment."""
    mask = found.get("attention_mask", [1] * len(ids))
    shown = mask.count(1) if isinstance(mask, list) else 0
    if not shown or mask != [1] * shown + [0] * (len(ids) - shown):
        raise ValueError(
            f"{where}: attention_mask must be ones, then zeros, {len(ids)} in all, not "
            f"{reprlib.repr(mask)}"
        )
    types = found.get("token_type_ids", [0])
    if not isinstance(types, list) or any(types[:shown]):
        raise ValueError(
            f"{where}: token_type_ids must be zeros, for there is one segment, not "
            f"{reprlib.repr(types)}"
        )
    return ids[:shown]
