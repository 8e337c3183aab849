"""BERTs written as GGUF, loaded, run and compiled: the same as what they were written from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gguf
import ml_dtypes
import numpy as np
import pytest
from alembert.config import PRESETS
from alembert_compiler.compile import compile_model
from alembert_compiler.gguf_file import read_gguf
from alembert_compiler.gguf_library import block_of
from alembert_compiler.gguf_model import gguf_config, load_gguf
from alembert_compiler.load_model import load_model
from alembert_compiler.model import Model
from alembert_compiler.model_config import ModelConfig
from alembert_compiler.tensor_names import PARTS, tensor_shapes
from alembert_golden.ternary import absmean
from alembert_runtime import GoldenDevice, Session
from compiler.bert_oracle import bert_tensors
from compiler.compiled_models import BERT, MACHINES, TOKENS, calibration_of
from compiler.gguf_files import dequantised, quantised, write_bert
from compiler.test_coded_weights import matrices
from compiler.test_load_model import safetensors
from compiler.test_model_config import BERT as CONFIG_JSON
from numpy.typing import NDArray

Tensors = dict[str, NDArray[np.float32]]

CONFIG = ModelConfig.from_json(json.dumps(CONFIG_JSON))
WITH_CLASSIFIER = (PARTS[0], *PARTS[2:4])
WIDE = replace(
    CONFIG, embedding_size=256, hidden_size=256, intermediate_size=512, num_hidden_layers=1
)
SMALLEST = replace(
    CONFIG,
    **dict.fromkeys(("embedding_size", "hidden_size", "intermediate_size", "vocab_size"), 2),
    **dict.fromkeys(("num_hidden_layers", "num_attention_heads", "type_vocab_size"), 1),
)
EPSILON = "bert.attention.layer_norm_epsilon"
IDS = [1, 22, 3, 4]


def tensors_of(config: ModelConfig = CONFIG, *, classes: int = 3) -> Tensors:
    """What the converter keeps of a checkpoint with every head."""
    everything = bert_tensors(
        np.random.default_rng(2),
        vocabulary=config.vocab_size,
        width=config.hidden_size,
        ffn=config.intermediate_size,
        layers=config.num_hidden_layers,
        positions=config.max_position_embeddings,
        classes=classes,
    )
    return {name: x for name, x in everything.items() if not name.startswith("cls.")}


def matrices_as(kind: str) -> Callable[[str], str]:
    """As quantisers do: vectors, positions and segments stay float32."""
    kept = ("position_embeddings.weight", "token_type_embeddings.weight", "LayerNorm.weight")
    return lambda name: "F32" if name.endswith((".bias", *kept)) else kind


def same_model(found: Model, wanted: Model) -> None:
    """Shape, parts and every tensor, bit for bit."""
    assert found.config == wanted.config and found.parts == wanted.parts
    seen: Tensors = {}
    found.map_tensors(seen.setdefault)
    compared: list[str] = []

    def compare(name: str, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        np.testing.assert_array_equal(seen[name].view("<u4"), tensor.view("<u4"))
        compared.append(name)
        return tensor

    wanted.map_tensors(compare)
    assert set(compared) == set(seen)


@pytest.mark.parametrize("suffix", ["gguf", "GGUF"])
def test_the_same_model_as_the_folder(tmp_path: Path, suffix: str) -> None:
    tensors = tensors_of()
    stored = {name: ("F32", values) for name, values in tensors.items()}
    (tmp_path / "model.safetensors").write_bytes(safetensors(stored))
    (tmp_path / "config.json").write_text(json.dumps(CONFIG_JSON))
    write_bert(tmp_path / f"model.{suffix}", CONFIG, tensors)
    folder, file = load_model(tmp_path), load_model(tmp_path / f"model.{suffix}")
    assert file.parts == WITH_CLASSIFIER and file.config.layer_norm_eps == 1e-12
    same_model(file, folder)
    hidden = folder.forward(IDS).hidden
    for found, wanted in zip(file.forward(IDS).hidden, hidden, strict=True):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(file.class_logits(hidden[-1]), folder.class_logits(hidden[-1]))


def test_an_encoder_alone_and_a_classifier_without_a_pooler(tmp_path: Path) -> None:
    tensors, path = tensors_of(), tmp_path / "x.gguf"
    encoder = {name: x for name, x in tensors.items() if name.startswith(("bert.em", "bert.en"))}
    bare = {name: x for name, x in tensors.items() if "pooler" not in name}
    for given, parts in ((encoder, PARTS[:1]), (bare, (PARTS[0], PARTS[3]))):
        write_bert(path, CONFIG, given)
        model = load_model(path)
        assert model.parts == parts
        same_model(model, Model(CONFIG, given))


KINDS = ("F16", "BF16", "Q4_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q6_K", "TQ1_0", "TQ2_0")
KINDS += ("IQ4_NL", "IQ4_XS", "IQ3_S", "MXFP4")


@pytest.mark.parametrize("kind", KINDS)
def test_quantised_models_are_the_dequantised_ones(tmp_path: Path, kind: str) -> None:
    tensors, kind_of = tensors_of(WIDE), matrices_as(kind)
    write_bert(tmp_path / "x.gguf", WIDE, tensors, kind_of=kind_of)
    wanted = {}
    for name, values in tensors.items():
        if kind_of(name) == "F32":
            wanted[name] = values
        elif kind == "F16":
            wanted[name] = values.astype(np.float16).astype(np.float32)
        elif kind == "BF16":
            wanted[name] = values.astype(ml_dtypes.bfloat16).astype(np.float32)
        else:
            wanted[name] = dequantised(quantised(values, kind), kind)
    found, oracle = load_model(tmp_path / "x.gguf"), Model(WIDE, wanted)
    same_model(found, oracle)
    last, unrounded = oracle.forward(IDS).hidden[-1], Model(WIDE, tensors).forward(IDS).hidden[-1]
    np.testing.assert_array_equal(found.forward(IDS).hidden[-1], last)
    assert not np.array_equal(last, unrounded)


def test_a_compiled_model_of_eight_bits(tmp_path: Path) -> None:
    """Rows of 52 stay float32, as quantisers leave them."""
    rng, wanted, path = np.random.default_rng(7), {}, tmp_path / "x.gguf"
    tensors: Tensors = {}
    for name, shape in tensor_shapes(BERT, WITH_CLASSIFIER, classes=5).items():
        width = shape[-1] if len(shape) == 2 and "embeddings" not in name else 9
        tensors[name] = (rng.normal(size=shape) / np.sqrt(width)).astype(np.float32)
        tensors[name] += np.float32(name.endswith("LayerNorm.weight"))

    def kind_of(name: str) -> str:
        fits = tensors[name].shape[-1] % block_of("Q8_0")[0] == 0
        return matrices_as("Q8_0")(name) if fits else "F32"

    write_bert(path, BERT, tensors, kind_of=kind_of)
    for name, values in tensors.items():
        is_kept = kind_of(name) == "F32"
        wanted[name] = values if is_kept else dequantised(quantised(values, "Q8_0"), "Q8_0")
    assert {kind_of(name) for name in tensors} == {"F32", "Q8_0"}
    machine, found = MACHINES["tiny"], load_model(path)
    images = [
        compile_model(model, machine, calibration_of(model), max_length=16, head="classifier")
        for model in (found, Model(BERT, wanted))
    ]
    assert images[0].data == images[1].data and images[0].program == images[1].program
    answers = []
    for image in images:
        with Session(GoldenDevice(machine), image) as session:
            answers.append([session.run(tokens) for tokens in TOKENS])
    assert answers[0] == answers[1]
    logits = [found.class_logits(found.forward(tokens).hidden[-1]) for tokens in TOKENS]
    margins = [np.diff(np.sort(each))[-1] for each in logits]
    for answer, each, margin in zip(answers[0], logits, margins):
        assert answer.predicted_class == each.argmax() or margin < 0.1


@pytest.mark.parametrize("kind", ["TQ1_0", "TQ2_0"])
def test_ternary_weights_are_on_the_machine_as_they_are_in_the_file(
    tmp_path: Path, kind: str
) -> None:
    """With the scale that the file has; what other weights are is theirs."""
    tensors, path = tensors_of(WIDE), tmp_path / "x.gguf"
    tensors = {name: x for name, x in tensors.items() if "pooler" not in name}
    given: dict[str, tuple[NDArray[np.int8], np.float16]] = {}
    for name, values in tensors.items():
        if ".encoder." in name and values.ndim == 2:
            codes, scale = absmean(values)
            codes[0], given[name] = 0, (codes, np.float16(scale * 0.9))
            tensors[name] = (codes * np.float32(given[name][1])).astype(np.float32)
    write_bert(path, WIDE, tensors, kind_of=lambda name: kind if name in given else "F32")
    model, machine = load_model(path), PRESETS["edge16_ternary"].machine
    assert len(given) == 6
    for name, (codes, scale) in given.items():
        np.testing.assert_array_equal(model.stored[name], codes)
        np.testing.assert_array_equal(model.stored[f"{name}_scale"], np.float32(scale))
    image = compile_model(model, machine, calibration_of(model), max_length=8, head="classifier")
    layer = model.layers[0]
    order = (layer.query, layer.key, layer.value, layer.attention_dense, layer.ffn)
    wanted = [given[f"{dense.name}.weight"][0].T for dense in (*order, layer.ffn_output)]
    for found, codes in zip(matrices(image, machine)[:6], wanted, strict=True):
        np.testing.assert_array_equal(found, codes)


def test_the_tanh_form_on_request(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    write_bert(path, CONFIG, tensors_of())
    same_model(load_gguf(path, hidden_act="gelu"), load_model(path))
    tanh = load_gguf(path, hidden_act="gelu_new")
    same_model(tanh, Model(replace(CONFIG, hidden_act="gelu_new"), tensors_of()))
    with pytest.raises(ValueError) as caught:
        load_gguf(path, hidden_act="silu")
    assert str(caught.value).startswith("x.gguf: hidden_act must be one of gelu, ")


def test_vocabulary_and_segments_without_metadata(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"

    def forget(writer: gguf.GGUFWriter) -> None:
        for key in ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type_count"):
            del writer.kv_data[0][key]

    write_bert(path, CONFIG, tensors_of(), metadata=forget)
    assert gguf_config(read_gguf(path)) == CONFIG

    def says(writer: gguf.GGUFWriter) -> None:
        forget(writer)
        writer.add_vocab_size(24)

    write_bert(path, CONFIG, tensors_of(), metadata=says)
    assert gguf_config(read_gguf(path)).vocab_size == 24


@pytest.mark.parametrize("add", ["uint16", "int32", "uint64", "int64"])
def test_a_file_merged_from_parts(tmp_path: Path, add: str) -> None:
    """Its parts are counted as none; and numbers may be of any type."""
    path = tmp_path / "x.gguf"

    def merged(writer: gguf.GGUFWriter) -> None:
        for key, value in (("split.no", 0), ("split.count", 0), ("split.tensors.count", 57)):
            getattr(writer, f"add_{add}")(key, value)
        dimensions = ("block_count", "embedding_length", "context_length", "attention.head_count")
        for key in (f"bert.{name}" for name in dimensions):
            getattr(writer, f"add_{add}")(key, writer.kv_data[0].pop(key).value)

    write_bert(path, CONFIG, tensors_of(), metadata=merged)
    same_model(load_model(path), Model(CONFIG, tensors_of()))


def test_what_metadata_may_leave_to_the_tensors(tmp_path: Path) -> None:
    """And an array of one number for every layer."""
    path = tmp_path / "x.gguf"

    def change(writer: gguf.GGUFWriter) -> None:
        data = writer.kv_data[0]
        for key in ("feed_forward_length", "context_length", "attention.causal", "pooling_type"):
            del data[f"bert.{key}"]
        heads = data.pop("bert.attention.head_count").value
        writer.add_array("bert.attention.head_count", [heads] * CONFIG.num_hidden_layers)

    write_bert(path, CONFIG, tensors_of(), metadata=change)
    same_model(load_model(path), Model(CONFIG, tensors_of()))


@pytest.mark.parametrize("counted", [True, False])
def test_a_file_without_token_types_adds_nothing_for_them(tmp_path: Path, counted: bool) -> None:
    path, name = tmp_path / "x.gguf", "bert.embeddings.token_type_embeddings.weight"
    tensors = tensors_of()
    del tensors[name]

    def forget(writer: gguf.GGUFWriter) -> None:
        if not counted:
            del writer.kv_data[0]["tokenizer.ggml.token_type_count"]

    write_bert(path, CONFIG, tensors, metadata=forget)
    config = replace(CONFIG, type_vocab_size=2 if counted else 1)
    zeros = np.zeros((config.type_vocab_size, CONFIG.hidden_size), np.float32)
    same_model(load_model(path), Model(config, {**tensors, name: zeros}))


@pytest.mark.parametrize("epsilon", [1e-12, 1e-5, 1e-6, 2.5e-6, 1e-7])
def test_epsilon_is_what_was_meant(tmp_path: Path, epsilon: float) -> None:
    config, path = replace(SMALLEST, layer_norm_eps=epsilon), tmp_path / "x.gguf"
    write_bert(path, config, {})
    file = read_gguf(path)
    many = replace(file, tensors=dict.fromkeys(map(str, range(9))))
    assert gguf_config(many).layer_norm_eps == epsilon
    exact = 1.2345678901e-7  # no float32: a file with float64
    many = replace(many, metadata={**file.metadata, EPSILON: exact})
    assert gguf_config(many).layer_norm_eps == exact
