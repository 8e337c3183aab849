"""Sentences of different lengths as batches, in an order that a seed and an epoch decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Batch", "batches", "pad"]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B sentences, padded to the longest.

    Parameters
    ----------
    token_ids : Tensor of int [B, T]
    mask : Tensor of bool [B, T]
        False where a token is padding.
    labels : Tensor of int [B]
    """

    token_ids: Tensor
    mask: Tensor
    labels: Tensor


def pad(sentences: Sequence[NDArray[np.int64]], labels: NDArray[np.int64]) -> Batch:
    """A batch of sentences; padding is token 0."""
    longest = max(map(len, sentences))
    token_ids = torch.zeros(len(sentences), longest, dtype=torch.long)
    mask = torch.zeros(len(sentences), longest, dtype=torch.bool)
    for row, sentence in enumerate(sentences):
        token_ids[row, : len(sentence)] = torch.from_numpy(sentence)
        mask[row, : len(sentence)] = True
    return Batch(token_ids=token_ids, mask=mask, labels=torch.from_numpy(labels))


def batches(
    sentences: Sequence[NDArray[np.int64]],
    labels: NDArray[np.int64],
    size: int,
    *,
    seed: int,
    epoch: int,
) -> Iterator[Batch]:
    """All sentences once, shuffled; the last batch may be smaller."""
    order = np.random.default_rng([seed, epoch]).permutation(len(sentences))
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        yield pad([sentences[place] for place in chosen], labels[chosen])
