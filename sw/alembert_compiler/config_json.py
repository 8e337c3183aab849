"""What a ``config.json`` says of a model, with transformers' defaults for what it leaves out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["DEFAULTS", "MODEL_TYPES", "labels_of", "parse_config", "shape_fields"]

MODEL_TYPES = ("albert", "bert")
"""Passes that share one layer, and passes with a layer each."""

_COMMON = {
    "num_hidden_layers": 12,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "albert": {
        **_COMMON,
        "vocab_size": 30000,
        "embedding_size": 128,
        "hidden_size": 4096,
        "num_attention_heads": 64,
        "intermediate_size": 16384,
        "hidden_act": "gelu_new",
    },
    "bert": {
        **_COMMON,
        "vocab_size": 30522,
        "hidden_size": 768,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "hidden_act": "gelu",
    },
}
"""What a field is that a file leaves out: transformers' AlbertConfig and BertConfig."""

_HEADS = ("Model", "ForMaskedLM", "ForPreTraining", "ForSequenceClassification")
"""What an architecture may be called, behind the name of its family."""

_REQUIRED: dict[str, tuple[Any, str]] = {
    "num_hidden_groups": (1, "one shared layer"),
    "inner_group_num": (1, "one shared layer"),
    "position_embedding_type": ("absolute", "positions are added to the words"),
    "is_decoder": (False, "every token sees all others"),
    "add_cross_attention": (False, "one sequence alone"),
    "is_encoder_decoder": (False, "one sequence alone"),
    "pruned_heads": ({}, "all heads are of one size"),
    "norm_first": (False, "normalisation comes after the residual addition"),
    "pre_norm": (False, "normalisation comes after the residual addition"),
}
"""Fields that may be left out, and what they must be otherwise, and why."""


def parse_config(text: str | bytes) -> dict[str, Any]:
    """The fields of a file; a byte order mark is left out.

    Raises
    ------
    ValueError
        The text is not JSON, is no object, or has a field twice.
    """
    try:
        values = json.loads(
            text.removeprefix("\ufeff") if isinstance(text, str) else text,
            object_pairs_hook=_without_duplicates,
        )
    except _TwiceError:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError(f"config is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(_wrong_type(values))
    return values


class _TwiceError(ValueError):
    """A field is there twice."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _TwiceError(f"config has {name} twice")
        found[name] = value
    return found


def shape_fields(values: Mapping[str, Any], model_type: str | None = None) -> dict[str, Any]:
    """The fields of a :class:`alembert_compiler.model_config.ModelConfig`.

    Parameters
    ----------
    values : mapping
        A file's; what it leaves out is :data:`DEFAULTS`.
    model_type : str, optional
        What the tensors are those of, for a file that does not say it, and against one that does.

    Raises
    ------
    ValueError
        The model is of another kind, the file contradicts the tensors, or it describes a model
        that is not supported.
    """
    kind = values.get("model_type")
    if kind is None:
        kind = model_type or _family_of(values.get("architectures"))
        if kind is None:
            raise ValueError(
                f"config lacks model_type, and nothing shows which of {', '.join(MODEL_TYPES)}"
            )
    if kind not in MODEL_TYPES:
        raise ValueError(_wrong_type(kind))
    if model_type not in (None, kind):
        raise ValueError(f"model_type is {kind!r}, and the tensors are those of {model_type!r}")
    for name, (required, reason) in _REQUIRED.items():
        if values.get(name, required) not in (required, None):
            raise ValueError(f"{name} must be {required!r} ({reason}), not {values[name]!r}")
    _check_architectures(kind, values.get("architectures") or [])
    given = {**DEFAULTS[kind], **values}
    fields = {"model_type": kind, **{name: given[name] for name in DEFAULTS[kind]}}
    fields["embedding_size"] = given.get("embedding_size", given["hidden_size"])
    fields["attention_head_size"] = values.get("attention_head_size")
    return fields


def labels_of(values: Mapping[str, Any]) -> int | None:
    """How many classes a file says that there are, if it does.

    Raises
    ------
    ValueError
        What it says is no number, or no table.
    """
    labels = values.get("id2label")
    if labels is not None and not isinstance(labels, dict):
        raise ValueError(f"id2label must be a table of labels, not {labels!r}")
    number = values.get("num_labels", values.get("_num_labels") if labels is None else None)
    if number is None:
        return None if labels is None else len(labels)
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError(f"num_labels must be an int, not {number!r}")
    return number


def _family_of(architectures: object) -> str | None:
    """Whose name all architectures begin with."""
    if not isinstance(architectures, list) or not architectures:
        return None
    names = [str(name).lower() for name in architectures]
    return next((k for k in MODEL_TYPES if all(name.startswith(k) for name in names)), None)


def _check_architectures(kind: str, architectures: object) -> None:
    allowed = [f"{kind.capitalize()}{head}" for head in _HEADS]
    if not isinstance(architectures, list):
        raise ValueError(f"architectures must be a list, not {architectures!r}")
    for name in architectures:
        if name not in allowed:
            raise ValueError(f"architectures must be of {', '.join(allowed)}, not {name!r}")


def _wrong_type(kind: object) -> str:
    return f"model_type must be one of {', '.join(MODEL_TYPES)}, not {kind!r}"
