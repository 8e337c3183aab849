"""Word pieces learned from a corpus: BERT's tokenisation, with numbers that are known beforehand.

Source: Wu et al., arXiv 1609.08144 (word pieces); Devlin et al., arXiv 1810.04805.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .tokeniser import Tokeniser, library

__all__ = ["SPECIAL", "WordPieces"]

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""Pieces that are no text; their numbers are their places."""


class WordPieces(Tokeniser):
    """A vocabulary of word pieces, to train a model with.

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

    def __init__(self, tokeniser: Any, ends: tuple[str, str] | None = None) -> None:
        for number, piece in enumerate(SPECIAL):
            if (found := tokeniser.token_to_id(piece)) != number:
                raise ValueError(f"piece {piece} must have the number {number}, not {found}")
        super().__init__(tokeniser, ends)

    @classmethod
    def learn(cls, texts: Iterable[str], size: int) -> WordPieces:
        """The pieces that merging the commonest pairs of a corpus leads to, at most ``size``.

        The same texts in the same order give the same pieces with the same numbers.

        Raises
        ------
        ValueError
            ``size`` leaves no room beside the special pieces and the corpus's characters.
        """
        by = library()
        normalise = by.normalizers.BertNormalizer(lowercase=True)
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
        tokeniser = by.Tokenizer(by.models.WordPiece(unk_token=SPECIAL[1]))
        tokeniser.normalizer = normalise
        tokeniser.pre_tokenizer = by.pre_tokenizers.BertPreTokenizer()
        trainer = by.trainers.WordPieceTrainer(
            vocab_size=size, special_tokens=first, show_progress=False
        )
        tokeniser.train_from_iterator(known, trainer)
        # characters are pieces like any other again
        tokeniser = by.Tokenizer(by.models.WordPiece(tokeniser.get_vocab(), unk_token=SPECIAL[1]))
        tokeniser.normalizer = normalise
        tokeniser.pre_tokenizer = by.pre_tokenizers.BertPreTokenizer()
        tokeniser.decoder = by.decoders.WordPiece()
        tokeniser.add_special_tokens(list(SPECIAL))
        return cls(tokeniser)
