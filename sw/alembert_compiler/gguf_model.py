"""A BERT from a GGUF file of the architecture "bert", as llama.cpp's converter writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .coded_weight import SCALE
from .gguf_file import GgufFile, read_gguf
from .gguf_library import gguf_library
from .model import Model
from .model_config import ModelConfig
from .tensor_names import Names, tensor_shapes

__all__ = ["gguf_config", "gguf_tensors", "load_gguf"]

_ARCHITECTURE = "bert"
_DIMENSIONS = {
    "num_hidden_layers": "bert.block_count",
    "hidden_size": "bert.embedding_length",
    "num_attention_heads": "bert.attention.head_count",
    "intermediate_size": "bert.feed_forward_length",
    "max_position_embeddings": "bert.context_length",
}
_ROWS = {
    "bert.feed_forward_length": "blk.0.ffn_up.weight",
    "bert.context_length": "position_embd.weight",
}
"""Dimensions that may be left out, and the tables whose rows show them."""
_SEGMENTS = "token_types.weight"
_EPSILON = "bert.attention.layer_norm_epsilon"
_REQUIRED: dict[str, tuple[Any, str]] = {
    "bert.attention.causal": (False, "every token sees all others"),
    "bert.attention.max_alibi_bias": (0, "positions are added to the words"),
    "bert.expert_count": (0, "one feed-forward network"),
}
"""What may be left out, and must be otherwise, and why."""
_WHOLE = (0, 1)
"""Parts of a file that is whole: what merges parts into one writes 0."""
_PARTS = ("encoder", "pooler", "classifier")
"""Which have names in this architecture; the converter drops masked-language heads."""
_FUSED = "attn_qkv"
_ENDS = (".weight", ".bias")


def load_gguf(path: Path | str, *, hidden_act: str = "gelu") -> Model:
    """The model of a GGUF file.

    Parameters
    ----------
    path : path
        The file.
    hidden_act : str
        "gelu" (the erf form) or "gelu_new" (the tanh form). A file does not say which it was
        trained with: BERT's was erf, although llama.cpp computes tanh for all.

    Raises
    ------
    ValueError
        The file is damaged or of another kind; or see :func:`gguf_config`, :func:`gguf_tensors`
        and :class:`alembert_compiler.model.Model`. The message begins with the file's name.
    ImportError
        The gguf library is not installed.
    """
    file = read_gguf(path)
    try:
        config = gguf_config(file, hidden_act=hidden_act)
        return Model(config, gguf_tensors(file, config))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file.name}: {error}") from error


def gguf_config(file: GgufFile, *, hidden_act: str = "gelu") -> ModelConfig:
    """The model's shape, from the metadata.

    Vocabulary and segment types are as many as the metadata say, or else as their tables have
    rows. ε, stored in float32, is the shortest decimal number that is stored so: what the
    checkpoint's ``config.json`` had.

    Raises
    ------
    TypeError, ValueError
        The architecture is another, metadata are missing or of the wrong kind, or describe a
        model that is not supported.
    """
    data = file.metadata
    kind = data.get("general.architecture")
    if kind != _ARCHITECTURE:
        raise ValueError(f"general.architecture must be '{_ARCHITECTURE}', not {kind!r}")
    for key, (required, reason) in _REQUIRED.items():
        if data.get(key, required) != required:
            raise ValueError(f"{key} must be {required!r} ({reason}), not {data[key]!r}")
    if (parts := data.get("split.count", 1)) not in _WHOLE:
        raise ValueError(
            f"split.count must be 1, or 0 of a merged file (all is in one part), not {parts!r}"
        )
    if rotary := [key for key in data if key.startswith("bert.rope.")]:
        raise ValueError(f"positions must be learned, not rotary as of {rotary[0]}")
    shown = {key: file.tensors[t].shape[0] for key, t in _ROWS.items() if t in file.tensors}
    data = {**shown, **data}
    if missing := [key for key in (*_DIMENSIONS.values(), _EPSILON) if key not in data]:
        raise ValueError(f"metadata lack {', '.join(missing)}")
    config = ModelConfig(
        model_type="bert",
        embedding_size=data["bert.embedding_length"],
        vocab_size=_vocabulary(file),
        type_vocab_size=_or_rows(file, "tokenizer.ggml.token_type_count", _SEGMENTS),
        layer_norm_eps=_shortest(data[_EPSILON]),
        hidden_act=hidden_act,
        **{field: _one(data[key]) for field, key in _DIMENSIONS.items()},
    )
    _check_heads(data, config)
    if config.num_hidden_layers > len(file.tensors):  # names of layers are made of this
        raise ValueError(
            f"bert.block_count must be at most the number of tensors ({len(file.tensors)}), "
            f"not {config.num_hidden_layers}"
        )
    return config


def gguf_tensors(file: GgufFile, config: ModelConfig) -> dict[str, NDArray[Any]]:
    """The tensors by the names that a BERT's own checkpoint has for them.

    Weights of linear layers are codes and a scale, "…weight" in int8 and "…weight_scale", where
    the file's blocks agree on a scale: in a matrix of BitNet b1.58, or in each of its rows. All
    others are in float32. A file without token types has zeros for them, as llama.cpp adds nothing.

    ``cls`` is the pooler and ``cls.output`` the classifier: a linear layer and tanh in front of a
    linear layer, on token 0. Tensors of other names keep theirs.

    Raises
    ------
    ValueError
        Query, key and value are one tensor.
    """
    if fused := [name for name in file.tensors if _FUSED in name]:
        raise ValueError(f"query, key and value must be apart, not joined in {fused[0]}")
    names = _checkpoint_names(config)
    found: dict[str, NDArray[Any]] = {}
    for own, tensor in file.tensors.items():
        name = names.get(own, own)
        is_linear = own.endswith(".weight") and f"{own.removesuffix('weight')}bias" in file.tensors
        coded = tensor.channel_codes() if is_linear else None
        if coded is None:
            found[name] = tensor.values
        else:
            found[name], found[f"{name}{SCALE}"] = coded
    if _SEGMENTS not in file.tensors:
        shape = config.type_vocab_size, config.embedding_size
        found[names[_SEGMENTS]] = np.zeros(shape, np.float32)
    return found


def _checkpoint_names(config: ModelConfig) -> dict[str, str]:
    """By the file's names; the library's own table says how the converter makes these."""
    library, own = gguf_library(), Names.of(config)
    table = library.get_tensor_name_map(library.MODEL_ARCH.BERT, config.num_hidden_layers)
    heads = {own.pooler: "classifier.dense", own.classifier: "classifier.out_proj"}
    names: dict[str, str] = {}
    for name in tensor_shapes(config, _PARTS):
        stem, _, end = name.rpartition(".")
        stem = heads.get(stem, stem.removeprefix(own.prefix))
        names[table.get_name(f"{stem}.{end}", try_suffixes=_ENDS)] = name
    return names


def _vocabulary(file: GgufFile) -> int:
    tokens = file.metadata.get("tokenizer.ggml.tokens")
    if isinstance(tokens, list):
        return len(tokens)
    return _or_rows(file, "bert.vocab_size", "token_embd.weight")


def _or_rows(file: GgufFile, key: str, table: str) -> Any:
    """A number of the metadata, or the rows of a table; 1 if there is neither."""
    rows = file.tensors[table].shape[0] if table in file.tensors else 1
    return file.metadata.get(key, rows)


def _one(value: Any) -> Any:
    """The number that an array holds for every layer; anything else as it is."""
    return (
        value[0]
        if isinstance(value, list) and value and value.count(value[0]) == len(value)
        else value
    )


def _shortest(epsilon: Any) -> Any:
    """1e-12 for 9.999999960041972e-13."""
    if not isinstance(epsilon, float):
        return epsilon
    with np.errstate(over="ignore"):
        stored = np.float32(epsilon)
    return float(str(stored)) if float(stored) == epsilon else epsilon


def _check_heads(data: Mapping[str, Any], config: ModelConfig) -> None:
    heads, size = config.num_attention_heads, config.head_size
    for end, required in (("head_count_kv", heads), ("key_length", size), ("value_length", size)):
        key = f"bert.attention.{end}"
        if _one(data.get(key, required)) != required:
            raise ValueError(f"{key} must be {required}, as of queries, not {data[key]!r}")
