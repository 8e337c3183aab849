"""Weights that a checkpoint gives as codes: all of them are in the image, at their scale."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat, FormatPair, IntegerFormat, TernaryFormat
from alembert.config.isa import Opcode
from alembert.config.machine import MachineConfig
from alembert_compiler.classifier import Classifier
from alembert_compiler.coded_weight import CodedWeight
from alembert_compiler.compile import compile_model
from alembert_compiler.errors import CompileError
from alembert_compiler.image import Image
from alembert_compiler.layer import Dense
from alembert_compiler.linear_layer import LinearInput, quantise_linear
from alembert_compiler.load_model import load_model
from alembert_compiler.model import Model
from alembert_compiler.quantise_model import quantise_model
from alembert_compiler.weights import Weights
from alembert_golden.ternary import absmean
from alembert_golden.weights_layout import linear_words, unpack_linear
from compiler.coded_models import coded_tensors, float_tensors
from compiler.compiled_models import BERT, CONFIG, MACHINES, TOKENS, calibration_of, run
from compiler.test_compile import hidden_integers
from compiler.test_load_model import safetensors
from numpy.typing import NDArray

LAYER = "albert.encoder.albert_layer_groups.0.albert_layers.0"


def matrices(image: Image, machine: MachineConfig) -> list[NDArray[np.int64]]:
    """The weights of every LINEAR of the program, unpacked from where it reads them; once each,
    and slices of columns joined."""
    found: dict[int, NDArray[np.int64]] = {}
    whole, seen = 0, set()
    for each, note in zip(image.program_code, image.notes):
        if each.opcode is not Opcode.LINEAR or each["memory_offset"] in seen:
            continue
        depth, columns, start = each["depth"], each["columns"], each["memory_offset"]
        end = start + linear_words(depth, columns, machine.main, machine)
        content = bytes(image.data[start * image.word_bytes : end * image.word_bytes])
        codes = unpack_linear(content, depth, columns, machine.main, machine)[0]
        seen.add(start)
        if re.search(r"(columns|sums) from [1-9]", note):
            found[whole] = np.concatenate([found[whole], codes], axis=1)
        else:
            found[start], whole = codes, start
    return list(found.values())


def denses(model: Model) -> list[Dense]:
    """The linear layers in the order of the program."""
    layer = model.layers[0]
    found = [layer.query, layer.key, layer.value, layer.attention_dense, layer.ffn]
    mapping = [] if model.mapping is None else [model.mapping]
    return [*mapping, *found, layer.ffn_output, *model.off_ramps]


@pytest.mark.parametrize(
    ("machine", "largest", "per_channel"),
    [
        ("ternary", 1, False),
        ("ternary", 1, True),
        ("edge16_int8", 1, False),
        ("edge16_int8", 7, True),
        ("edge16_int8", 127, False),
    ],
)
@pytest.mark.parametrize("activations", ["static", "token"])
def test_codes_are_in_the_image_as_given(
    machine: str, largest: int, per_channel: bool, activations: str
) -> None:
    config = MACHINES[machine]
    tensors = coded_tensors(largest=largest, per_channel=per_channel)
    model = Model(CONFIG, tensors)
    seen = calibration_of(model)
    image = compile_model(
        model, config, seen, max_length=16, head="classifier", activations=activations
    )
    wanted = [tensors[f"{dense.name}.weight"].T for dense in denses(model)]
    found = matrices(image, config)
    assert len(found) == len(wanted) == 10
    for codes, given in zip(found, wanted):
        np.testing.assert_array_equal(codes, given)
    # the scale is the one that was given, which deriving it again would not have found
    quantised = quantise_model(
        model, seen, config, classifier=Classifier.of(model), activations=activations
    )
    scale = tensors[f"{LAYER}.ffn.weight_scale"].astype(np.float64)
    layer = quantised.layers[0]
    np.testing.assert_array_equal(layer.ffn.unit, scale * layer.scales["ffn_input"][0])
    if largest == 1 and not per_channel:
        assert abs(absmean(model.layers[0].ffn.weight)[1] / scale - 1) > 0.1
    for name in ("context", "ffn_intermediate", "hidden", "ffn_input"):
        assert len(set(layer.scales[name].tolist())) == 1, name
    assert len(set(quantised.scales["embeddings"].tolist())) == 1


@pytest.mark.parametrize("name", ["ternary", "edge16_int8"])
def test_machines_compute_what_numpy_does(name: str) -> None:
    machine, model = MACHINES[name], Model(CONFIG, coded_tensors())
    image = compile_model(
        model, machine, calibration_of(model), max_length=16, head="classifier", keep_hidden=True
    )
    states = hidden_integers(machine, image, run(machine, image, TOKENS).output)
    exact = np.stack(model.forward(TOKENS).hidden[1:], axis=1)
    off = states * np.array(image.hidden_scales)[:, None, None] - exact
    assert np.abs(off).mean() < 0.06 * np.abs(exact).mean()


def test_codes_that_a_machine_has_not_are_rounded_as_floats() -> None:
    tensors = coded_tensors(largest=7)
    model = Model(CONFIG, tensors)
    plain = Model(CONFIG, float_tensors(model))
    assert plain.layers[0].query.coded is None
    for name in ("edge16", "ternary"):
        machine = MACHINES[name]
        images = [
            compile_model(each, machine, calibration_of(each), max_length=8, head="classifier")
            for each in (model, plain)
        ]
        assert bytes(images[0].data) == bytes(images[1].data)


def test_formats_that_codes_fit() -> None:
    def fits(codes: list[int]) -> list[bool]:
        weight = CodedWeight(
            name="x.weight", codes=np.array([codes], np.int8), scale=np.ones((), np.float32)
        )
        formats = (TernaryFormat(), IntegerFormat(width=4), IntegerFormat(), AdaptivFloatFormat())
        return [weight.fits(fmt) for fmt in formats]

    assert fits([-1, 0, 1]) == [True, True, True, False]
    assert fits([-7, 7]) == [False, True, True, False]
    assert fits([-8, 0]) == fits([127, -127]) == [False, False, True, False]
    assert fits([-128]) == [False] * 4  # the encoders do not make it either


def test_inputs_of_several_scales_are_refused() -> None:
    coded = CodedWeight(
        name="x.weight", codes=np.ones((3, 4), np.int8), scale=np.full((), 0.5, np.float32)
    )
    weights = Weights(values=np.full((4, 3), 0.5), coded=coded)
    array = MACHINES["edge16_int8"].main
    inputs = LinearInput(scale=np.array([1.0, 1.0, 2.0, 1.0]))
    with pytest.raises(CompileError) as caught:
        quantise_linear("a layer", weights, np.zeros(3), inputs, array, fraction=9)
    assert str(caught.value) == (
        "inputs of a layer must have one scale, since its codes are given, or of one scale: not 2"
    )
    layer = quantise_linear(
        "a layer",
        weights * 3.0,
        np.zeros(3),
        LinearInput(scale=np.full(4, 0.25)),
        array,
        fraction=9,
    )
    np.testing.assert_array_equal(layer.codes, np.ones((4, 3)))
    np.testing.assert_array_equal(layer.unit, np.full(3, 0.5 * 3 * 0.25))


def test_numpy_uses_codes_times_scale_and_tensors_keep_them() -> None:
    tensors = coded_tensors(largest=5, per_channel=True)
    model = Model(CONFIG, tensors)
    name = f"{LAYER}.ffn.weight"
    wanted = tensors[name].astype(np.float32) * tensors[f"{name}_scale"][:, None]
    np.testing.assert_array_equal(model.layers[0].ffn.weight, wanted)
    kept = model.map_tensors(lambda _, tensor: tensor).layers[0].ffn.coded
    assert kept is not None
    np.testing.assert_array_equal(kept.codes, tensors[name])
    changed = model.map_tensors(lambda _, tensor: tensor * np.float32(1))
    assert changed.layers[0].ffn.coded is None
    np.testing.assert_array_equal(changed.layers[0].ffn.weight, wanted)


def test_a_bert_of_codes_from_a_folder(tmp_path: Path) -> None:
    tensors = coded_tensors(BERT, per_channel=True, parts=("encoder", "pooler", "classifier"))
    kinds = {"f": "F32", "i": "I8"}
    stored = {name: (kinds[values.dtype.kind], values) for name, values in tensors.items()}
    (tmp_path / "model.safetensors").write_bytes(safetensors(stored))
    shape = {name: value for name, value in asdict(BERT).items() if value is not None}
    (tmp_path / "config.json").write_text(json.dumps(shape))
    model, machine = load_model(tmp_path), MACHINES["ternary"]
    image = compile_model(model, machine, calibration_of(model), max_length=8, head="classifier")
    found = {codes.tobytes() for codes in matrices(image, machine)}
    for name, codes in tensors.items():
        if codes.dtype == np.int8:
            assert np.ascontiguousarray(codes.T, dtype=np.int64).tobytes() in found, name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"weight_scale": None},
            f"{LAYER}.ffn.weight must hold floats, not int8",
        ),
        (
            {"weight": np.ones((52, 32), np.float32)},
            f"codes {LAYER}.ffn.weight must be int8, not float32",
        ),
        (
            {"weight": np.ones((52, 32), np.int16)},
            f"codes {LAYER}.ffn.weight must be int8, not int16",
        ),
        (
            {"weight_scale": np.ones(32, np.float32)},
            f"{LAYER}.ffn.weight_scale must be of shape () or (52,), not (32,)",
        ),
        (
            {"weight_scale": np.zeros((), np.float32)},
            f"{LAYER}.ffn.weight_scale must be positive and finite, not 0.0",
        ),
        (
            {"weight_scale": np.full(52, np.nan, np.float32)},
            f"{LAYER}.ffn.weight_scale must be positive and finite, not nan",
        ),
        (
            {"weight_scale": np.ones((), np.int8)},
            f"{LAYER}.ffn.weight_scale must hold floats, not int8",
        ),
        (
            {"bias_scale": np.ones((), np.float32)},
            f"checkpoint holds what belongs to no part: {LAYER}.ffn.bias_scale",
        ),
    ],
)
def test_refusals(change: dict[str, NDArray | None], message: str) -> None:
    tensors = coded_tensors()
    for end, values in change.items():
        tensors.pop(f"{LAYER}.ffn.{end}", None)
        if values is not None:
            tensors[f"{LAYER}.ffn.{end}"] = values
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Model(CONFIG, tensors)


def test_tables_have_no_codes() -> None:
    tensors = coded_tensors()
    name = "albert.embeddings.word_embeddings.weight"
    tensors[f"{name}_scale"] = np.ones((), np.float32)
    with pytest.raises(ValueError) as caught:
        Model(CONFIG, tensors)
    assert str(caught.value) == f"checkpoint holds what belongs to no part: {name}_scale"


def test_a_pair_of_four_bits_takes_four_bits() -> None:
    pair = FormatPair(activation=IntegerFormat(), weight=IntegerFormat(width=4))
    array = MACHINES["edge16_int8"].main
    array = type(array)(vmac=type(array.vmac)(pair=pair, lanes=16), vmacs=16)
    for top, stays in ((7, True), (8, False)):
        codes = np.full((3, 4), top, np.int8)
        codes[0] = -3
        coded = CodedWeight(name="x.weight", codes=codes, scale=np.full((), 0.5, np.float32))
        layer = quantise_linear(
            "a layer",
            Weights(values=codes.T * np.float64(0.5), coded=coded),
            np.zeros(3),
            LinearInput(scale=np.ones(4)),
            array,
            fraction=9,
        )
        assert np.array_equal(layer.codes, codes.T) == stays
