"""Texts as word pieces: BERT's tokenisation, learned from a corpus.

By the tokenizers library, whose file format, ``tokenizer.json``, other tools read too.
Source: Wu et al., arXiv 1609.08144 (word pieces); Devlin et al., arXiv 1810.04805.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from alembert.files import write_file
from alembert_compiler.file_kinds import text_kind
from numpy.typing import NDArray

__all__ = ["SPECIAL", "WordPieces"]

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""Pieces that are no text; their numbers are their places."""

_MISSING = "word pieces need the tokenizers library: pip install 'alembert[text]' brings it"


class WordPieces:
    """A vocabulary of word pieces.

    Texts are lower-cased, split at spaces and punctuation, and each word is cut from its front
    into the longest pieces known.

    Parameters
    ----------
    tokeniser : tokenizers.Tokenizer

    Raises
    ------
    ValueError
        The first pieces are not :data:`SPECIAL`.
    """

    def __init__(self, tokeniser: Any) -> None:
        self._tokeniser = tokeniser
        tokeniser.no_padding()
        tokeniser.no_truncation()
        for number, piece in enumerate(SPECIAL):
            if (found := tokeniser.token_to_id(piece)) != number:
                raise ValueError(f"piece {piece} must have the number {number}, not {found}")

    @classmethod
    def learn(cls, texts: Iterable[str], size: int) -> WordPieces:
        """The pieces that merging the commonest pairs of a corpus leads to, at most ``size``.

        The same texts in the same order give the same pieces with the same numbers.

        Raises
        ------
        ValueError
            ``size`` leaves no room beside the special pieces and the corpus's characters.
        """
        library = _library()
        normalise = library.normalizers.BertNormalizer(lowercase=True)
        known = list(texts)
        # every character, at a word's front and behind it, has its number before the library looks
        # at words: it does so in an order that differs from run to run, and pieces would, too
        found = sorted({c for text in known for c in normalise.normalize_str(text)})
        characters = [c for c in found if not c.isspace()]
        first = [*SPECIAL, *characters, *(f"##{c}" for c in characters)]
        if size <= len(first):
            raise ValueError(
                f"a vocabulary must have more than the {len(first)} pieces that are special or "
                f"single characters, not {size}"
            )
        tokeniser = library.Tokenizer(library.models.WordPiece(unk_token=SPECIAL[1]))
        tokeniser.normalizer = normalise
        tokeniser.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
        trainer = library.trainers.WordPieceTrainer(
            vocab_size=size, special_tokens=first, show_progress=False
        )
        tokeniser.train_from_iterator(known, trainer)
        # characters are pieces like any other again
        tokeniser = library.Tokenizer(
            library.models.WordPiece(tokeniser.get_vocab(), unk_token=SPECIAL[1])
        )
        tokeniser.normalizer = normalise
        tokeniser.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
        tokeniser.decoder = library.decoders.WordPiece()
        tokeniser.add_special_tokens(list(SPECIAL))
        return cls(tokeniser)

    @classmethod
    def load(cls, path: Path) -> WordPieces:
        """Read ``tokenizer.json``.

        Raises
        ------
        ValueError
            It cannot be read, is no tokeniser, or is another one.
        """
        library = _library()
        try:
            contents = path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path.name} cannot be read: {error.strerror or error}") from error
        if (kind := text_kind(contents)) is not None:
            raise ValueError(f"{path.name} {kind}")
        try:
            # the library's own reader panics at some damage; JSON at least is checked before
            text = contents.decode("utf-8")
            json.loads(text)
            return cls(library.Tokenizer.from_str(text))
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"{path.name} is not a file of word pieces: {error}") from error

    def save(self, path: Path) -> None:
        """Write ``tokenizer.json``."""
        write_file(path, self._tokeniser.to_str())

    def __len__(self) -> int:
        return self._tokeniser.get_vocab_size()

    @property
    def vocabulary(self) -> dict[str, int]:
        """Numbers by piece."""
        return self._tokeniser.get_vocab()

    def encode(self, text: str, length: int) -> NDArray[np.int64]:
        """[CLS], the first pieces of a text, [SEP]: at most ``length`` numbers.

        Raises
        ------
        ValueError
            The text holds no piece, or ``length`` leaves it no room.
        """
        if length < 3:
            raise ValueError(f"length must be at least 3, not {length}")
        pieces = self._tokeniser.encode(text, add_special_tokens=False).ids
        if not pieces:
            raise ValueError("a text must hold at least one word")
        ends = SPECIAL.index("[CLS]"), SPECIAL.index("[SEP]")
        return np.array([ends[0], *pieces[: length - 2], ends[1]])

    def encode_all(self, texts: Sequence[str], length: int) -> list[NDArray[np.int64]]:
        """Each as :meth:`encode`."""
        return [self.encode(text, length) for text in texts]


def _library() -> Any:
    try:
        import tokenizers  # slow to import, and not needed to generate hardware
    except ImportError as error:
        raise ImportError(_MISSING) from error
    return tokenizers
