"""Compiled models on the golden machine: stage by stage against float64, and against float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat
from alembert_compiler.calibrate import Calibration
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_quantised
from alembert_compiler.image import Image
from alembert_compiler.model import Model
from alembert_compiler.model_config import ModelConfig
from alembert_compiler.quantise_model import quantise_model
from alembert_compiler.quantised_model import QuantisedModel
from alembert_compiler.tensor_names import PARTS
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
from compiler.quantised_reference import QuantisedReference
from compiler.stage_checks import (
    check_classifier,
    check_embeddings,
    check_masked_head,
    check_pass,
)
from compiler.stage_trace import StageTrace
from numpy.typing import NDArray

TARGETS = [1, 12, 4]
CLASSES = 3
PASSES = CONFIG.num_hidden_layers


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model, its head, and how far its attention heads see."""

    config: ModelConfig
    is_masked: bool
    spans: tuple | None = None

    def model(self) -> Model:
        parts = PARTS[:2] if self.is_masked else (PARTS[0], *PARTS[2:4])
        return random_model(self.config, parts, classes=CLASSES)


CASES = {
    "albert": Case(config=CONFIG, is_masked=True),
    "albert_pooled_spans": Case(config=CONFIG, is_masked=False, spans=(0, 4)),
    "bert": Case(config=BERT, is_masked=True),
    "bert_pooled_spans": Case(config=BERT, is_masked=False, spans=((2, 0), (1, 13), (6, 3))),
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(scope="module")
def model(case: Case) -> Model:
    return case.model()


@pytest.fixture(scope="module")
def calibration(case: Case, model: Model) -> Calibration:
    return calibration_of(model, spans=case.spans)


RUNS = {name: (name, "static") for name in MACHINES} | {
    f"{name}_token": (name, "token") for name in ("edge16_int8", "ternary")
}
"""Machine, and how activations are scaled."""


@pytest.fixture(params=RUNS)
def quantised(
    request: pytest.FixtureRequest, case: Case, model: Model, calibration: Calibration
) -> QuantisedModel:
    classifier = None if case.is_masked else Classifier.of(model)
    machine, activations = RUNS[request.param]
    return quantise_model(
        model,
        calibration,
        MACHINES[machine],
        classifier=classifier,
        spans=case.spans,
        activations=activations,
    )


def _compile(quantised: QuantisedModel) -> tuple[Image, list[int]]:
    """Its image, and the tokens that its off-ramps look at."""
    targets = TARGETS if quantised.is_masked else []
    most = 5 if quantised.is_masked else 1
    return compile_quantised(quantised, max_length=16, max_targets=most, keep_hidden=True), targets


def test_every_stage_of_every_pass(quantised: QuantisedModel) -> None:
    """Each instruction's result from what the machine itself had before it: products exactly."""
    image, targets = _compile(quantised)
    seen = StageTrace(quantised.machine, image)
    run(quantised.machine, image, TOKENS, targets, trace=seen)
    reference = QuantisedReference(quantised)
    check_embeddings(seen[0], reference, TOKENS)
    x = seen[0]["first hidden states"]
    for index in range(PASSES):
        x = check_pass(seen[index], reference, index, x)
        if quantised.is_masked:
            check_masked_head(seen[index], reference, index, x[:, TARGETS])
        else:
            check_classifier(seen[index], reference, index, x[:, :1])


def test_machine_computes_the_model(case: Case, model: Model, quantised: QuantisedModel) -> None:
    """Each pass against one pass in float64 from the machine's own states before it, and all
    passes against float32."""
    machine, is_trained = quantised.machine, quantised.machine is not MACHINES["ternary"]
    image, targets = _compile(quantised)
    result = run(machine, image, TOKENS, targets)
    states = _hidden_integers(quantised, image, result.output)
    records = image.records(result.output, max(1, len(targets)))
    assert result.passes.tolist() == [PASSES] * len(TOKENS)
    assert not result.exited.any() and not records["exit"].any() and not records["fault"].any()
    reference = QuantisedReference(quantised)
    before = reference.embed(TOKENS)
    hidden = model.forward(TOKENS, spans=case.spans).hidden[1:]
    for index, scale in enumerate(image.hidden_scales):
        expected, found = reference.pass_(before, index), states[:, index]
        # a code of another rounding is a part in 32 or 127: not many, and none further off
        assert np.abs(found - expected).mean() * scale < 0.02
        assert np.abs(found - expected).max() * scale <= 0.25
        before = found.astype(np.float64)
        logits, real = _logits(reference, model, before, hidden[index], index)
        entropy = _entropies(logits)
        assert np.abs(records["entropy"][:, index] - entropy).max() < 0.03
        best = np.take_along_axis(logits, records["class"][:, index, :, None].astype(int), -1)
        assert (logits.max(axis=-1) - best[..., 0]).max() < 0.03
        if is_trained:  # a model that is made ternary afterwards is another
            error = 0.04 if machine is MACHINES["edge16_int8"] else 0.03
            assert np.abs(found * scale - hidden[index]).mean() < error * (1 + index)
            assert np.abs(logits - real).mean() < 0.06 * (1 + index)


def _logits(
    reference: QuantisedReference,
    model: Model,
    found: NDArray[np.float64],
    hidden: NDArray[np.float32],
    index: int,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """What the off-ramp makes of the machine's states, and float32 of its own: [batch, n, …]."""
    if reference.model.is_masked:
        return reference.logits(found[:, TARGETS], index) / 1024, model.logits(hidden[:, TARGETS])
    classes = model.class_logits(hidden)[:, np.newaxis]
    return reference.class_logits(found[:, :1], index) / 1024, classes


def _hidden_integers(
    quantised: QuantisedModel, image: Image, output: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """The kept hidden states [batch, passes, tokens, H], as integers that codes stand for."""
    codes = image.hidden_codes(output, TOKENS.shape[1])[..., : CONFIG.hidden_size]
    if not isinstance(quantised.machine.fmt, AdaptivFloatFormat):
        codes = codes.view(np.int8)
    return integers(codes.astype(np.int64), quantised.machine.fmt)


def _entropies(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    d = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(d).sum(axis=-1)
    return np.log(total) - (d * np.exp(d)).sum(axis=-1) / total
