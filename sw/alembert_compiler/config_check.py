"""A config held against the tensors beside it: what contradicts them is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from .config_json import labels_of
from .model_config import ModelConfig
from .tensor_names import Names

__all__ = ["check_config"]

_MANY_ANSWERS = ("multi_label_classification", "regression")
"""Of several outputs each is an answer by itself."""


def check_config(
    values: Mapping[str, Any], config: ModelConfig, tensors: Mapping[str, NDArray[Any]]
) -> None:
    """Refuse dimensions that the tensors do not have.

    Parameters
    ----------
    values : mapping
        The fields of the file; others are transformers' defaults.
    config : ModelConfig
        What was made of them.
    tensors : mapping of str to array
        By their present names; of those that are missing nothing is said here.

    Raises
    ------
    ValueError
        A field, given or by default, is not what a tensor shows, or the number of labels is none.
    """
    for field, tensor, axis in _shown(config):
        given, found = getattr(config, field), tensors.get(f"{tensor}.weight")
        if found is None or found.ndim != 2 or found.shape[axis] == given:
            continue
        source = "" if field in values else " by default"
        of = "rows" if axis == 0 else "columns"
        raise ValueError(
            f"{field} is {given}{source}, and {tensor}.weight has {found.shape[axis]} {of}"
        )
    layers = _layers(config, tensors)
    if not config.shares_layers and layers not in (0, config.num_hidden_layers):
        source = "" if "num_hidden_layers" in values else " by default"
        raise ValueError(
            f"num_hidden_layers is {config.num_hidden_layers}{source}, and the tensors are those "
            f"of {layers} layers"
        )
    _check_labels(values, f"{Names.of(config).classifier}.weight", tensors)


def _check_labels(
    values: Mapping[str, Any], name: str, tensors: Mapping[str, NDArray[Any]]
) -> None:
    labels, problem = labels_of(values), values.get("problem_type")
    if name not in tensors or tensors[name].ndim != 2:
        return
    rows = len(tensors[name])
    if labels not in (None, rows):
        raise ValueError(f"there are {labels} labels, and {name} has {rows} rows")
    if problem in _MANY_ANSWERS and rows > 1:
        raise ValueError(
            f"problem_type of {rows} labels must be 'single_label_classification' (the answer is "
            f"one class), not {problem!r}"
        )


def _shown(config: ModelConfig) -> Iterator[tuple[str, str, int]]:
    """Fields, and the weight and axis that show them."""
    names = Names.of(config)
    yield "vocab_size", names.words, 0
    # a BERT has one width
    yield "embedding_size" if config.has_mapping else "hidden_size", names.words, 1
    yield "max_position_embeddings", names.positions, 0
    yield "type_vocab_size", names.segments, 0
    yield "hidden_size", names.layers[0].attention_dense, 0
    yield "intermediate_size", names.layers[0].ffn, 0


def _layers(config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> int:
    """How many layers have tensors."""
    layer = re.compile(rf"{re.escape(Names.of(config).prefix)}encoder\.layer\.(\d+)\.")
    return len({found[1] for name in tensors if (found := layer.match(name))})
