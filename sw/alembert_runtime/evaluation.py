"""A classifier on the golden machine, over a whole test set."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from alembert.config.machine import MachineConfig
from alembert_compiler.image import Image
from alembert_golden.machine import Machine
from numpy.typing import NDArray

from .errors import DeviceError
from .nats import to_register

__all__ = ["Evaluation", "evaluate"]

_BATCH = 256
"""Sentences of one length that are run at a time."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a machine says about n sentences.

    Parameters
    ----------
    predicted : array of int [n]
        Class after the pass that each left after.
    passes : array of int [n]
        How many each took.
    classes : array of int [P, n]
        Class after every pass; behind the last one that a sentence took, 0.
    entropies : array [P, n]
        Likewise, in nats.
    """

    predicted: NDArray[np.int64]
    passes: NDArray[np.int64]
    classes: NDArray[np.int64]
    entropies: NDArray[np.float64]

    def accuracy(self, labels: NDArray[np.int64]) -> float:
        """The share that is right."""
        return float((self.predicted == labels).mean())


def evaluate(
    image: Image,
    machine: MachineConfig,
    sentences: Sequence[NDArray[np.int64]],
    *,
    threshold: float = 0.0,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Run a classifier on sentences of any lengths, bit for bit as the machine would.

    Parameters
    ----------
    image : Image
        Of a classifier.
    machine : MachineConfig
        What the image is for.
    sentences : sequence of array of int
        Token ids.
    threshold : float
        Nats below which a sentence leaves; 0: none does.
    workers : int, optional
        Threads; as many as there are cores otherwise.
    progress : callable, optional
        Told how many sentences are done.

    Raises
    ------
    ValueError
        There are no sentences, one is not what the image takes, or a threshold out of its range.
    DeviceError
        The machine stopped with a fault.
    """
    if not len(sentences):
        raise ValueError("there must be at least one sentence")
    level = to_register(threshold)
    golden = Machine(machine)
    count, passes = len(sentences), image.passes
    found = Evaluation(
        predicted=np.zeros(count, np.int64),
        passes=np.zeros(count, np.int64),
        classes=np.zeros((passes, count), np.int64),
        entropies=np.zeros((passes, count)),
    )
    lengths = np.array([len(sentence) for sentence in sentences])
    done = 0
    for length in np.unique(lengths):
        of_length = np.nonzero(lengths == length)[0]
        for start in range(0, len(of_length), _BATCH):
            places = of_length[start : start + _BATCH]
            result = golden.run(
                image.data,
                image.input_bytes(np.stack([sentences[place] for place in places])),
                program=image.program,
                length=int(length),
                targets=1,
                threshold=level,
                output_bytes=image.output_words * image.word_bytes,
                scratch_bytes=image.scratch_words * image.word_bytes,
                workers=workers or os.cpu_count() or 1,
            )
            if reason := next(filter(None, result.reason), ""):
                raise DeviceError(f"a run of {length} tokens was stopped: {reason}")
            records = image.records(result.output, 1)[..., 0]
            found.predicted[places] = result.predicted_class
            found.passes[places] = result.passes
            found.classes[:, places] = records["class"].T
            found.entropies[:, places] = records["entropy"].T
            done += len(places)
            if progress is not None:
                progress(done)
    return found
