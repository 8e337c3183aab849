"""Compiled models on the golden machine: exits, room, classifiers, files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat
from alembert.config.isa import Opcode
from alembert.config.machine import MachineConfig
from alembert_compiler.calibrate import Calibration
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_model, compile_quantised
from alembert_compiler.errors import CompileError
from alembert_compiler.image import Image
from alembert_compiler.model import Model
from alembert_compiler.model_config import ModelConfig
from alembert_compiler.quantise_model import quantise_model
from alembert_golden.vmac import integers
from compiler.compiled_models import (
    BERT,
    CONFIG,
    MACHINES,
    TOKENS,
    calibration_of,
    random_model,
    run,
)
from numpy.typing import NDArray

TARGETS = [1, 12, 4]


@pytest.fixture(scope="module")
def model() -> Model:
    return random_model()


@pytest.fixture(scope="module")
def calibration(model: Model) -> Calibration:
    return calibration_of(model)


def hidden_integers(
    machine: MachineConfig, image: Image, output: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """The kept hidden states [batch, passes, tokens, H], as integers that codes stand for."""
    codes = image.hidden_codes(output, TOKENS.shape[1])[..., : CONFIG.hidden_size]
    if not isinstance(machine.fmt, AdaptivFloatFormat):
        codes = codes.view(np.int8)
    return integers(codes.astype(np.int64), machine.fmt)


def _entropies(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    d = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(d).sum(axis=-1)
    return np.log(total) - (d * np.exp(d)).sum(axis=-1) / total


@pytest.mark.parametrize("config", [CONFIG, BERT], ids=["albert", "bert"])
def test_early_exit_and_limits_of_passes(config: ModelConfig) -> None:
    machine, model = MACHINES["tiny"], random_model(config)
    image = compile_model(model, machine, calibration_of(model), max_length=13, max_targets=2)
    everything = run(machine, image, TOKENS, TARGETS[:2])
    records = image.records(everything.output, 2)
    # two of the four sentences fall below it in some pass
    threshold = float(np.sort(records["entropy"].max(axis=-1).min(axis=1))[1:3].mean())
    leaving = run(machine, image, TOKENS, TARGETS[:2], threshold=threshold)
    below = (records["entropy"] < threshold).all(axis=-1)
    expected = np.where(np.any(below, axis=1), below.argmax(axis=1) + 1, CONFIG.num_hidden_layers)
    assert leaving.passes.tolist() == expected.tolist()
    assert leaving.exited.tolist() == np.any(below, axis=1).tolist()
    assert leaving.exited.any() and not leaving.exited.all()
    for sentence, passes in enumerate(expected):
        found = image.records(leaving.output[sentence], 2)["class"][:passes]
        np.testing.assert_array_equal(found, records["class"][sentence, :passes])
    assert run(machine, image, TOKENS, TARGETS[:2], max_passes=2).passes.tolist() == [2] * 4


def test_results_do_not_depend_on_what_else_fits(model: Model, calibration: Calibration) -> None:
    """Less room, longer sentences at most, other targets: the same hidden states."""
    machine = MACHINES["edge16"]
    quantised = quantise_model(model, calibration, machine)
    states, sizes = [], []
    for words, longest, targets in ((8192, 21, 3), (8192, 13, 1), (416, 21, 2), (400, 21, 2)):
        small = replace(machine, scratchpad=replace(machine.scratchpad, words=words))
        image = compile_quantised(
            replace(quantised, machine=small),
            max_length=longest,
            max_targets=targets,
            keep_hidden=True,
        )
        assert image.scratchpad_words <= words
        sizes.append(image.scratchpad_words)
        result = run(small, image, TOKENS, [0] * targets)
        states.append(hidden_integers(machine, image, result.output))
    assert sizes[0] > sizes[2] > sizes[3]
    for other in states[1:]:
        np.testing.assert_array_equal(other, states[0])
    small = replace(machine, scratchpad=replace(machine.scratchpad, words=392))
    with pytest.raises(CompileError) as caught:
        compile_quantised(replace(quantised, machine=small), max_length=21, max_targets=2)
    assert str(caught.value) == (
        "the model needs 394 words of scratchpad for 21 tokens and 2 targets; the machine has 392, "
        "room for 20 tokens"
    )


@pytest.mark.parametrize("poolers", [0, 1, CONFIG.num_hidden_layers])
@pytest.mark.parametrize("count", [1, CONFIG.num_hidden_layers])
@pytest.mark.parametrize("config", [CONFIG, BERT], ids=["albert", "bert"])
def test_classifiers(config: ModelConfig, count: int, poolers: int) -> None:
    """One for all passes of one layer is a loop; all else is a longer program."""
    machine, model, passes = MACHINES["edge16"], random_model(config), config.num_hidden_layers
    rng = np.random.default_rng(8)
    layers, pooling = (
        [(rng.normal(size=(32, n)) * size, rng.normal(size=n)) for _ in range(num)]
        for num, n, size in ((count, 5, 1.0), (poolers, 32, 0.2))
    )
    image = compile_model(
        model,
        machine,
        calibration_of(model),
        max_length=16,
        head=Classifier(layers, pooling),
        keep_hidden=True,
    )
    is_loop = config is CONFIG and max(count, poolers) == 1
    opcodes = [each.opcode for each in image.program_code]
    assert opcodes.count(Opcode.LOOP) == (1 if is_loop else passes - 1)
    assert opcodes.count(Opcode.ENTROPY) == (1 if is_loop else passes)
    assert opcodes.count(Opcode.TANH) == (opcodes.count(Opcode.ENTROPY) if poolers else 0)
    result = run(machine, image, TOKENS)
    states = hidden_integers(machine, image, result.output)
    states = states * np.array(image.hidden_scales)[:, np.newaxis, np.newaxis]
    records = image.records(result.output, 1)[..., 0]
    assert result.passes.tolist() == [passes] * len(TOKENS)
    for index in range(passes):
        first = states[:, index, 0]
        if poolers:
            weights, bias = pooling[index % poolers]
            first = np.tanh(first @ weights + bias)
        weights, bias = layers[index % count]
        logits = first @ weights + bias
        best = np.take_along_axis(logits, records["class"][:, index, None].astype(int), -1)
        assert (logits.max(axis=-1) - best[:, 0]).max() < 0.5  # weights of eight bits
        assert np.abs(records["entropy"][:, index] - _entropies(logits)).max() < 0.3
    assert run(machine, image, TOKENS, max_passes=2).passes.tolist() == [2] * len(TOKENS)
    at_once = run(machine, image, TOKENS, threshold=7.9)
    assert at_once.passes.tolist() == [1] * len(TOKENS) and at_once.exited.all()


def test_listing(model: Model, calibration: Calibration) -> None:
    image = compile_model(model, MACHINES["tiny"], calibration, max_length=8)
    lines = image.listing.splitlines()
    assert len(lines) == image.instructions == len(image.notes)
    assert lines[-1] == "halt  # end"
    notes = list(image.notes)
    start = notes.index("scores of head 0")
    assert notes[start : start + 6] == [
        "scores of head 0",
        "scores of head 1",
        "probabilities of head 0",
        "probabilities of head 1",
        "context of head 0",
        "context of head 1",
    ]
