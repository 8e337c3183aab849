"""The tokeniser of a checkpoint's folder, as BERTs and ALBERTs are published.

That is ``tokenizer.json``; or else ``vocab.txt``, BERT's word pieces, or ``spiece.model``, ALBERT's
sentence pieces, with what ``tokenizer_config.json`` and ``special_tokens_map.json`` say of them.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alembert_compiler.file_kinds import text_kind

from .lines import decode
from .published import FLAGS, NAMES, albert_tokeniser, bert_tokeniser
from .tokeniser import TOKENISER, Tokeniser

__all__ = ["load_tokeniser"]

_Builder = Callable[[bytes, Mapping[str, Any]], Any]
_BUILDERS: dict[str, tuple[_Builder, re.Pattern[str]]] = {
    "vocab.txt": (
        bert_tokeniser,
        re.compile(r"(Bert|DistilBert|MobileBert|ConvBert|Electra)Tokenizer(Fast)?"),
    ),
    "spiece.model": (albert_tokeniser, re.compile(r"AlbertTokenizer(Fast)?")),
}
"""What a tokeniser is made from, and the transformers library's classes that make it alike."""

_CLASS = "tokenizer_class"


def load_tokeniser(folder: Path, vocabulary: int) -> Tokeniser:
    """Read the tokeniser of a folder.

    Parameters
    ----------
    folder : Path
    vocabulary : int
        Rows of the model's table of pieces.

    Raises
    ------
    ValueError
        There is none, a file is damaged, names another class of tokenisers, or lacks a piece that
        is needed; or there are more pieces than rows.
    ImportError
        A library that reads it is not installed.
    """
    names = (TOKENISER, *_BUILDERS)
    file = next((folder / name for name in names if (folder / name).is_file()), None)
    if file is None:
        raise ValueError(f"there is no {', '.join(names[:-1])} or {names[-1]} beside the model")
    tokeniser = _load(file)
    if len(tokeniser) > vocabulary:
        raise ValueError(
            f"{file.name} has {len(tokeniser)} pieces, the model's vocabulary {vocabulary}"
        )
    return tokeniser


def _load(file: Path) -> Tokeniser:
    content, settings = _read(file), _settings(file.parent)
    if (kind := text_kind(content)) is not None:
        raise ValueError(f"{file.name} {kind}")
    if file.name == TOKENISER:
        named = {"cls_token", "sep_token"} <= settings.keys()
        return Tokeniser.load(
            file, (settings["cls_token"], settings["sep_token"]) if named else None
        )
    build, classes = _BUILDERS[file.name]
    if (its_class := settings.get(_CLASS)) and not classes.fullmatch(its_class):
        raise ValueError(f"{file.name} alone does not make a {its_class}: {TOKENISER} does")
    try:
        return Tokeniser(build(content, settings))
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from error


def _settings(folder: Path) -> dict[str, Any]:
    """What is said of a tokeniser, by the transformers library's names; the last file counts."""
    found: dict[str, Any] = {}
    wanted = {_CLASS: str} | dict.fromkeys(FLAGS, bool) | dict.fromkeys(NAMES, str)
    for name, keys in (
        ("config.json", (_CLASS,)),
        ("tokenizer_config.json", tuple(wanted)),
        ("special_tokens_map.json", NAMES),
    ):
        said = _object(folder / name)
        for key in keys:
            value = said.get(key)
            if isinstance(value, dict):  # a piece, and how it is found in texts
                value = value.get("content")
            if value is None:
                continue
            if not isinstance(value, wanted[key]):
                raise ValueError(f"{name}: {key} must not be {reprlib.repr(value)}")
            found[key] = value
    return found


def _object(file: Path) -> dict[str, Any]:
    """What a file of JSON says; nothing if there is no file."""
    if not file.exists():
        return {}
    try:
        found = json.loads(decode(_read(file)))
    except RecursionError:
        found = None
    except ValueError as error:
        raise ValueError(f"{file.name} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{file.name} must be an object")
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read: {error.strerror or error}") from error
