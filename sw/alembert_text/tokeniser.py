"""Texts as token ids, by any tokeniser of the tokenizers library.

Its file format, ``tokenizer.json``, is what checkpoints are published with, and what other tools
read and write.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from alembert.files import write_file
from alembert_compiler.file_kinds import text_kind
from numpy.typing import NDArray

from .lines import decode

__all__ = ["TOKENISER", "Tokeniser", "library", "set_ends"]

TOKENISER = "tokenizer.json"
"""The file's usual name."""

_ENDS = (("[CLS]", "[SEP]"), ("<s>", "</s>"))
"""Names of what a sentence begins and ends with, BERT's and RoBERTa's."""
_MISSING = "word pieces need the tokenizers library: pip install 'alembert[text]' brings it"


class Tokeniser:
    """A vocabulary of pieces, and how texts are cut into them.

    A sentence begins and ends with what the tokeniser itself adds; where it adds nothing, with the
    pieces named [CLS] and [SEP], or <s> and </s>. Lengths that it would cut or pad to by itself are
    set aside.

    Parameters
    ----------
    tokeniser : tokenizers.Tokenizer
    ends : tuple of str, optional
        Names that come before the usual ones; :meth:`save` keeps them.

    Raises
    ------
    ValueError
        It adds nothing to a sentence and has no pieces of those names.
    """

    def __init__(self, tokeniser: Any, ends: tuple[str, str] | None = None) -> None:
        tokeniser.no_padding()
        tokeniser.no_truncation()
        if ends is not None and not tokeniser.num_special_tokens_to_add(is_pair=False):
            set_ends(tokeniser, *ends)
        self._tokeniser, self._stored = tokeniser, tokeniser.to_str()
        if not tokeniser.num_special_tokens_to_add(is_pair=False):
            known = tokeniser.get_vocab()
            named = [ends for ends in _ENDS if known.keys() >= set(ends)]
            if not named:
                raise ValueError("it adds no piece to a sentence, and has no [CLS] and [SEP]")
            set_ends(tokeniser, *named[0])
        self._added = tokeniser.num_special_tokens_to_add(is_pair=False)
        self.unknown = self._unknown()
        """The number of what stands for unknown words; None if there is none."""
        self.special = self._special()
        """Numbers of pieces that are no text."""

    @classmethod
    def load(cls, path: Path, ends: tuple[str, str] | None = None) -> Self:
        """Read ``tokenizer.json``.

        Raises
        ------
        ValueError
            It cannot be read, or is no tokeniser.
        ImportError
            The tokenizers library is not installed.
        """
        found = library()
        try:
            contents = path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path.name} cannot be read: {error.strerror or error}") from error
        if (kind := text_kind(contents)) is not None:
            raise ValueError(f"{path.name} {kind}")
        try:
            text = decode(contents)
            json.loads(text)
            return cls(found.Tokenizer.from_str(text), ends)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the library panics at some damage, which is no Exception
            raise ValueError(f"{path.name} is no tokeniser: {error}") from error

    def save(self, path: Path) -> None:
        """Write ``tokenizer.json``."""
        write_file(path, self._stored)

    def __len__(self) -> int:
        """How many rows a model's table must have for it."""
        return 1 + max(self.vocabulary.values())

    @property
    def vocabulary(self) -> dict[str, int]:
        """Numbers by piece."""
        return self._tokeniser.get_vocab()

    def encode(self, text: str, length: int) -> NDArray[np.int64]:
        """A text's first pieces between those that begin and end it: at most ``length`` numbers.

        Raises
        ------
        ValueError
            The text holds no piece, or one that the tokeniser does not know and has nothing to
            stand for; or ``length`` leaves it no room.
        """
        if length <= self._added:
            raise ValueError(f"length must be at least {self._added + 1}, not {length}")
        try:
            pieces = self._tokeniser.encode(text, add_special_tokens=False)
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"a text must suit the tokeniser: {error}") from error
        if not pieces.ids:
            raise ValueError("a text must hold at least one word")
        pieces.truncate(length - self._added)
        return np.array(self._tokeniser.post_process(pieces).ids)

    def encode_all(self, texts: Sequence[str], length: int) -> list[NDArray[np.int64]]:
        """Each as :meth:`encode`."""
        return [self.encode(text, length) for text in texts]

    def words(self, ids: NDArray[np.int64]) -> int:
        """How many of a sentence's pieces are a text's, known or not."""
        return len(ids) - self._added

    def _unknown(self) -> int | None:
        model = json.loads(self._stored)["model"]
        if "unk_id" in model:  # of Unigram
            return model["unk_id"]
        name = model.get("unk_token")
        return None if name is None else self._tokeniser.token_to_id(name)

    def _special(self) -> frozenset[int]:
        added = self._tokeniser.get_added_tokens_decoder()
        found = {number for number, piece in added.items() if piece.special}
        found |= {*self._tokeniser.encode("").ids, self.unknown} - {None}
        return frozenset(found)


def library() -> Any:
    """The tokenizers library.

    Raises
    ------
    ImportError
        It is not installed.
    """
    try:
        import tokenizers  # slow to import, and not needed to generate hardware
    except ImportError as error:
        raise ImportError(_MISSING) from error
    return tokenizers


def set_ends(tokeniser: Any, first: str, last: str) -> None:
    """Have a tokeniser begin and end every sentence with two pieces of its own.

    Raises
    ------
    ValueError
        It has no such piece.
    """
    for piece in (first, last):
        if tokeniser.token_to_id(piece) is None:
            raise ValueError(f"it has no piece {piece}")
    processors = library().processors
    numbers = [(piece, tokeniser.token_to_id(piece)) for piece in (first, last)]
    template = processors.TemplateProcessing(single=[first, "$A", last], special_tokens=numbers)
    before = tokeniser.post_processor
    tokeniser.post_processor = (
        template if before is None else processors.Sequence([before, template])
    )
