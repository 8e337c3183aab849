"""Accuracy, passes, cycles and energy of a classifier against the threshold of its early exits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from alembert.config.machine import MachineConfig
from alembert_compiler.early_exit import TOLERANCE, choose_threshold
from alembert_compiler.image import Image
from numpy.typing import ArrayLike, NDArray

from .evaluation import Evaluation, evaluate
from .exit_costs import ExitCosts
from .nats import from_register, to_register

__all__ = ["THRESHOLDS", "Point", "Sweep", "check_thresholds", "choose", "sweep"]

THRESHOLDS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.4)
"""In nats; what is asked about unless something else is."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A test set at one threshold.

    Parameters
    ----------
    threshold : float
        In nats, as asked for.
    accuracy : float
        The share that is right.
    exits : tuple of int
        How many sentences ended with pass 1, 2, … P; those that ran to the end are in the last.
    mean_pass, mean_cycles, mean_energy : float
        Of a sentence; cycles by the cycle model, energy as the proxy in nanojoules.
    """

    threshold: float
    accuracy: float
    exits: tuple[int, ...]
    mean_pass: float
    mean_cycles: float
    mean_energy: float


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A test set at several thresholds.

    Parameters
    ----------
    points : tuple of Point
        The lowest threshold first.
    evaluation : Evaluation
        The run that all of them are taken from, at the lowest threshold.
    """

    points: tuple[Point, ...]
    evaluation: Evaluation


def check_thresholds(thresholds: Sequence[float]) -> tuple[float, ...]:
    """The thresholds, the lowest first.

    Raises
    ------
    ValueError
        There is none, one is out of its range, or two are the same number in the register.
    """
    if not len(thresholds):
        raise ValueError("there must be at least one threshold")
    known: dict[int, float] = {}
    for each in thresholds:
        level = to_register(each)
        if level in known:
            raise ValueError(
                f"thresholds must differ in the machine's register, not {known[level]:g} and "
                f"{each:g}"
            )
        known[level] = float(each)
    return tuple(known[level] for level in sorted(known))


def sweep(
    image: Image,
    machine: MachineConfig,
    sentences: Sequence[NDArray[np.int64]],
    labels: ArrayLike,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    run: Evaluation | None = None,
    costs: ExitCosts | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sweep:
    """A classifier's test set at every threshold, each bit for bit as the machine would have it.

    One run, at the lowest threshold, says it all: see :meth:`Evaluation.at`.

    Parameters
    ----------
    image : Image
        Of a classifier.
    machine : MachineConfig
        What the image is for.
    sentences : sequence of array of int
        Token ids.
    labels : array of int, [n]
        The right class of each.
    thresholds : sequence of float
        In nats, in any order.
    run : Evaluation, optional
        What the machine has said about these sentences already, at no higher threshold.
    costs : ExitCosts, optional
        Of the same image; keeps what it has predicted for the next sweep.
    workers : int, optional
        Threads; as many as there are cores otherwise.
    progress : callable, optional
        Told how much is done, and of how much: sentences, then their different lengths.

    Raises
    ------
    ValueError
        There are no sentences or thresholds, one is not what the image takes or out of its range,
        labels are not ints, one a sentence, the run is of another number of sentences or at a
        higher threshold, or there is no energy figure for the machine's formats.
    DeviceError
        The machine stopped with a fault.
    """
    asked = check_thresholds(thresholds)
    right = np.asarray(labels)
    if right.shape != (len(sentences),) or (right.size and right.dtype.kind not in "iu"):
        raise ValueError(
            f"labels must be {len(sentences)} ints, one a sentence, "
            f"not {right.dtype} {list(right.shape)}"
        )
    lengths = np.array([len(sentence) for sentence in sentences])
    distinct = np.unique(lengths)
    total = len(sentences) + len(distinct)

    def told(done: int) -> None:
        if progress is not None:
            progress(done, total)

    if run is None:
        run = evaluate(
            image, machine, sentences, threshold=asked[0], workers=workers, progress=told
        )
    elif len(run.passes) != len(sentences):
        raise ValueError(f"the run must be of {len(sentences)} sentences, not {len(run.passes)}")
    costs = costs or ExitCosts(image, machine)
    outcomes = [run.at(threshold) for threshold in asked]
    cycles, energy = np.zeros((2, len(asked)))
    # length by length: each is one prediction of the cycle model
    for done, length in enumerate(distinct, start=len(sentences) + 1):
        of_length = lengths == length
        for place, outcome in enumerate(outcomes):
            left = np.where(outcome.exited, outcome.passes, 0)[of_length]
            for exit_pass, count in enumerate(np.bincount(left)):
                if count:
                    cost = costs.of(int(length), exit_pass)
                    cycles[place] += count * cost.cycles
                    energy[place] += count * cost.energy
        told(done)
    return Sweep(
        points=tuple(
            Point(
                threshold=threshold,
                accuracy=outcome.accuracy(right),
                exits=tuple(
                    int(count)
                    for count in np.bincount(outcome.passes, minlength=image.passes + 1)[1:]
                ),
                mean_pass=float(outcome.passes.mean()),
                mean_cycles=float(cycles[place] / len(sentences)),
                mean_energy=float(energy[place] / len(sentences)),
            )
            for place, (threshold, outcome) in enumerate(zip(asked, outcomes))
        ),
        evaluation=run,
    )


def choose(
    evaluation: Evaluation,
    labels: ArrayLike,
    *,
    tolerance: float = TOLERANCE,
    grid: Sequence[float] | None = None,
) -> float:
    """The threshold with the earliest exits among those that cost at most ``tolerance``.

    :func:`alembert_compiler.early_exit.choose_threshold` on what the machine has stored, with
    thresholds as the register holds them.

    Parameters
    ----------
    evaluation : Evaluation
        Of a development set, not of what is asked about later.
    labels : array of int, [n]
    tolerance : float
        Share of right answers below the best of the grid that may be lost, 0…1.
    grid : sequence of float, optional
        Thresholds to choose from; otherwise those of 0.01, 0.02, … 2 nats that are no lower than
        the evaluation's.

    Raises
    ------
    ValueError
        ``tolerance`` is not between 0 and 1; the grid is empty, or a threshold in it is out of its
        range, a duplicate, or below the evaluation's.
    """
    least = evaluation.threshold
    if grid is None:
        grid = [
            step / 100 for step in range(1, 201) if to_register(step / 100) >= to_register(least)
        ]
    asked = check_thresholds(grid)
    held = [from_register(to_register(each)) for each in asked]
    if held[0] < least:
        raise ValueError(
            f"thresholds must be at least the {least:g} nats of the run, not {asked[0]:g}"
        )
    chosen = choose_threshold(
        evaluation.classes, evaluation.entropies, labels, tolerance=tolerance, grid=held
    )
    return asked[held.index(chosen)]
