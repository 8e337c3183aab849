"""What the compiler refuses, each with the rule and the number that breaks it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from alembert.config.machine import MachineConfig
from alembert_compiler.albert import Albert
from alembert_compiler.albert_config import AlbertConfig
from alembert_compiler.calibrate import Calibration
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_albert
from alembert_compiler.errors import CompileError
from compiler.compiled_albert import CONFIG, MACHINES, TOKENS, calibration_of, random_albert

EDGE16 = MACHINES["edge16"]


@pytest.fixture(scope="module")
def model() -> Albert:
    return random_albert()


@pytest.fixture(scope="module")
def calibration(model: Albert) -> Calibration:
    return calibration_of(model)


def message(
    model: Albert,
    machine: MachineConfig,
    calibration: Calibration,
    max_length: int = 8,
    max_targets: int = 1,
    head: str | Classifier = "mlm",
) -> str:
    with pytest.raises(CompileError) as caught:
        compile_albert(
            model, machine, calibration, max_length=max_length, max_targets=max_targets, head=head
        )
    return str(caught.value)


def changed(**fields) -> AlbertConfig:
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
            changed(hidden_act="gelu_new"),
            EDGE16,
            "the machine's activation is 'gelu', the model's 'gelu_new'",
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
    ],
)
def test_models_that_a_machine_cannot_run(
    config: AlbertConfig, machine: MachineConfig, expected: str
) -> None:
    model = random_albert(config)
    assert message(model, machine, calibration_of(model)) == expected


def test_sizes(model: Albert, calibration: Calibration) -> None:
    for length in (0, 22):
        assert message(model, EDGE16, calibration, max_length=length) == (
            f"max_length must be between 1 and 21, not {length}"
        )
    for targets in (0, 9):
        assert message(model, EDGE16, calibration, max_targets=targets) == (
            f"max_targets must be between 1 and 8, not {targets}"
        )


def test_heads(model: Albert, calibration: Calibration) -> None:
    assert message(model, EDGE16, calibration, head="pooler") == (
        "head must be 'mlm' or a Classifier, not 'pooler'"
    )
    narrow = Classifier([(np.zeros((16, 3)), np.zeros(3))])
    assert message(model, EDGE16, calibration, head=narrow) == (
        "a classifier's layers must take the 32 values of a hidden state, not 16"
    )
    layer = (np.zeros((32, 3)), np.zeros(3))
    assert message(model, EDGE16, calibration, head=Classifier([layer] * 2)) == (
        "there must be one classifier, or one for each of the 3 passes, not 2"
    )
    assert message(model, EDGE16, calibration, head=Classifier([layer]), max_targets=2) == (
        "max_targets must be between 1 and 1, not 2"
    )
    single = Classifier([(np.zeros((32, 1)), np.zeros(1))])
    assert message(model, EDGE16, calibration, head=single) == (
        "an off-ramp must have 2…1024 classes, not 1"
    )


@pytest.mark.parametrize(
    ("layers", "options", "expected"),
    [
        ([], {}, "a classifier must have at least one layer"),
        (
            [(np.zeros((4, 3)), np.zeros(3))],
            {"pooler": "tanh"},
            "a classifier's pooler must be None, for the machine has no tanh",
        ),
        (
            [(np.zeros((4, 3)), np.zeros(2))],
            {},
            "a classifier's layers must all be [width, classes] and [classes], not (4, 3) and (2,)",
        ),
        (
            [(np.full((4, 2), np.nan), np.zeros(2))],
            {},
            "a classifier's layer holds NaN or infinity",
        ),
    ],
)
def test_classifiers(layers: list, options: dict, expected: str) -> None:
    with pytest.raises(CompileError) as caught:
        Classifier(layers, **options)
    assert str(caught.value) == expected


def test_inputs(model: Albert, calibration: Calibration) -> None:
    image = compile_albert(model, EDGE16, calibration, max_length=8, max_targets=2)
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
    classifier = compile_albert(model, EDGE16, calibration, max_length=8, head=Classifier([layer]))
    assert classifier.scratch_words == 0
    with pytest.raises(CompileError) as caught:
        classifier.input_bytes([1, 2], [0])
    assert str(caught.value) == "a classifier looks at token 0 alone, not at 1 targets"
