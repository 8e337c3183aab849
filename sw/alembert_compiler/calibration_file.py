"""Sentences to calibrate with, from a file: texts, or token ids."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from alembert_text.sentence_file import Format, parse_sentences
from numpy.typing import NDArray

__all__ = ["CALIBRATION", "read_calibration"]

CALIBRATION = "calibration.json"
"""Beside a checkpoint: what to calibrate with if nothing else is given."""

_WHOLE = 1 << 30
"""Longer than any text."""


def read_calibration(
    file: Path,
    *,
    vocabulary: int,
    length: int,
    checkpoint: Path,
    cut: bool = False,
    form: Format | None = None,
) -> list[NDArray[np.int64]]:
    """The sentences of a file as token ids.

    Parameters
    ----------
    file : Path
    vocabulary : int
        Token ids are below this.
    length : int
        Most tokens of a sentence.
    checkpoint : Path
        Folder whose tokeniser makes texts into token ids; it is read for texts alone.
    cut : bool
        Cut longer texts to ``length``, as a classifier of their beginnings does; refused otherwise.
        Token ids are never cut.
    form : Format, optional
        What the file holds; see :mod:`alembert_text.sentence_file` for what decides otherwise.

    Raises
    ------
    ValueError
        A file cannot be read, holds nothing or something else, or a sentence is too long or has
        unknown tokens; or the tokeniser is missing, or has more pieces than the model. The message
        names file and line.
    ImportError
        Texts need a library that is not installed.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read: {error.strerror or error}") from error
    found = parse_sentences(content, file.name, form).items()
    rows = {place: row for place, row in found if isinstance(row, list)}
    if texts := {place: row for place, row in found if isinstance(row, str)}:
        rows = _tokenised(file.name, texts, checkpoint, vocabulary, length if cut else _WHOLE)
    for place, row in rows.items():
        if len(row) > length:
            raise ValueError(
                f"{file.name}, {place}: a sentence must have at most {length} tokens, not "
                f"{len(row)}"
            )
        for number in row:
            if not 0 <= number < vocabulary:
                raise ValueError(
                    f"{file.name}, {place}: token ids must be between 0 and {vocabulary - 1}, "
                    f"not {reprlib.repr(number)}"
                )
    return [np.array(row, dtype=np.int64) for row in rows.values()]


def _tokenised(
    name: str, texts: Mapping[str, str], checkpoint: Path, vocabulary: int, length: int
) -> dict[str, list[int]]:
    from alembert_text.checkpoint_tokeniser import load_tokeniser  # its library is slow to import

    try:
        tokeniser = load_tokeniser(checkpoint, vocabulary)
    except ValueError as error:
        raise ValueError(f"{name} holds texts, but {error}") from error
    found = {}
    for place, text in texts.items():
        try:
            found[place] = tokeniser.encode(text, length).tolist()
        except ValueError as error:
            raise ValueError(f"{name}, {place}: {error}") from error
    return found
