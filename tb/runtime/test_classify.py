"""Sentences classified: the golden machine's answers, a probability, cycles; and on Verilog."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from alembert.config.isa import Opcode
from alembert.config.presets import PRESETS
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_model
from alembert_compiler.cycles import predict
from alembert_compiler.image import Image
from alembert_runtime import DeviceError, GoldenDevice, IncompatibleError, Session
from alembert_runtime.classify import WRITE_ANSWER, Classification, classify
from alembert_runtime.energy import count_work, estimate_energy
from alembert_runtime.evaluation import evaluate
from alembert_runtime.fit import require_machine
from compiler.compiled_models import CONFIG, calibration_of, random_model
from numpy.typing import NDArray
from runtime.conftest import MakeDevice
from runtime.models import (
    MACHINE,
    MEMORY,
    TOKENS,
    classifier_image,
    masked_image,
    patched,
    pooled_image,
)

SENTENCES = [TOKENS[0], TOKENS[1, :5], TOKENS[2, :9], np.arange(16), TOKENS[3, :1]]


def middle(image: Image) -> float:
    """A threshold by which some sentences leave early, and some do not."""
    lowest = np.sort(evaluate(image, MACHINE, SENTENCES, workers=1).entropies.min(axis=0))
    return float(lowest[1:3].mean())


@cache
def two_classes() -> Image:
    model, rng = random_model(), np.random.default_rng(4)
    layers = [(rng.normal(size=(CONFIG.hidden_size, 2)) / 3, rng.normal(size=2)) for _ in range(3)]
    return compile_model(
        model, MACHINE, calibration_of(model), max_length=16, head=Classifier(layers)
    )


def entropy_of_two(p: float) -> float:
    return float(-p * np.log(p) - (1 - p) * np.log(1 - p)) if p < 1 else 0.0


@pytest.mark.parametrize("image", [classifier_image, pooled_image, two_classes])
@pytest.mark.parametrize("threshold", [0.0, 0.6])
def test_answers_are_those_of_a_session(image, threshold: float) -> None:
    found = list(classify(image(), MACHINE, SENTENCES, threshold=threshold))
    with Session(GoldenDevice(MACHINE, memory=MEMORY), image()) as session:
        for sentence, each in zip(SENTENCES, found):
            answer = session.run(sentence, threshold=threshold)
            assert each.predicted_class == answer.predicted_class
            assert (each.entropy, each.passes) == (answer.entropy, answer.passes)
            assert each.exited == answer.exited and each.is_golden and not each.is_measured


@pytest.mark.parametrize("threshold", [0.0, 0.6])
def test_probabilities_are_those_of_the_entropies(threshold: float) -> None:
    """Of two classes one follows from the other; of more there are bounds. 0.005 is entropy's."""
    seen = set()
    for each in classify(two_classes(), MACHINE, SENTENCES, threshold=threshold):
        assert each.probability >= 0.5
        assert entropy_of_two(each.probability) == pytest.approx(each.entropy, abs=0.005)
        seen.add(each.passes)
    for image in (classifier_image(), pooled_image()):
        for each in classify(image, MACHINE, SENTENCES, threshold=threshold):
            least = entropy_of_two(each.probability)
            most = least + (1 - each.probability) * np.log(4)
            assert least - 0.005 <= each.entropy <= most + 0.005
            seen.add(each.passes)
    assert len(seen) > 1 or not threshold


def test_cycles_and_energy_are_predicted() -> None:
    image = classifier_image()
    found = list(classify(image, MACHINE, SENTENCES, threshold=middle(image)))
    assert {each.exited for each in found} == {True, False}
    for sentence, each in zip(SENTENCES, found):
        run = predict(
            MACHINE,
            image,
            length=len(sentence),
            exit_pass=each.passes if each.exited else 0,
            answer=WRITE_ANSWER,
        )
        assert len(run.passes) == each.passes
        assert each.cycles == run.cycles
        assert each.energy == estimate_energy(MACHINE, count_work(MACHINE, run))


def test_on_verilog(simulated: MakeDevice) -> None:
    """The same, but for cycles: they are measured, within 2 % of those predicted."""
    image, begun = classifier_image(), list[int]()
    level = middle(image)
    golden = list(classify(image, MACHINE, SENTENCES, threshold=level))
    found = list(
        classify(
            *(image, MACHINE, SENTENCES), threshold=level, device=simulated(), begin=begun.append
        )
    )
    assert begun == list(range(len(SENTENCES)))
    for expected, each in zip(golden, found):
        assert each.is_measured and each.is_golden
        assert abs(each.cycles - expected.cycles) <= 0.02 * each.cycles
        assert each.energy.arrays == expected.energy.arrays
        assert each.energy.scratchpad == expected.energy.scratchpad
        assert each.energy.memory == pytest.approx(expected.energy.memory, rel=0.02)
        assert each == replace(expected, cycles=each.cycles, energy=each.energy, is_measured=True)


class _Liar(GoldenDevice):
    """Stores a byte that is wrong."""

    place = 0

    def read_memory(self, address: int, size: int) -> NDArray[np.uint8]:
        content = super().read_memory(address, size)
        if size == classifier_image().output_words * MACHINE.word_bytes:
            content[self.place] ^= 1
        return content


@pytest.mark.parametrize("place", [0, 4, -1])
def test_what_differs_is_told(place: int) -> None:
    device = _Liar(MACHINE, memory=MEMORY)
    device.place = place
    (found,) = classify(classifier_image(), MACHINE, SENTENCES[:1], threshold=0.0, device=device)
    assert not found.is_golden and not found.is_measured


def test_another_threshold_differs() -> None:
    """A device that leaves after another pass."""
    level = middle(classifier_image())

    class Early(GoldenDevice):
        def write(self, offset: int, value: int) -> None:
            super().write(offset, 0x7FFFF if value == round(level * 65536) else value)

    device = Early(MACHINE, memory=MEMORY)
    found: list[Classification] = list(
        classify(classifier_image(), MACHINE, SENTENCES, threshold=level, device=device)
    )
    assert {each.is_golden for each in found} == {each.passes == 1 for each in found}
    assert not all(each.is_golden for each in found)


def test_what_is_refused_before_anything_runs() -> None:
    sentence = SENTENCES[:1]
    with pytest.raises(ValueError, match=r"^threshold must be between 0 and 7\.99998 nats, not 8$"):
        classify(classifier_image(), MACHINE, sentence, threshold=8)
    with pytest.raises(ValueError) as caught:
        classify(masked_image(), MACHINE, sentence, threshold=0.5)
    assert str(caught.value) == (
        "the image must be a classifier's, not one of a masked-language head"
    )
    with pytest.raises(IncompatibleError) as other:
        classify(classifier_image(), PRESETS["edge16"].machine, sentence, threshold=0.5)
    assert str(other.value) == "the image is for a machine with word width 32, not with 128"
    larger = replace(MACHINE, longest_row=128)
    require_machine(larger, classifier_image())


def test_sentences_and_runs_that_do_not_do() -> None:
    with pytest.raises(ValueError, match=r"^there must be 1…16 token ids, not 17$"):
        list(classify(classifier_image(), MACHINE, [np.zeros(17, int)], threshold=0.5))
    broken, _ = patched(classifier_image(), Opcode.GATHER, index_limit=1)
    with pytest.raises(DeviceError, match=r"^a run of 13 tokens was stopped: "):
        list(classify(broken, MACHINE, SENTENCES, threshold=0.5))
