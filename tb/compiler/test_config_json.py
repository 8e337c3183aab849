"""What a config.json leaves out, what it may say besides, and what it may not."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from alembert_compiler.config_json import DEFAULTS, labels_of, parse_config, shape_fields
from alembert_compiler.model_config import ModelConfig


def transformers_defaults(family: str) -> dict[str, Any]:
    """Of transformers' own source: importing all of it takes seconds."""
    found = importlib.util.find_spec("transformers")
    assert found is not None and found.submodule_search_locations is not None
    models = Path(found.submodule_search_locations[0]) / "models"
    source = (models / family / f"configuration_{family}.py").read_text(encoding="utf-8")
    (config,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == f"{family.capitalize()}Config"
    )
    return {
        node.target.id: ast.literal_eval(node.value)
        for node in config.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }


@pytest.mark.parametrize("family", DEFAULTS)
def test_defaults_are_transformers(family: str) -> None:
    theirs, ours = transformers_defaults(family), DEFAULTS[family]
    assert ours == {name: theirs[name] for name in ours}
    config = ModelConfig.from_json(json.dumps({"model_type": family}))
    assert {name: getattr(config, name) for name in ours} == dict(ours)
    assert config.embedding_size == ours.get("embedding_size", ours["hidden_size"])


def test_whose_config_it_is() -> None:
    for given, family in (({}, "albert"), ({"model_type": "bert"}, None), ({}, "bert")):
        wanted = family or given["model_type"]
        assert shape_fields(given, family)["model_type"] == wanted
    assert shape_fields({"architectures": ["AlbertModel"]})["model_type"] == "albert"
    for values, family, message in (
        ({}, None, "config lacks model_type, and nothing shows which of albert, bert"),
        (
            *({"model_type": "albert"}, "bert"),
            "model_type is 'albert', and the tensors are those of 'bert'",
        ),
        (
            *({"model_type": "roberta"}, "bert"),
            "model_type must be one of albert, bert, not 'roberta'",
        ),
        (
            *({"architectures": ["AlbertForMaskedLM"]}, "bert"),
            "architectures must be of BertModel, BertForMaskedLM, BertForPreTraining, "
            "BertForSequenceClassification, not 'AlbertForMaskedLM'",
        ),
    ):
        with pytest.raises(ValueError) as caught:
            shape_fields(values, family)
        assert str(caught.value) == message


def test_labels() -> None:
    three = {"0": "a", "1": "b", "2": "c"}
    for values, labels in (
        ({}, None),
        ({"num_labels": 5}, 5),
        ({"_num_labels": 4}, 4),
        ({"id2label": three, "_num_labels": 3}, 3),
        ({"id2label": three}, 3),
        ({"id2label": None}, None),
    ):
        assert labels_of(values) == labels
    for values, message in (
        ({"num_labels": "5"}, "num_labels must be an int, not '5'"),
        ({"num_labels": True}, "num_labels must be an int, not True"),
        ({"id2label": ["a"]}, "id2label must be a table of labels, not ['a']"),
    ):
        with pytest.raises(ValueError) as caught:
            labels_of(values)
        assert str(caught.value) == message


def test_byte_order_marks_are_left_out() -> None:
    text = '{"model_type": "bert"}'
    for given in (text, f"\ufeff{text}", f"\ufeff{text}".encode(), text.encode("utf-16")):
        assert parse_config(given) == {"model_type": "bert"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "config is not JSON: "),
        ("", "config is not JSON: "),
        ('{"hidden_size": 768, // wide\n}', "config is not JSON: "),
        (b'{"\xff": 1}', "config is not JSON: "),
        ("[" * 100_000, "config is not JSON: "),
        ('{"hidden_size": 32, "hidden_size": 64}', "config has hidden_size twice"),
        ("[]", "model_type must be one of albert, bert, not []"),
    ],
)
def test_what_is_no_config(text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_config(text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_numbers_that_are_none() -> None:
    for text, message in (
        ('"layer_norm_eps": NaN', "layer_norm_eps must be between 0 and 1, not nan"),
        ('"layer_norm_eps": null', "layer_norm_eps must be between 0 and 1, not None"),
        ('"layer_norm_eps": "1e-12"', "layer_norm_eps must be between 0 and 1, not '1e-12'"),
        ('"vocab_size": 768.0', "vocab_size must be an int, not 768.0"),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            ModelConfig.from_json(f'{{"model_type": "bert", {text}}}')
        assert str(caught.value) == message
    # what no part of a model is may be anything
    ModelConfig.from_json('{"model_type": "bert", "best_loss": NaN}')
