"""Reaction SMILES as tokens: one token an atom, bond, branch, ring closure or arrow.

SMILES writes a molecule as text; a reaction is ``reactants>>products``, molecules separated by dots
(Daylight's theory manual, chapters 3 and 4). A bracket atom such as ``[nH]`` and a two-digit ring
closure such as ``%12`` are one token each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["SmilesTokeniser", "split_smiles"]

_TOKEN = re.compile(
    r"""
      \[ [^\[\]]+ \]        # an atom in brackets, with isotope, chirality, hydrogens and charge
    | Br | Cl               # the organic subset: atoms that need no brackets ...
    | [BCNOPSFI]
    | [bcnops]              # ... and the aromatic ones
    | >> | >                # the reaction arrow
    | % [0-9]{2} | [0-9]    # ring closures
    | [-=\#$:~/\\]          # bonds
    | [().+*@?]             # branches, the dot, and signs and wildcards outside brackets
    """,
    re.VERBOSE,
)


def split_smiles(smiles: str) -> list[str]:
    """The tokens of a SMILES; joined, they are the text again.

    Raises
    ------
    ValueError
        A character is no part of any token.
    """
    tokens: list[str] = []
    position = 0
    while position < len(smiles):
        match = _TOKEN.match(smiles, position)
        if match is None:
            raise ValueError(
                f"no SMILES token starts at column {position + 1} of {smiles!r}: "
                f"{smiles[position]!r}"
            )
        tokens.append(match.group())
        position = match.end()
    return tokens


class SmilesTokeniser:
    """Between reaction SMILES and a model's token ids.

    Parameters
    ----------
    vocabulary : sequence of str
        The token of each id; must hold [PAD], [UNK], [CLS], [SEP] and [MASK], and no token twice.

    Raises
    ------
    ValueError
        A special token is missing, or a token comes twice.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary = tuple(vocabulary)
        self._ids: dict[str, int] = {}
        for index, token in enumerate(self.vocabulary):
            if self._ids.setdefault(token, index) != index:
                raise ValueError(
                    f"vocabulary must hold each token once, but {token!r} has the ids "
                    f"{self._ids[token]} and {index}"
                )
        self.padding_id = self._special("[PAD]")
        self.unknown_id = self._special("[UNK]")
        self.start_id = self._special("[CLS]")
        self.separator_id = self._special("[SEP]")
        self.mask_id = self._special("[MASK]")

    @classmethod
    def from_bytes(cls, text: bytes) -> SmilesTokeniser:
        """From the contents of a ``vocab.txt``: UTF-8, one token a line, line 1 is id 0."""
        return cls(text.decode("utf-8").removesuffix("\n").split("\n"))

    def _special(self, token: str) -> int:
        if token not in self._ids:
            raise ValueError(f"vocabulary must hold {token}")
        return self._ids[token]

    def encode(self, smiles: str) -> NDArray[np.int64]:
        """Ids of [CLS], the tokens and [SEP]; a token outside the vocabulary is [UNK].

        Raises
        ------
        ValueError
            The text is not SMILES.
        """
        tokens = [self._ids.get(token, self.unknown_id) for token in split_smiles(smiles)]
        return np.array([self.start_id, *tokens, self.separator_id], dtype=np.int64)

    def decode(self, token_ids: Iterable[int]) -> list[str]:
        """The token of each id, special tokens included.

        Raises
        ------
        ValueError
            An id lies outside the vocabulary.
        """
        tokens: list[str] = []
        for token_id in token_ids:
            if not 0 <= token_id < len(self.vocabulary):
                raise ValueError(
                    f"token id must be between 0 and {len(self.vocabulary) - 1}, not {token_id}"
                )
            tokens.append(self.vocabulary[token_id])
        return tokens
