"""Checkpoints as they are published: one model from every kind of folder, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembert_compiler.load_model import load_model
from alembert_compiler.tensor_names import tensor_shapes
from compiler.bert_oracle import bert_tensors
from compiler.compiled_models import CONFIG as ALBERT
from compiler.test_load_model import safetensors, torch_file
from compiler.test_model_config import BERT
from compiler.tiny_albert import TINY
from compiler.torch_files import legacy_file, zip_file
from numpy.typing import NDArray

Tensors = dict[str, NDArray[Any]]
Renamed = Callable[[Tensors], Tensors]

IDS = [1, 22, 3, 4]
TENSORS = bert_tensors(
    np.random.default_rng(2), vocabulary=23, width=32, ffn=64, layers=3, positions=16, classes=3
)
WORDS = "bert.embeddings.word_embeddings.weight"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def stored(tensors: Tensors) -> bytes:
    kinds = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int8": "I8"}
    return safetensors({name: (kinds[str(x.dtype)], x) for name, x in tensors.items()})


def folder_of(
    folder: Path, tensors: Tensors | None = TENSORS, config: Mapping[str, Any] = BERT
) -> Path:
    (folder / "config.json").write_text(json.dumps(config))
    if tensors is not None:
        (folder / "model.safetensors").write_bytes(stored(tensors))
    return folder


def logits(folder: Path) -> NDArray[np.float32]:
    model = load_model(folder)
    return model.class_logits(model.forward(IDS).hidden[-1])


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.float32]:
    return logits(folder_of(tmp_path_factory.mktemp("plain")))


def refused(folder: Path, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        load_model(folder)
    assert str(caught.value) == message


def behind(prefix: str) -> Renamed:
    return lambda tensors: {prefix + name: x for name, x in tensors.items()}


def within(part: str, inserted: str) -> Renamed:
    return lambda tensors: {name.replace(part, part + inserted): x for name, x in tensors.items()}


def with_more(**more: NDArray[Any]) -> Renamed:
    named = {name.replace("__", "."): x for name, x in more.items()}
    return lambda tensors: {**tensors, **named}


RENAMED: dict[str, Renamed] = {
    "DataParallel": behind("module."),
    "Lightning": behind("model."),
    "torch.compile": behind("_orig_mod."),
    "several": behind("_orig_mod.module.net.model."),
    "a wrapper called like the family": behind("bert."),
    "a wrapped part": within("bert.", "_orig_mod."),
    "sharded layers": within("layer.1.", "_fsdp_wrapped_module._checkpoint_wrapped_module."),
    "TensorFlow's normalisations": lambda tensors: {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): x
        for name, x in tensors.items()
    },
    "buffers": with_more(bert__embeddings__position_ids=np.arange(16)[np.newaxis]),
    "a counter": with_more(num_batches_tracked=np.array(7)),
    "a loss": with_more(loss_fct__weight=np.ones(3, "f4")),
    "an optimiser": with_more(optimizer__state__0__exp_avg=np.ones((3, 4), "f4")),
}


@pytest.mark.parametrize("kind", RENAMED)
def test_names(kind: str, wanted: NDArray[np.float32], tmp_path: Path) -> None:
    folder = folder_of(tmp_path, RENAMED[kind](TENSORS))
    np.testing.assert_array_equal(logits(folder), wanted)


def test_an_encoder_alone(tmp_path: Path) -> None:
    """BertModel's own names, and the same behind a wrapper."""
    bare = {
        name.removeprefix("bert."): x for name, x in TENSORS.items() if name.startswith("bert.")
    }
    hidden = load_model(folder_of(tmp_path)).forward(IDS).hidden[-1]
    for tensors in (bare, behind("model.")(bare), behind("0.auto_model.")(bare)):
        model = load_model(folder_of(tmp_path, tensors))
        assert model.parts == ("encoder", "pooler")
        np.testing.assert_array_equal(model.forward(IDS).hidden[-1], hidden)


def test_both_families_without_model_type(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    albert: Tensors = {
        name: rng.normal(size=shape).astype("f4") for name, shape in tensor_shapes(TINY).items()
    }
    shape = {"model_type": None, "architectures": None, "layer_norm_eps": None}
    old = {name: value for name, value in BERT.items() if name not in shape}
    model = load_model(folder_of(tmp_path, TENSORS, old))
    assert (model.config.model_type, model.config.layer_norm_eps) == ("bert", 1e-12)
    dimensions = json.loads(TINY.to_json())
    for name in ("model_type", "layer_norm_eps", "type_vocab_size", "hidden_act"):
        del dimensions[name]
    model = load_model(folder_of(tmp_path, behind("module.")(albert), dimensions))
    assert (model.config.model_type, model.config.hidden_act) == ("albert", "gelu_new")
    (tmp_path / "config.json").rename(tmp_path / "albert_config.json")
    assert load_model(tmp_path).config == model.config


def test_floats_of_every_width(wanted: NDArray[np.float32], tmp_path: Path) -> None:
    wide = {name: x.astype(np.float64) for name, x in TENSORS.items()}
    np.testing.assert_array_equal(logits(folder_of(tmp_path, wide)), wanted)
    halves = {name: x.astype(np.float16) for name, x in TENSORS.items()}
    model = load_model(folder_of(tmp_path, halves))
    np.testing.assert_array_equal(model.tensors[WORDS], halves[WORDS].astype(np.float32))
    wide["classifier.bias"] = np.full(3, 1e300)
    refused(folder_of(tmp_path, wide), "model.safetensors: classifier.bias holds NaN or infinity")


def index_of(folder: Path, *, bins: bool = False) -> dict[str, Any]:
    """The model in two shards; their index, which is written too."""
    folder_of(folder, None)
    names = [name.replace("safetensors", "bin") if bins else name for name in SHARDS]
    places = {name: names[n % 2] for n, name in enumerate(TENSORS)}
    for file in names:
        part = {name: TENSORS[name] for name, place in places.items() if place == file}
        (folder / file).write_bytes(torch_file(part) if bins else stored(part))
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    whole = "pytorch_model.bin" if bins else "model.safetensors"
    (folder / f"{whole}.index.json").write_text(json.dumps(index))
    return index


@pytest.mark.parametrize("bins", [False, True])
def test_shards(bins: bool, wanted: NDArray[np.float32], tmp_path: Path) -> None:
    index_of(tmp_path, bins=bins)
    np.testing.assert_array_equal(logits(tmp_path), wanted)


def test_indices_that_are_refused(tmp_path: Path) -> None:
    name = "model.safetensors.index.json"
    index = index_of(tmp_path)
    places = index["weight_map"]
    for changed, message in (
        (
            {"spare.weight": SHARDS[0]},
            f"names tensors that {SHARDS[0]} does not hold: spare.weight",
        ),
        ({WORDS: "none.safetensors"}, "names shards that are not there: none.safetensors"),
        ({WORDS: "../x"}, f"must name a file of its folder for {WORDS}, not '../x'"),
        ({WORDS: 3}, f"must name a file of its folder for {WORDS}, not 3"),
        (None, "must have a weight_map, a file for every tensor"),
    ):
        given = {} if changed is None else {"weight_map": places | changed}
        (tmp_path / name).write_text(json.dumps(given))
        refused(tmp_path, f"{name} {message}")
    (tmp_path / name).write_text("{")
    with pytest.raises(ValueError, match=rf"^{name} is not JSON: "):
        load_model(tmp_path)
    (tmp_path / name).write_text(json.dumps(index))
    both = {key: TENSORS[key] for key, file in places.items() if file == SHARDS[1]}
    (tmp_path / SHARDS[1]).write_bytes(stored({**both, WORDS: TENSORS[WORDS]}))
    refused(tmp_path, f"{name} has shards that both hold {WORDS}")
    (tmp_path / SHARDS[1]).unlink()
    refused(tmp_path, f"{name} names shards that are not there: {SHARDS[1]}")


def test_which_file_is_read(wanted: NDArray[np.float32], tmp_path: Path) -> None:
    """safetensors first; a file of another name if it is the only one, or if it is asked for."""
    folder_of(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    np.testing.assert_array_equal(logits(tmp_path), wanted)
    (tmp_path / "pytorch_model.bin").unlink()
    (tmp_path / "model.safetensors").rename(tmp_path / "best.safetensors")
    for name in ("optimizer.pt", "training_args.bin", "rng_state.pth", "scheduler.pt"):
        (tmp_path / name).write_bytes(b"")
    np.testing.assert_array_equal(logits(tmp_path), wanted)
    (tmp_path / "last.ckpt").write_bytes(torch_file(TENSORS))
    np.testing.assert_array_equal(logits(tmp_path / "last.ckpt"), wanted)
    refused(
        tmp_path,
        f"{tmp_path.name} holds 2 files that may be the checkpoint, and none called "
        "model.safetensors or pytorch_model.bin: best.safetensors, last.ckpt",
    )


@pytest.mark.parametrize("write", [zip_file, legacy_file])
@pytest.mark.parametrize("name", ["state_dict", "model", "model_state_dict"])
def test_a_trainers_dictionary(
    name: str, write: Callable[[Any], bytes], wanted: NDArray[np.float32], tmp_path: Path
) -> None:
    """Of Lightning and of loops by hand, with all that training goes on from."""
    folder_of(tmp_path, None)
    moments = {"state": {0: {"step": 3, "exp_avg": np.ones((3, 4), "f4")}}, "param_groups": [{}]}
    (tmp_path / "last.ckpt").write_bytes(
        torch_file(
            {
                "epoch": 3,
                "best": np.ones((), "f4"),
                "losses": [0.7, 0.3],
                name: behind("model.")(TENSORS),
                "optimizer": moments,
                "optimizer_states": [moments],
                "callbacks": {"best": {"score": np.ones((), "f4"), "paths": ["x"]}},
                "hyper_parameters": {"layers": [1, 2]},
            },
            write,
        )
    )
    np.testing.assert_array_equal(logits(tmp_path), wanted)


SPARE = np.zeros(3, "f4")
CONTRADICTIONS: dict[str, tuple[Renamed, dict[str, Any], str]] = {
    "vocabulary": (
        dict,
        {"vocab_size": 22},
        "config.json: vocab_size is 22, and bert.embeddings.word_embeddings.weight has 23 rows",
    ),
    "width": (
        dict,
        {"hidden_size": 64},
        "config.json: hidden_size is 64, and bert.embeddings.word_embeddings.weight has 32 columns",
    ),
    "a default": (
        dict,
        {"intermediate_size": ...},
        "config.json: intermediate_size is 3072 by default, and "
        "bert.encoder.layer.0.intermediate.dense.weight has 64 rows",
    ),
    "layers": (
        dict,
        {"num_hidden_layers": 2},
        "config.json: num_hidden_layers is 2, and the tensors are those of 3 layers",
    ),
    "layers by default": (
        dict,
        {"num_hidden_layers": ...},
        "config.json: num_hidden_layers is 12 by default, and the tensors are those of 3 layers",
    ),
    "labels": (
        dict,
        {"id2label": {"0": "no", "1": "yes"}},
        "config.json: there are 2 labels, and classifier.weight has 3 rows",
    ),
    "several answers": (
        dict,
        {"problem_type": "regression"},
        "config.json: problem_type of 3 labels must be 'single_label_classification' (the answer "
        "is one class), not 'regression'",
    ),
    "family": (
        dict,
        {"model_type": "albert", "architectures": None},
        "config.json: model_type is 'albert', and the tensors are those of 'bert'",
    ),
    "a number for a matrix": (
        lambda tensors: tensors | {"classifier.weight": np.ones((), "f4")},
        {"problem_type": "regression"},
        "model.safetensors: classifier.weight must be of shape (3, 32), not ()",
    ),
    "two encoders": (
        lambda tensors: behind("query.")(tensors) | behind("key.")(tensors),
        {},
        "model.safetensors: checkpoint holds 2 encoders, in 'key.bert.', 'query.bert.'",
    ),
    "another family": (
        lambda tensors: {name.replace("bert.", "roberta.", 1): x for name, x in tensors.items()},
        {"model_type": ...},
        "model.safetensors: the tensors are those of 'roberta', not of albert or bert",
    ),
    "a head outside": (
        lambda tensors: {
            name if "classifier" in name else f"net.{name}": x for name, x in tensors.items()
        },
        {},
        "model.safetensors: the encoder's names begin with 'net.', and those of classifier.weight, "
        "classifier.bias do not: what lies between is not known",
    ),
    "both names": (
        lambda tensors: tensors | {f"module.{WORDS}": tensors[WORDS]},
        {},
        f"model.safetensors: checkpoint holds {WORDS} twice, by an old and a new name",
    ),
    "an unknown name": (
        lambda tensors: {name.replace("intermediate", "inner"): x for name, x in tensors.items()},
        {},
        "model.safetensors: checkpoint lacks bert.encoder.layer.0.intermediate.dense.weight; "
        "the nearest that it holds is bert.encoder.layer.0.inner.dense.weight",
    ),
    "no encoder": (
        lambda tensors: {name.replace(".", "/"): x for name, x in tensors.items()},
        {},
        f"model.safetensors: checkpoint lacks {WORDS}; "
        "the nearest that it holds is bert/embeddings/word_embeddings/weight",
    ),
    "much more": (
        lambda tensors: tensors | {f"lora.{n}.weight": SPARE for n in range(9)},
        {},
        "model.safetensors: checkpoint holds what belongs to no part: lora.0.weight, "
        "lora.1.weight, lora.2.weight, lora.3.weight and 5 more",
    ),
}


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_contradictions(kind: str, tmp_path: Path) -> None:
    change, fields, message = CONTRADICTIONS[kind]
    config = {name: value for name, value in (BERT | fields).items() if value is not ...}
    refused(folder_of(tmp_path, change(TENSORS), config), message)


def test_a_regression_head(tmp_path: Path) -> None:
    one = {name: x[:1] if name.startswith("classifier.") else x for name, x in TENSORS.items()}
    config = BERT | {"problem_type": "regression", "id2label": {"0": "LABEL_0"}}
    assert logits(folder_of(tmp_path, one, config)).shape == (1,)


def test_an_albert_has_one_layer(tmp_path: Path) -> None:
    """Its passes are not counted in its tensors."""
    rng = np.random.default_rng(1)
    tensors: Tensors = {
        name: rng.normal(size=shape).astype("f4") for name, shape in tensor_shapes(ALBERT).items()
    }
    config = json.loads(ALBERT.to_json())
    assert load_model(folder_of(tmp_path, tensors, config)).config == ALBERT
    refused(
        folder_of(tmp_path, tensors, config | {"embedding_size": 16}),
        "config.json: embedding_size is 16, and albert.embeddings.word_embeddings.weight has 12 "
        "columns",
    )
