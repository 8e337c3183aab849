"""Heads and spans that the compiler refuses, each with the rule and the number that breaks it."""

from __future__ import annotations

import numpy as np
import pytest
from alembert_compiler.calibrate import Calibration, calibrate
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_model
from alembert_compiler.errors import CompileError
from alembert_compiler.model import Model
from alembert_compiler.tensor_names import PARTS
from compiler.compiled_models import BERT, MACHINES, TOKENS, calibration_of, random_model

EDGE16 = MACHINES["edge16"]


@pytest.fixture(scope="module")
def model() -> Model:
    return random_model()


@pytest.fixture(scope="module")
def calibration(model: Model) -> Calibration:
    return calibration_of(model)


def message(
    model: Model, calibration: Calibration, head: str | Classifier, max_targets: int = 1
) -> str:
    with pytest.raises(CompileError) as caught:
        compile_model(model, EDGE16, calibration, max_length=8, max_targets=max_targets, head=head)
    return str(caught.value)


def test_heads(model: Model, calibration: Calibration) -> None:
    assert message(model, calibration, head="pooler") == (
        "head must be 'mlm', 'classifier' or a Classifier, not 'pooler'"
    )
    narrow = Classifier([(np.zeros((16, 3)), np.zeros(3))])
    assert message(model, calibration, head=narrow) == (
        "a classifier's layers must take the 32 values of a hidden state, not 16"
    )
    layer = (np.zeros((32, 3)), np.zeros(3))
    assert message(model, calibration, head=Classifier([layer] * 2)) == (
        "there must be one classifier, or one for each of the 3 passes, not 2"
    )
    assert message(model, calibration, head=Classifier([layer]), max_targets=2) == (
        "max_targets must be between 1 and 1, not 2"
    )
    none = Classifier([(np.zeros((32, 0)), np.zeros(0))])
    assert message(model, calibration, head=none) == ("an off-ramp must have 1…1024 classes, not 0")
    pooler = (np.zeros((32, 32)), np.zeros(32))
    assert message(model, calibration, head=Classifier([layer], [pooler] * 2)) == (
        "there must be one pooler, or one for each of the 3 passes, not 2"
    )
    short = Classifier([layer], [(np.zeros((16, 32)), np.zeros(32))])
    assert message(model, calibration, head=short) == (
        "a classifier's layers must take the 32 values of a hidden state, not 16"
    )
    long = Classifier(
        [(np.zeros((1040, 3)), np.zeros(3))], [(np.zeros((32, 1040)), np.zeros(1040))]
    )
    assert message(model, calibration, head=long) == (
        "a pooler must have at most the 1024 values of the longest row, not 1040"
    )


@pytest.mark.parametrize(
    ("parts", "head", "expected"),
    [
        (PARTS[:4], "mlm", None),
        (PARTS[:4], "classifier", None),
        (PARTS[:1], "mlm", "the checkpoint has no masked-language head"),
        (PARTS[:2], "classifier", "the checkpoint has no classifier"),
        ((PARTS[0], PARTS[2]), "classifier", "the checkpoint has no classifier"),
        ((PARTS[0], *PARTS[2:4]), "mlm", "the checkpoint has no masked-language head"),
    ],
)
def test_heads_that_a_checkpoint_has(
    parts: tuple[str, ...], head: str, expected: str | None
) -> None:
    model = random_model(BERT, parts)
    calibration = calibration_of(model)
    assert model.parts == parts
    if expected is not None:
        assert message(model, calibration, head=head) == expected
        return
    image = compile_model(model, EDGE16, calibration, max_length=8, head=head)
    assert (image.targets is None) == (head == "classifier")
    assert ("the pooler's tanh" in image.notes) == (head == "classifier")


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([1], "spans must be of shape (2,) or (3, 2), not (1,)"),
        ([[1, 2]], "spans must be of shape (2,) or (3, 2), not (1, 2)"),
        ([1, 22], "spans must be between 0 and 21, not 1…22"),
        ([-1, 3], "spans must be between 0 and 21, not -1…3"),
        ([1.0, 2.0], "spans must be ints, not float64"),
        ([0, 4], "spans must be those of the calibration, not ((0, 4), (0, 4), (0, 4))"),
    ],
)
def test_spans(spans: list, expected: str) -> None:
    model = random_model(BERT)
    calibration = calibration_of(model)
    with pytest.raises(CompileError) as caught:
        compile_model(model, EDGE16, calibration, max_length=8, spans=spans)
    assert str(caught.value) == expected
    if "calibration" in expected:
        return
    for call in (model.forward, lambda ids, **options: calibrate(model, [ids], **options)):
        with pytest.raises(CompileError) as caught:
            call(TOKENS, spans=spans)
        assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("layers", "options", "expected"),
    [
        ([], {}, "a classifier must have at least one layer"),
        (
            [(np.zeros((4, 3)), np.zeros(3))],
            {"poolers": [(np.zeros((8, 5)), np.zeros(5))]},
            "a classifier's layers must take the 5 values of its poolers, not 4",
        ),
        (
            [(np.zeros((4, 3)), np.zeros(3))],
            {"poolers": [(np.zeros((8, 4)), np.zeros(5))]},
            "a classifier's poolers must all be [width, pooled] and [pooled], not (8, 4) and (5,)",
        ),
        (
            [(np.zeros((4, 3)), np.zeros(2))],
            {},
            "a classifier's layers must all be [width, classes] and [classes], not (4, 3) and (2,)",
        ),
        (
            [(np.full((4, 2), np.nan), np.zeros(2))],
            {},
            "a classifier's layers hold NaN or infinity",
        ),
    ],
)
def test_classifiers(layers: list, options: dict, expected: str) -> None:
    with pytest.raises(CompileError) as caught:
        Classifier(layers, **options)
    assert str(caught.value) == expected


def test_off_ramps_of_a_checkpoint_go_before_its_classifier() -> None:
    model = random_model(BERT, PARTS, classes=3)
    assert len(model.off_ramps) == BERT.num_hidden_layers
    found = Classifier.of(model)
    assert (len(found.layers), found.poolers) == (BERT.num_hidden_layers, ())
    for (weights, bias), off_ramp in zip(found.layers, model.off_ramps):
        np.testing.assert_array_equal(weights, off_ramp.weight.T)
        np.testing.assert_array_equal(bias, off_ramp.bias)
    image = compile_model(model, EDGE16, calibration_of(model), max_length=8, head="classifier")
    assert "the pooler's tanh" not in image.notes


def test_off_ramps_must_all_be_there() -> None:
    model = random_model(BERT, (PARTS[0], PARTS[4]))
    tensors: dict[str, np.ndarray] = {}
    model.map_tensors(tensors.setdefault)
    del tensors["off_ramps.1.bias"]
    with pytest.raises(ValueError, match=r"^checkpoint lacks off_ramps.1.bias$"):
        Model(BERT, tensors)
