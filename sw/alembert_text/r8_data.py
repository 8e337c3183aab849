"""Reuters R8 as token ids: what to train on, what to choose by, and what is asked about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .reuters import DEV_SHARE, Stories, split
from .word_pieces import WordPieces

__all__ = ["LENGTH", "R8Data"]

LENGTH = 64
"""Most tokens of a story: more are cut off."""
_WHOLE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class R8Data:
    """Stories as token ids, in three parts that share none.

    Parameters
    ----------
    pieces : WordPieces
        Learned from the part to train on.
    sentences : dict
        "train", "dev" and "test": a list of arrays of int.
    labels : dict
        By the same names: arrays of int.
    corpus : list of array of int
        The stories to train on, uncut and without [CLS] and [SEP].
    """

    pieces: WordPieces
    sentences: dict[str, list[NDArray[np.int64]]]
    labels: dict[str, NDArray[np.int64]]
    corpus: list[NDArray[np.int64]]

    @classmethod
    def of(cls, stories: Stories, asked: Stories, *, vocabulary: int, seed: int) -> R8Data:
        """Stories to train on, a tenth of them set apart to choose by, and those asked about.

        Parameters
        ----------
        stories, asked : Stories
        vocabulary : int
            Most word pieces.
        seed : int
            Of the split.
        """
        training, chosen_by = split(stories, DEV_SHARE, seed)
        pieces = WordPieces.learn(training.texts, vocabulary)
        parts = {"train": training, "dev": chosen_by, "test": asked}
        return cls(
            pieces=pieces,
            sentences={name: pieces.encode_all(p.texts, LENGTH) for name, p in parts.items()},
            labels={name: part.labels for name, part in parts.items()},
            corpus=[ids[1:-1] for ids in pieces.encode_all(training.texts, _WHOLE)],
        )
