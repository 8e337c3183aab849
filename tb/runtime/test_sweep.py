"""A sweep is what a run at each threshold says, and what the cycle model says of each run."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from alembert.config.isa import Opcode
from alembert_compiler.cycles import Prediction, predict
from alembert_compiler.early_exit import choose_threshold
from alembert_compiler.image import Image
from alembert_golden.entropy import entropy
from alembert_runtime import DeviceError
from alembert_runtime.energy import count_work, estimate_energy
from alembert_runtime.evaluation import Evaluation, evaluate
from alembert_runtime.exit_costs import ExitCosts
from alembert_runtime.nats import to_register
from alembert_runtime.sweep import THRESHOLDS, check_thresholds, choose, sweep
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from runtime.models import CONFIG, MACHINE, classifier_image, masked_image, patched, pooled_image

RNG = np.random.default_rng(8)
SENTENCES = [RNG.integers(0, CONFIG.vocab_size, n) for n in (5, 3, 16, 5, 9, 16, 4, 9, 9)]
LABELS = RNG.integers(0, 5, len(SENTENCES))


@cache
def whole() -> Evaluation:
    return evaluate(classifier_image(), MACHINE, SENTENCES)


@cache
def predicted(length: int, exit_pass: int) -> Prediction:
    return predict(MACHINE, classifier_image(), length=length, exit_pass=exit_pass)


def boundaries() -> list[float]:
    """Thresholds that are an entropy stored, and the next numbers of the register."""
    stored = np.unique(whole().entropies)
    nearest = stored[[0, len(stored) // 3, len(stored) // 2, -1]]
    return [float(each + step / 65536) for each in nearest for step in (0, 1)]


def test_a_stored_entropy_decides_for_any_threshold() -> None:
    """At boundaries, where a run at the threshold could differ, and in every array."""
    tried = [0.0, *boundaries(), 0.3, 7.9]
    exits = set()
    for threshold in tried:
        again, derived = (
            evaluate(classifier_image(), MACHINE, SENTENCES, threshold=threshold),
            whole().at(threshold),
        )
        for name in ("predicted", "passes", "exited", "classes", "entropies", "threshold"):
            np.testing.assert_array_equal(getattr(derived, name), getattr(again, name), name)
        exits |= set(zip(again.passes.tolist(), again.exited.tolist()))
    assert {(1, True), (2, True), (3, True), (3, False)} <= exits


@settings(max_examples=60)
@given(
    logits=arrays(np.int64, (4, 5), elements=st.integers(-(1 << 19), (1 << 19) - 1)),
    near=arrays(np.int64, (4,), elements=st.integers(-1, 2)),
)
def test_the_comparator_compares_what_it_stores(logits: np.ndarray, near: np.ndarray) -> None:
    logits = np.concatenate([logits, logits >> 7, logits >> 10])
    stored = entropy(logits).entropy
    threshold = np.maximum(stored + np.tile(near, 3), 0)
    assert (entropy(logits, threshold).exit == (stored < threshold)).all()


def test_a_sweep_from_a_higher_threshold() -> None:
    """What a run has not stored is not needed."""
    low, *others = sorted(boundaries())[2:]
    run = evaluate(classifier_image(), MACHINE, SENTENCES, threshold=low)
    for threshold in others:
        assert (run.at(threshold).passes == whole().at(threshold).passes).all()
        assert (run.at(threshold).predicted == whole().at(threshold).predicted).all()
    message = f"threshold must be at least the {low:g} nats of the run, not 0.0"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        run.at(0.0)


@pytest.mark.parametrize("make", [classifier_image, pooled_image])
def test_costs_are_those_of_a_prediction(make) -> None:
    image: Image = make()
    costs = ExitCosts(image, MACHINE)
    for length in (7, 1, 16):
        for exit_pass in range(image.passes + 1):
            run = predict(MACHINE, image, length=length, exit_pass=exit_pass)
            cost = costs.of(length, exit_pass)
            assert cost.cycles == run.cycles
            assert cost.energy == estimate_energy(MACHINE, count_work(MACHINE, run)).total


@pytest.mark.parametrize("exit_pass", [-1, 4])
def test_costs_of_a_pass_that_is_none(exit_pass: int) -> None:
    costs = ExitCosts(classifier_image(), MACHINE)
    with pytest.raises(ValueError, match=f"^exit pass must be between 0 and 3, not {exit_pass}$"):
        costs.of(5, exit_pass)


def test_points_are_means_over_runs() -> None:
    image = classifier_image()
    tried = [0.0, *boundaries()[2:]]
    told: list[tuple[int, int]] = []
    found = sweep(
        image,
        MACHINE,
        SENTENCES,
        LABELS,
        tried[::-1],
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == sorted(told)
    assert told[-1] == (14, 14)  # nine sentences, five lengths
    assert [point.threshold for point in found.points] == sorted(tried)
    for point in found.points:
        run = evaluate(image, MACHINE, SENTENCES, threshold=point.threshold)
        runs = [
            predicted(len(sentence), int(number) * bool(left))
            for sentence, number, left in zip(SENTENCES, run.passes, run.exited)
        ]
        assert point.accuracy == run.accuracy(LABELS)
        assert point.mean_pass == run.passes.mean()
        assert point.exits == tuple(int((run.passes == number).sum()) for number in (1, 2, 3))
        assert point.mean_cycles == sum(each.cycles for each in runs) / len(runs)
        energies = [estimate_energy(MACHINE, count_work(MACHINE, each)).total for each in runs]
        assert point.mean_energy == pytest.approx(np.mean(energies), rel=1e-12)
    assert found.points[0].mean_cycles > found.points[-1].mean_cycles


def test_a_run_that_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same points, and the machine does not run again."""
    image, thresholds = classifier_image(), (0.3, 1.5)
    wanted = sweep(image, MACHINE, SENTENCES, LABELS, thresholds)
    run = whole()
    monkeypatch.setattr("alembert_runtime.sweep.evaluate", None)
    found = sweep(image, MACHINE, SENTENCES, LABELS, thresholds, run=run)
    assert found.points == wanted.points and found.evaluation is run
    with pytest.raises(ValueError, match=r"^the run must be of 8 sentences, not 9$"):
        sweep(image, MACHINE, SENTENCES[:8], LABELS[:8], thresholds, run=run)
    with pytest.raises(ValueError, match=r"^threshold must be at least the 1\.5 nats of the run"):
        sweep(image, MACHINE, SENTENCES, LABELS, thresholds, run=run.at(1.5))


def test_the_chosen_threshold_is_the_compilers_choice() -> None:
    run = whole()
    grid = [0.2, 0.01, 1.0, 0.5, 1.5]
    chosen = choose(run, LABELS, tolerance=0.25, grid=grid)
    held = [to_register(each) / 65536 for each in sorted(grid)]
    expected = choose_threshold(run.classes, run.entropies, LABELS, tolerance=0.25, grid=held)
    assert chosen == sorted(grid)[held.index(expected)]
    best = max(run.at(each).accuracy(LABELS) for each in grid)
    assert run.at(chosen).accuracy(LABELS) >= best - 0.25
    assert (
        choose(run, LABELS, tolerance=1.0)
        == min((run.at(step / 100).passes.mean(), step / 100) for step in range(1, 201))[1]
    )
    later = run.at(0.4)
    assert choose(later, LABELS, tolerance=1.0) >= 0.4
    with pytest.raises(ValueError, match=r"^thresholds must be at least the 0.399994 nats of the "):
        choose(later, LABELS, grid=[0.3, 0.5])
    with pytest.raises(ValueError, match=r"^tolerance must be between 0 and 1, not 2$"):
        choose(run, LABELS, tolerance=2)


def test_a_choice_is_by_the_registers_numbers() -> None:
    """0.01 nats is 655.36 steps, 655 in the register: an entropy of 655 does not leave."""
    entropies = np.array([[655], [100]]) / 65536
    run = Evaluation(
        threshold=0.0,
        predicted=np.array([1]),
        passes=np.array([2]),
        exited=np.array([False]),
        classes=np.ones((2, 1), np.int64),
        entropies=entropies,
    )
    assert run.at(0.01).passes.tolist() == [2]
    assert choose(run, [1], grid=[0.005, 0.01]) == 0.005
    assert choose(run, [1], grid=[0.005, 0.01, 0.02]) == 0.02


def test_default_thresholds() -> None:
    assert check_thresholds(THRESHOLDS) == THRESHOLDS


REFUSED = {
    "none": ((), "there must be at least one threshold"),
    "negative": ((0.1, -0.5), "threshold must be between 0 and 7.99998 nats, not -0.5"),
    "large": ((8.0,), "threshold must be between 0 and 7.99998 nats, not 8.0"),
    "nan": ((float("nan"),), "threshold must be between 0 and 7.99998 nats, not nan"),
    "infinite": ((float("inf"),), "threshold must be between 0 and 7.99998 nats, not inf"),
    "twice": ((0.1, 0.2, 0.1), "thresholds must differ in the machine's register, not 0.1 and 0.1"),
    "same": (
        (0.1, 0.100001),
        "thresholds must differ in the machine's register, not 0.1 and 0.100001",
    ),
}


@pytest.mark.parametrize(("thresholds", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_thresholds(thresholds: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        sweep(classifier_image(), MACHINE, SENTENCES, LABELS, thresholds)


@pytest.mark.parametrize(
    ("labels", "given"),
    [(LABELS[1:], "int64 [8]"), (LABELS / 2, "float64 [9]"), (LABELS[None], "int64 [1, 9]")],
)
def test_bad_labels(labels: np.ndarray, given: str) -> None:
    message = re.escape(f"labels must be 9 ints, one a sentence, not {given}")
    with pytest.raises(ValueError, match=f"^{message}$"):
        sweep(classifier_image(), MACHINE, SENTENCES, labels)


def test_bad_sentences() -> None:
    with pytest.raises(ValueError, match=r"^there must be at least one sentence$"):
        sweep(classifier_image(), MACHINE, [], np.zeros(0, np.int64))
    with pytest.raises(ValueError, match=r"^there must be 1…16 token ids, not 17$"):
        sweep(classifier_image(), MACHINE, [np.zeros(17, np.int64)], [0])
    with pytest.raises(ValueError, match=r"^there must be 1…5 targets, not 0$"):
        sweep(masked_image(), MACHINE, SENTENCES, LABELS)
    broken, _ = patched(classifier_image(), Opcode.GATHER, index_limit=1)
    with pytest.raises(DeviceError, match=r"^a run of 3 tokens was stopped: "):
        sweep(broken, MACHINE, SENTENCES, LABELS)
