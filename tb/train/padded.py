"""Sentences of the small model as one batch."""

from __future__ import annotations

import numpy as np
from alembert_train.batches import Batch, pad
from numpy.typing import NDArray
from train.small import sentences

__all__ = ["padded"]


def padded(count: int, *, only: NDArray[np.int64] | None = None) -> Batch:
    """So many sentences of :func:`train.small.sentences`, or only those at some places."""
    return pad(*sentences(count), np.arange(count) if only is None else only)
