"""A test set at once is what a session says of each sentence."""

from __future__ import annotations

import numpy as np
import pytest
from alembert.config.isa import Opcode, Unit
from alembert_compiler.calibrate import calibrate
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_model
from alembert_compiler.early_exit import exit_passes
from alembert_compiler.image import Image
from alembert_runtime import DeviceError, Session
from alembert_runtime.evaluation import evaluate
from alembert_runtime.golden import GoldenDevice
from compiler.compiled_models import random_model
from runtime.models import CONFIG, MACHINE, patched

RNG = np.random.default_rng(8)
SENTENCES = [RNG.integers(0, CONFIG.vocab_size, n) for n in (5, 3, 8, 5, 5, 8, 4)]
LABELS = RNG.integers(0, 3, len(SENTENCES))


@pytest.fixture(scope="module")
def image() -> Image:
    model = random_model(CONFIG)
    heads = [
        (RNG.normal(size=(CONFIG.hidden_size, 3)), RNG.normal(size=3))
        for _ in range(CONFIG.num_hidden_layers)
    ]
    calibration = calibrate(model, SENTENCES)
    return compile_model(model, MACHINE, calibration, max_length=8, head=Classifier(heads))


@pytest.mark.parametrize("threshold", [0.0, 0.4])
def test_each_sentence_is_as_in_a_session(image: Image, threshold: float) -> None:
    done: list[int] = []
    found = evaluate(image, MACHINE, SENTENCES, threshold=threshold, progress=done.append)
    assert done[-1] == len(SENTENCES)
    with Session(GoldenDevice(MACHINE), image) as session:
        for n, sentence in enumerate(SENTENCES):
            answer = session.run(sentence, threshold=threshold)
            assert found.predicted[n] == answer.predicted_class
            assert found.passes[n] == answer.passes
            for index, (record,) in enumerate(answer.records):
                assert found.classes[index, n] == record.predicted_class
                assert found.entropies[index, n] == record.entropy
    assert found.accuracy(LABELS) == (found.predicted == LABELS).mean()


def test_saturated_results_of_all_sentences(image: Image) -> None:
    loud, _ = patched(image, Opcode.LAYERNORM, b_multiplier=0xFFFF, shift=0)
    found = evaluate(loud, MACHINE, SENTENCES).saturated
    with Session(GoldenDevice(MACHINE), loud) as session:
        answers = [session.run(sentence).saturated for sentence in SENTENCES]
    assert found == {unit: sum(each[unit] for each in answers) for unit in found}
    assert found[Unit.SPECIAL] > 10 and found[Unit.MATRIX] == 0


def test_exits_are_those_of_the_recorded_entropies(image: Image) -> None:
    whole = evaluate(image, MACHINE, SENTENCES)
    assert (whole.passes == image.passes).all()
    left = evaluate(image, MACHINE, SENTENCES, threshold=0.4, workers=1)
    assert len(set(left.passes)) > 1, "the threshold lets some leave early, and not all"
    assert (exit_passes(whole.entropies, 0.4) + 1 == left.passes).all()


def test_nothing_to_evaluate(image: Image) -> None:
    with pytest.raises(ValueError, match=r"^there must be at least one sentence$"):
        evaluate(image, MACHINE, [])


@pytest.mark.parametrize("threshold", [-0.1, float("nan"), 8.0])
def test_a_threshold_out_of_range(image: Image, threshold: float) -> None:
    message = f"^threshold must be between 0 and 7.99998 nats, not {threshold}$"
    with pytest.raises(ValueError, match=message):
        evaluate(image, MACHINE, SENTENCES, threshold=threshold)


def test_a_fault_is_told(image: Image) -> None:
    broken, _ = patched(image, Opcode.GATHER, index_limit=1)
    with pytest.raises(DeviceError, match=r"^a run of 3 tokens was stopped: "):
        evaluate(broken, MACHINE, SENTENCES)
