"""Heads of one output: the value of every pass, against float64 and through an image's file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_model
from alembert_compiler.errors import CompileError
from alembert_compiler.image import Image
from alembert_compiler.model import Model
from alembert_compiler.quantise_model import quantise_model
from alembert_compiler.tensor_names import PARTS
from alembert_runtime import GoldenDevice, Session
from compiler.compiled_models import (
    BERT,
    CONFIG,
    MACHINES,
    TOKENS,
    calibration_of,
    random_model,
    run,
)

POOLED = (PARTS[0], *PARTS[2:4])


def regressor(kind: str, scale: float = 1.0) -> Model:
    """Of a BERT behind its pooler, or of an ALBERT without one."""
    config, parts = (BERT, POOLED) if kind == "bert" else (CONFIG, (PARTS[0], PARTS[3]))
    model = random_model(config, parts, classes=1)
    return model.map_tensors(lambda name, x: x * scale if name.startswith("classifier.") else x)


def image_of(model: Model, machine: str) -> Image:
    calibration = calibration_of(model)
    return compile_model(
        model, MACHINES[machine], calibration, max_length=13, head="classifier", keep_hidden=True
    )


@pytest.mark.parametrize("scale", [1.0, 300.0])
@pytest.mark.parametrize("machine", ["tiny", "edge16_int8"])
@pytest.mark.parametrize("kind", ["bert", "albert"])
def test_values_are_the_models(kind: str, machine: str, scale: float) -> None:
    """As far as the codes of hidden states are; however large, and never an early exit."""
    model = regressor(kind, scale)
    image = image_of(model, machine)
    result = run(MACHINES[machine], image, TOKENS, threshold=7.0)
    assert (result.passes == CONFIG.num_hidden_layers).all()
    values = image.outputs(result.output)
    wanted = [model.class_logits(states)[..., 0] for states in model.forward(TOKENS).hidden[1:]]
    reach = np.abs(model.tensors["classifier.weight"]).sum()
    np.testing.assert_allclose(values, np.stack(wanted, axis=-1), rtol=0, atol=0.02 * reach)
    assert np.corrcoef(values.ravel(), np.ravel(np.stack(wanted, axis=-1)))[0, 1] > 0.99


def test_a_value_is_the_exact_sum_of_codes() -> None:
    """But for half of its last bit, from the hidden states that the machine kept."""
    model, machine = regressor("albert"), MACHINES["edge16_int8"]
    image = image_of(model, "edge16_int8")
    output = run(machine, image, TOKENS).output
    quantised = quantise_model(
        model, calibration_of(model), machine, classifier=Classifier.of(model)
    )
    head = quantised.off_ramps[0].classifier
    assert head is not None and head.fraction is not None
    states = image.hidden_codes(output, 13)[:, :, 0].view(np.int8).astype(np.int64)
    exact = ((states @ head.codes + head.parameters.bias) * head.unit)[..., 0]
    away = np.abs(image.outputs(output) - exact) * 2.0**head.fraction
    assert away.max() <= 0.5 + 2**-10


def test_a_session_answers_with_values(tmp_path: Path) -> None:
    model = regressor("bert")
    image_of(model, "tiny").save(tmp_path / "x.image")
    image = Image.load(tmp_path / "x.image")
    with Session(GoldenDevice(MACHINES["tiny"]), image) as session:
        answer = session.run(TOKENS[0], threshold=1.0)
        few = session.run(TOKENS[0], max_passes=2)
    together = run(MACHINES["tiny"], image, TOKENS[:1])
    assert list(answer.values) == image.outputs(together.output)[0].tolist()
    assert (answer.passes, answer.exited, answer.entropy) == (3, False, 0.0)
    assert few.values == answer.values[:2]


def test_a_model_with_classes_has_none() -> None:
    model = random_model(replace(BERT), POOLED, classes=2)
    image = image_of(model, "tiny")
    assert image.values == ()
    with pytest.raises(CompileError, match=r"^the model has classes: its off-ramps leave records"):
        image.outputs(np.zeros(64, np.uint8))
