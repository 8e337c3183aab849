"""Stories in place of Reuters R8's, which a small model learns in a second."""

from __future__ import annotations

import numpy as np
from alembert_text.reuters import CLASSES, Stories

__all__ = ["small_stories"]


def small_stories(count: int, seed: int) -> Stories:
    """A story of a class says its name, among other words."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(CLASSES), count)
    words = ["shares", "prices", "said", "mln", "the", "of"]
    texts = tuple(
        " ".join([CLASSES[label], *rng.choice(words, rng.integers(2, 9))]) for label in labels
    )
    return Stories(texts=texts, labels=labels)
