"""Off-ramps learned after the model: what it answers at its end is not changed by them.

Source: Xin et al., DeeBERT, arXiv 2004.12993, section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .albert import Albert
from .objective import joint_cross_entropy, last_cross_entropy, of_labels
from .settings import Settings
from .trainer import Epoch, train

__all__ = ["train_two_stages"]


def train_two_stages(
    model: Albert,
    sentences: Sequence[NDArray[np.int64]],
    labels: NDArray[np.int64],
    first: Settings,
    second: Settings,
    *,
    keep: Path | None = None,
    after_step: Callable[[int, int], None] | None = None,
    after_epoch: Callable[[Epoch], None] | None = None,
) -> tuple[list[Epoch], list[Epoch]]:
    """Train all but the earlier off-ramps by the last one's answers, then these alone.

    Parameters
    ----------
    model : Albert
        Of two or more passes.
    sentences, labels, after_step, after_epoch
        See :func:`alembert_train.trainer.train`.
    first, second : Settings
        Of the stages; both run every pass in every step.
    keep : Path, optional
        Files of this name with ``.1`` and ``.2`` behind it are gone on from.

    Returns
    -------
    tuple of two lists of Epoch
        Of the stages.

    Raises
    ------
    ValueError
        A stage has shallow steps, or the model a single pass; what
        :func:`alembert_train.trainer.train` raises besides.
    """
    if first.shallow or second.shallow:
        raise ValueError("stages must run every pass in every step: shallow must be 0")
    if len(model.off_ramps) < 2:
        raise ValueError("a model of a single pass has no earlier off-ramps")
    files = [None if keep is None else keep.with_name(f"{keep.name}.{n}") for n in (1, 2)]
    stages = []
    for settings, file, measure, is_second in (
        (first, files[0], last_cross_entropy, False),
        (second, files[1], joint_cross_entropy, True),
    ):
        with _learning(model, earlier=is_second):
            stages.append(
                train(
                    model,
                    sentences,
                    labels,
                    settings,
                    keep=file,
                    loss=of_labels(measure),
                    after_step=after_step,
                    after_epoch=after_epoch,
                )
            )
    return stages[0], stages[1]


@contextmanager
def _learning(model: Albert, *, earlier: bool) -> Iterator[None]:
    """Only the off-ramps before the last one need gradients, or only all else."""
    early = {id(own) for own in model.off_ramps[:-1].parameters()}
    for own in model.parameters():
        own.requires_grad = (id(own) in early) == earlier
    try:
        yield
    finally:
        for own in model.parameters():
            own.requires_grad = True
