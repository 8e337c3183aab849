"""Sentences of different lengths as batches, in an order that a seed and an epoch decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from alembert_text.word_pieces import SPECIAL
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Batch", "batches", "hide_words", "pad"]

_POOL = 16
"""Batches that are filled together, by length, so that little is padding."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B sentences, padded to the longest.

    Parameters
    ----------
    token_ids : Tensor of int [B, T]
    mask : Tensor of bool [B, T]
        False where a token is padding.
    labels : Tensor of int [B]
    places : Tensor of int [B]
        Which of all sentences they are.
    """

    token_ids: Tensor
    mask: Tensor
    labels: Tensor
    places: Tensor


def pad(
    sentences: Sequence[NDArray[np.int64]], labels: NDArray[np.int64], places: NDArray[np.int64]
) -> Batch:
    """The batch of some sentences, and of their labels; padding is token 0."""
    longest = max(len(sentences[place]) for place in places)
    token_ids = torch.zeros(len(places), longest, dtype=torch.long)
    mask = torch.zeros(len(places), longest, dtype=torch.bool)
    for row, place in enumerate(places):
        sentence = sentences[place]
        token_ids[row, : len(sentence)] = torch.from_numpy(sentence)
        mask[row, : len(sentence)] = True
    return Batch(
        token_ids=token_ids,
        mask=mask,
        labels=torch.from_numpy(labels[places]),
        places=torch.from_numpy(places),
    )


def batches(
    sentences: Sequence[NDArray[np.int64]],
    labels: NDArray[np.int64],
    size: int,
    *,
    seed: int,
    epoch: int,
) -> Iterator[Batch]:
    """All sentences once, shuffled, those of a batch of about one length; some may be smaller.

    Sentences are shuffled, sorted by length within pools of sixteen batches, and the batches
    shuffled again.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(sentences))
    lengths = np.array([len(sentence) for sentence in sentences])
    found: list[NDArray[np.int64]] = []
    for start in range(0, len(order), _POOL * size):
        pool = order[start : start + _POOL * size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        found += [pool[first : first + size] for first in range(0, len(pool), size)]
    for number in rng.permutation(len(found)):
        yield pad(sentences, labels, found[number])


def hide_words(batch: Batch, share: float) -> Batch:
    """A share of a batch's words behind [MASK], by torch's generator; special pieces stay.

    A classifier that may not rely on any single word learns to use all of them (dropout of words:
    Iyyer et al., ACL 2015, P15-1162, section 4).
    """
    is_word = batch.mask & (batch.token_ids >= len(SPECIAL))
    hidden = is_word & (torch.rand(batch.token_ids.shape) < share)
    return replace(batch, token_ids=batch.token_ids.masked_fill(hidden, SPECIAL.index("[MASK]")))
