"""What the compiler refuses, each with the rule and the number that breaks it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from alembert.config.machine import MachineConfig
from alembert_compiler.calibrate import Calibration
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_model
from alembert_compiler.errors import CompileError
from alembert_compiler.model import Model
from alembert_compiler.model_config import ModelConfig
from compiler.compiled_models import BERT, CONFIG, MACHINES, TOKENS, calibration_of, random_model

EDGE16 = MACHINES["edge16"]


@pytest.fixture(scope="module")
def model() -> Model:
    return random_model()


@pytest.fixture(scope="module")
def calibration(model: Model) -> Calibration:
    return calibration_of(model)


def message(
    model: Model,
    machine: MachineConfig,
    calibration: Calibration,
    max_length: int = 8,
    max_targets: int = 1,
) -> str:
    with pytest.raises(CompileError) as caught:
        compile_model(model, machine, calibration, max_length=max_length, max_targets=max_targets)
    return str(caught.value)


def changed(**fields) -> ModelConfig:
    return replace(CONFIG, **fields)


@pytest.mark.parametrize(
    ("config", "machine", "expected"),
    [
        (
            changed(num_attention_heads=4),
            EDGE16,
            "the size of an attention head must be a multiple of 16, whole words that the array "
            "reads side by side, not 8",
        ),
        (
            CONFIG,
            replace(EDGE16, main=replace(EDGE16.main, vmacs=8)),
            "the main array must have 16 VMACs, as many as a word has codes, to write values as "
            "columns, not 8",
        ),
        (
            CONFIG,
            replace(EDGE16, longest_row=31),
            "hidden_size must be at most the 31 values of the longest row, not 32",
        ),
        (
            CONFIG,
            replace(EDGE16, max_classes=22),
            "an off-ramp must have 2…22 classes, not 23",
        ),
        (
            CONFIG,
            replace(
                EDGE16,
                main=replace(EDGE16.main, vmac=replace(EDGE16.main.vmac, max_depth=40)),
            ),
            "the second feed-forward layer sums 52 products, the machine's accumulators 40 at most",
        ),
        (
            BERT,
            replace(
                EDGE16,
                main=replace(EDGE16.main, vmac=replace(EDGE16.main.vmac, max_depth=40)),
            ),
            "the second feed-forward layer of layer 1 sums 52 products, the machine's accumulators "
            "40 at most",
        ),
    ],
)
def test_models_that_a_machine_cannot_run(
    config: ModelConfig, machine: MachineConfig, expected: str
) -> None:
    model = random_model(config)
    assert message(model, machine, calibration_of(model)) == expected


def test_sizes(model: Model, calibration: Calibration) -> None:
    for length in (0, 22):
        assert message(model, EDGE16, calibration, max_length=length) == (
            f"max_length must be between 1 and 21, not {length}"
        )
    for targets in (0, 9):
        assert message(model, EDGE16, calibration, max_targets=targets) == (
            f"max_targets must be between 1 and 8, not {targets}"
        )


def test_activations(model: Model, calibration: Calibration) -> None:
    integers = MACHINES["edge16_int8"]
    for machine, activations, expected in (
        (integers, "row", "activations must be 'static' or 'token', not 'row'"),
        (
            EDGE16,
            "token",
            "activations are scaled token by token where codes are INT8, not AdaptivFloat<8,3>",
        ),
        (
            replace(integers, longest_row=51),
            "token",
            "intermediate_size must be at most the 51 values of the longest row to be scaled token "
            "by token, not 52",
        ),
    ):
        with pytest.raises(CompileError) as caught:
            compile_model(model, machine, calibration, max_length=8, activations=activations)
        assert str(caught.value) == expected


def test_inputs(model: Model, calibration: Calibration) -> None:
    image = compile_model(model, EDGE16, calibration, max_length=8, max_targets=2)
    region = image.input_bytes([[1, 2, 3]], [[2, 0]])
    assert region.shape == (1, image.input_words * 16) == (1, 48)
    assert region.view("<u4").tolist() == [[1, 2, 3, 0, 0, 0, 0, 0, 2, 0, 0, 0]]
    ids = TOKENS[:, :4]
    for tokens, targets, expected in (
        (TOKENS, [[0]] * 4, "there must be 1…8 token ids, not 13"),
        (ids, np.zeros((4, 0), int), "there must be 1…2 targets, not 0"),
        (ids, [[0, 4]] * 4, "targets must be ints between 0 and 3, not 0…4"),
        (ids * 0 + 23, [[0]] * 4, "token ids must be ints between 0 and 22, not 23…23"),
        (ids * 0.5, [[0]] * 4, "token ids must be ints between 0 and 22, not 1.0…11.0"),
    ):
        with pytest.raises(CompileError) as caught:
            image.input_bytes(tokens, targets)
        assert str(caught.value).startswith(expected[:40])
    with pytest.raises(CompileError, match=r"^the image keeps no hidden states$"):
        image.hidden_codes(np.zeros((1, 64), np.uint8), 4)
    layer = (np.zeros((32, 3)), np.zeros(3))
    classifier = compile_model(model, EDGE16, calibration, max_length=8, head=Classifier([layer]))
    assert classifier.scratch_words == 0
    with pytest.raises(CompileError) as caught:
        classifier.input_bytes([1, 2], [0])
    assert str(caught.value) == "a classifier looks at token 0 alone, not at 1 targets"
