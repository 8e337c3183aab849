"""A classifier on the golden machine, over a whole test set."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from alembert.config.machine import MachineConfig
from alembert.config.registers import SATURATING
from alembert_compiler.early_exit import exit_passes
from alembert_compiler.image import Image
from alembert_golden.machine import Machine
from numpy.typing import ArrayLike, NDArray

from .errors import DeviceError
from .nats import from_register, to_register
from .saturation import Saturated, by_unit

__all__ = ["Evaluation", "evaluate"]

_BATCH = 256
"""Sentences of one length that are run at a time."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a machine says about n sentences.

    Parameters
    ----------
    threshold : float
        Nats below which sentences left, as the register holds it.
    predicted : array of int [n]
        Class after the pass that each left after.
    passes : array of int [n]
        How many each took.
    exited : array of bool [n]
        Whether it left below the threshold; otherwise it ran to the end.
    classes : array of int [P, n]
        Class after every pass; behind the last one that a sentence took, 0.
    entropies : array [P, n]
        Likewise, in nats.
    saturated : mapping of Unit to int
        Numbers of 16 bits that a unit cut to the ends of their range in the run, all sentences
        together.
    """

    threshold: float
    predicted: NDArray[np.int64]
    passes: NDArray[np.int64]
    exited: NDArray[np.bool_]
    classes: NDArray[np.int64]
    entropies: NDArray[np.float64]
    saturated: Saturated = field(default_factory=dict)

    def accuracy(self, labels: ArrayLike) -> float:
        """The share that is right."""
        return float((self.predicted == np.asarray(labels)).mean())

    def at(self, threshold: float) -> Evaluation:
        """What the machine says at a higher threshold, without another run; bit for bit.

        The comparator's test is S·(ln S − T) < W, in integers, and what it stores is
        H = ln S + ⌊−W/S⌋. As S is positive and T an integer, too, the test says
        T > ln S − W/S, which is T > H: a stored entropy decides as the comparator did, for every T.
        Nothing else of a run depends on T. A sentence that left below a lower threshold leaves
        below this one no later, so that all that is asked for here has been stored.

        Raises
        ------
        ValueError
            The threshold is out of its range, or below the one of the run.
        """
        nats = from_register(to_register(threshold))
        if nats < self.threshold:
            raise ValueError(
                f"threshold must be at least the {self.threshold:g} nats of the run, "
                f"not {threshold}"
            )
        passes = exit_passes(self.entropies, nats) + 1
        places = np.arange(len(passes))
        taken = np.arange(len(self.classes))[:, np.newaxis] < passes
        return Evaluation(
            threshold=nats,
            predicted=self.classes[passes - 1, places],
            passes=passes,
            exited=self.entropies[passes - 1, places] < nats,
            classes=np.where(taken, self.classes, 0),
            entropies=np.where(taken, self.entropies, 0.0),
            saturated=self.saturated,
        )


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
    saturated = np.zeros(len(SATURATING), np.int64)
    found = Evaluation(
        threshold=from_register(level),
        predicted=np.zeros(count, np.int64),
        passes=np.zeros(count, np.int64),
        exited=np.zeros(count, np.bool_),
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
            found.exited[places] = result.exited
            found.classes[:, places] = records["class"].T
            found.entropies[:, places] = records["entropy"].T
            saturated += result.saturated.sum(axis=0)
            done += len(places)
            if progress is not None:
                progress(done)
    return replace(found, saturated=by_unit(saturated))
