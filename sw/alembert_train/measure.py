"""What a trained model answers, in torch: accuracy after every pass, and with early exits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from alembert_compiler.early_exit import choose_threshold, early_exit, entropy
from numpy.typing import NDArray

from .albert import Albert
from .batches import pad

__all__ = ["Result", "logits_of", "measure"]

_BATCH = 128


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a trained model answers, in float32 but for its scheme.

    Parameters
    ----------
    threshold : float
        Nats, chosen on the development part.
    accuracy : dict of str to list of float
        By part ("dev", "test"): after every pass, in %.
    exit_accuracy, exit_pass : dict of str to float
        By part: with early exits at the threshold, in %; the mean pass.
    """

    threshold: float
    accuracy: dict[str, list[float]]
    exit_accuracy: dict[str, float]
    exit_pass: dict[str, float]


def logits_of(model: Albert, sentences: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Logits [P, n, classes] of sentences, in the order given.

    Raises
    ------
    ValueError
        There are no sentences.
    """
    order = np.array(sorted(range(len(sentences)), key=lambda place: len(sentences[place])))
    labels = np.zeros(len(sentences), np.int64)
    found: NDArray[np.float32] | None = None
    model.eval()
    with torch.no_grad():
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            batch = pad(sentences, labels, places)
            logits = model(batch.token_ids, batch.mask).logits.numpy()
            if found is None:
                found = np.empty((len(logits), len(sentences), logits.shape[-1]), np.float32)
            found[:, places] = logits
    if found is None:
        raise ValueError("there must be at least one sentence")
    return found


def measure(
    model: Albert,
    sentences: Mapping[str, Sequence[NDArray[np.int64]]],
    labels: Mapping[str, NDArray[np.int64]],
) -> Result:
    """Ask a model about the parts "dev" and "test"; the threshold is chosen on "dev" alone."""
    parts = {part: logits_of(model, sentences[part]) for part in ("dev", "test")}
    classes = {part: logits.argmax(axis=-1) for part, logits in parts.items()}
    entropies = {part: entropy(logits) for part, logits in parts.items()}
    threshold = choose_threshold(classes["dev"], entropies["dev"], labels["dev"])
    exits = {
        part: early_exit(classes[part], entropies[part], labels[part], threshold) for part in parts
    }
    return Result(
        threshold=threshold,
        accuracy={
            part: [100 * float(right) for right in (answers == labels[part]).mean(axis=-1)]
            for part, answers in classes.items()
        },
        exit_accuracy={part: 100 * right for part, (right, _) in exits.items()},
        exit_pass={part: mean for part, (_, mean) in exits.items()},
    )
