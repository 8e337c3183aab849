"""Numbers far larger or smaller than most: their scales are chosen so that answers stay right."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from alembert.config import PRESETS
from alembert_compiler.calibrate import calibrate
from alembert_compiler.compile import compile_model
from alembert_compiler.errors import SaturationWarning
from alembert_compiler.image import Image
from alembert_compiler.linear_layer import LinearInput, quantise_linear
from alembert_compiler.model import Model
from alembert_compiler.quantise_model import quantise_model
from alembert_compiler.tensor_names import PARTS
from alembert_compiler.wide_range import range_shift
from alembert_golden.matrix_unit import matmul
from compiler.bert_oracle import bert_tensors
from compiler.compiled_models import BERT, MACHINES, calibration_of, random_model, run
from numpy.typing import NDArray

NAT = 65536
CONFIG = replace(BERT, vocab_size=60, num_hidden_layers=2)
SENTENCES = np.random.default_rng(9).integers(0, 50, (40, 9))
"""Of 50 of the 60 words."""

Tensors = dict[str, NDArray[np.float32]]


def tensors(seed: int = 1) -> Tensors:
    """A BERT with a classifier of three classes, as large as trained ones' tensors are."""
    rng = np.random.default_rng(seed)
    found = bert_tensors(
        rng,
        vocabulary=CONFIG.vocab_size,
        width=CONFIG.hidden_size,
        ffn=CONFIG.intermediate_size,
        layers=CONFIG.num_hidden_layers,
        positions=CONFIG.max_position_embeddings,
        classes=3,
    )
    for name, values in found.items():
        if name.endswith("LayerNorm.weight"):
            values[:] = 1 + 0.1 * values
        elif values.ndim == 2:
            values *= 0.5 if "embeddings" in name else 1.5 / math.sqrt(values.shape[1])
        else:
            values *= 0.1
    return found


def model_of(given: Tensors) -> Model:
    return Model(CONFIG, given)


def image_of(given: Tensors, machine: str = "edge16_int8", sentences=SENTENCES) -> Image:
    model = model_of(given)
    return compile_model(
        model,
        MACHINES[machine],
        calibrate(model, [sentences]),
        max_length=sentences.shape[1],
        head="classifier",
    )


def exact_logits(given: Tensors, sentences: NDArray = SENTENCES) -> NDArray[np.float64]:
    """By the float32 model, which test_bert.py holds to float64; its classifier in float64."""
    first = model_of(given).forward(sentences).hidden[-1][:, 0].astype(np.float64)
    weight, bias = given["bert.pooler.dense.weight"], given["bert.pooler.dense.bias"]
    pooled = np.tanh(first @ weight.T + bias)
    return pooled @ given["classifier.weight"].T.astype(np.float64) + given["classifier.bias"]


def agreement(
    given: Tensors, machine: str = "edge16_int8", sentences: NDArray = SENTENCES
) -> float:
    """Share of sentences of which a machine says the class that float64 says."""
    image = image_of(given, machine, sentences)
    found = run(MACHINES[machine], image, sentences).predicted_class
    return float((found == exact_logits(given, sentences).argmax(axis=1)).mean())


@pytest.mark.parametrize("machine", ["tiny", "edge16_int8"])
@pytest.mark.parametrize("biases", [(40, 50, 0), (-40, -50, -90), (400, 500, 0)])
def test_large_logits(machine: str, biases: tuple[int, ...]) -> None:
    """The largest is the class, and the entropy is of their differences: no tie at the end."""
    given = tensors()
    given["classifier.bias"][:] = biases
    image = image_of(given, machine)
    (test,) = [each for each in image.program_code[-6:] if each.opcode.name == "ENTROPY"]
    assert test["a_shift"] == (5 if max(biases) > 100 else 2)
    result = run(MACHINES[machine], image, SENTENCES)
    logits = exact_logits(given)
    assert (result.predicted_class == logits.argmax(axis=1)).all()
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = powers / powers.sum(axis=1, keepdims=True)
    exact = -np.sum(p * np.log(p, where=p > 0, out=np.zeros_like(p)), axis=1)
    assert np.abs(result.entropy / NAT - exact).max() < 0.1


@pytest.mark.parametrize("machine", ["tiny", "edge16_int8"])
def test_large_scores(machine: str) -> None:
    """Queries of a head 30 times as large: its scores reach beyond ±64."""
    given = tensors()
    size = CONFIG.head_size
    for part in ("weight", "bias"):
        given[f"bert.encoder.layer.0.attention.self.query.{part}"][:size] *= 30
    image = image_of(given, machine)
    shifts = [each["a_shift"] for each in image.program_code if each.opcode.name == "SOFTMAX"]
    assert shifts[0] >= 2 and shifts[1:] == [0] * (len(shifts) - 1)
    assert agreement(given, machine) >= 0.9


@pytest.mark.parametrize("machine", ["tiny", "edge16", "edge16_int8"])
def test_large_inputs_of_gelu(machine: str) -> None:
    """A neuron whose sums reach beyond 16, where GELU is the identity."""
    given = tensors()
    for part in ("weight", "bias"):
        given[f"bert.encoder.layer.1.intermediate.dense.{part}"][:8] *= 12
    given["bert.encoder.layer.1.output.dense.weight"][:, :8] /= 12
    image = image_of(given, machine)
    shifts = [each["a_shift"] for each in image.program_code if each.opcode.name == "GELU"]
    assert max(shifts) == 2 and min(shifts) == 0
    assert agreement(given, machine) >= 0.9


@pytest.mark.parametrize("table", ["word", "position"])
def test_a_row_that_never_occurs_takes_no_resolution(table: str) -> None:
    """A word, or a position, that no sentence has, 100 times as large as the others."""
    given = tensors()
    before = agreement(given)
    name = f"bert.embeddings.{table}_embeddings.weight"
    given[name][{"word": 55, "position": 20}[table]] *= 100
    with pytest.warns(SaturationWarning, match=f"^{table} embeddings: 1 of [0-9]+ rows,"):
        after = agreement(given)
    assert before >= 0.9 and after == before


def test_a_large_row_that_occurs_is_kept() -> None:
    """What the calibration has seen is not clamped."""
    given = tensors()
    given["bert.embeddings.word_embeddings.weight"][7] *= 4
    model = model_of(given)
    quantised = quantise_model(model, calibrate(model, [SENTENCES]), MACHINES["edge16_int8"])
    reached = quantised.words[7] * quantised.scales["words"][0]
    assert np.abs(reached / model.word_embeddings[7] - 1).max() < 0.6
    assert np.abs(reached).max() > 0.9 * np.abs(model.word_embeddings[7]).max()


LAYERS = [
    "bert.encoder.layer.0.attention.self.query",
    "bert.encoder.layer.0.attention.self.value",
    "bert.encoder.layer.0.attention.output.dense",
    "bert.encoder.layer.1.intermediate.dense",
    "bert.encoder.layer.1.output.dense",
    "bert.pooler.dense",
    "classifier",
]


@pytest.mark.parametrize("weight", [1e-8, 1e-20, 1e-38])
@pytest.mark.parametrize("bias", [0.0, 0.2, -3.0])
@pytest.mark.parametrize("machine", MACHINES)
def test_a_nearly_dead_channel_gives_its_bias(machine: str, bias: float, weight: float) -> None:
    """Weights that are nothing beside an ordinary bias, as weight decay leaves them."""
    array = MACHINES[machine].main
    rng = np.random.default_rng(4)
    weights, biases = rng.normal(size=(24, 5)), np.full(5, 0.1)
    weights[:, 2], biases[2] = rng.normal(0, weight, 24), bias
    inputs = LinearInput(scale=np.full(24, 0.03125), mean=np.full(24, 0.5))
    layer = quantise_linear("a layer", weights, biases, inputs, array, fraction=11)
    codes = np.full((3, 24), 16)
    found = matmul(codes, layer.codes, layer.parameters, array)
    # a ternary matrix has one scale, in which its biases are rounded
    bound = max(2**-11, layer.unit[2] / 2)
    assert bound < 0.03 and (np.abs(found[:, 2] / 2048 - bias) <= bound + 2**-11).all()


@pytest.mark.parametrize("name", LAYERS)
def test_models_with_dead_channels_compile(name: str) -> None:
    """In any layer, on machines of every format; answers stay float64's."""
    given = tensors()
    given[f"{name}.weight"][1] = np.random.default_rng(1).normal(
        0, 1e-9, given[f"{name}.weight"].shape[1]
    )
    given[f"{name}.bias"][1] = 0.2
    for machine in MACHINES:
        image = image_of(given, machine)
        found = run(MACHINES[machine], image, SENTENCES).predicted_class
        if machine != "ternary":
            assert (found == exact_logits(given).argmax(axis=1)).mean() >= 0.9


def test_what_saturates_at_every_scale_is_warned_of() -> None:
    """By layer, and by channel, head or class."""
    given = tensors()
    given["classifier.bias"][:] = 9000, 0, 0
    with pytest.warns(SaturationWarning) as caught:
        image_of(given)
    (message,) = [str(each.message) for each in caught]
    assert message.startswith(
        "logits of classifier 0 saturate at ±4096: 1 of 3 reach further in the calibration, "
        "class 0 ±900"
    )


def test_ordinary_models_keep_all_their_fraction_bits() -> None:
    """And nothing is warned of: warnings are errors here."""
    model = random_model(BERT, PARTS[:4], classes=5)
    image = compile_model(
        model, PRESETS["tiny"].machine, calibration_of(model), max_length=9, head="classifier"
    )
    shifts = {each.operands.get("a_shift", 0) for each in image.program_code}
    assert shifts == {0}


@pytest.mark.parametrize(
    ("largest", "shift"), [(0, 0), (31.99, 0), (32, 1), (51, 1), (51.3, 2), (3276, 7), (1e9, 7)]
)
def test_shifts_leave_a_margin_once_there_is_one(largest: float, shift: int) -> None:
    assert range_shift(largest, 10, 7) == shift
