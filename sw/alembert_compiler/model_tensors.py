"""A checkpoint's tensors as a model takes them: by present names, complete, and nothing beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .coded_weight import SCALE, CodedWeight
from .model_config import ModelConfig
from .tensor_names import Names, tensor_shapes

__all__ = ["canonical", "required_tensors"]

Float32 = NDArray[np.float32]

_IGNORED = (
    *("{0}embeddings.position_ids", "{0}embeddings.token_type_ids"),
    *("cls.seq_relationship.weight", "cls.seq_relationship.bias"),
    *("sop_classifier.classifier.weight", "sop_classifier.classifier.bias"),
)
"""Buffers, and the heads that are asked whether two sentences follow each other."""
_BARE = ("embeddings.", "encoder.", "pooler.")
_OLD = {"gamma": "weight", "beta": "bias"}


def canonical(config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A checkpoint's tensors by their present names, without those that no part needs.

    A bare encoder's names have no prefix; old checkpoints call a normalisation's parameters gamma
    and beta.

    Raises
    ------
    ValueError
        Two tensors have one name.
    """
    prefix = Names.of(config).prefix
    is_bare = not any(name.startswith(prefix) for name in tensors)
    ignored = [name.format(prefix) for name in _IGNORED]
    found: dict[str, NDArray[Any]] = {}
    for name, values in tensors.items():
        if is_bare and name.startswith(_BARE):
            name = prefix + name
        stem, _, last = name.rpartition(".")
        if stem.endswith("LayerNorm") and last in _OLD:
            name = f"{stem}.{_OLD[last]}"
        if name in found:
            raise ValueError(f"checkpoint holds {name} twice, by an old and a new name")
        if name not in ignored:
            found[name] = values
    return found


def required_tensors(
    config: ModelConfig,
    parts: tuple[str, ...],
    given: Mapping[str, NDArray[Any]],
) -> tuple[dict[str, Float32], dict[str, CodedWeight]]:
    """The tensors of some parts, in float32; and weights of linear layers that are given as codes.

    A weight is codes if it is of int8 and its scale is there, under its own name and ``SCALE``; it
    is then in both results.

    Raises
    ------
    ValueError
        One is missing, is not of floats (or codes), has another shape, or holds NaN or infinity;
        a scale is not one of codes; or there is a tensor that belongs to no part.
    """
    names = Names.of(config)
    heads = (names.classifier, names.off_ramps[0])
    labelled = [given.get(f"{head}.{end}") for head in heads for end in ("bias", "weight")]
    classes = max((len(each) for each in labelled if each is not None and each.ndim), default=1)
    shapes = tensor_shapes(config, parts, classes=classes)
    found: dict[str, Float32] = {}
    coded: dict[str, CodedWeight] = {}
    for name, shape in shapes.items():
        values = given.get(name, given.get(names.tied.get(name, "")))
        if values is None:
            raise ValueError(f"checkpoint lacks {name}")
        if values.shape != shape:
            raise ValueError(f"{name} must be of shape {shape}, not {values.shape}")
        if (scale := given.get(f"{name}{SCALE}")) is not None and _is_linear(name, shapes):
            try:
                coded[name] = CodedWeight(name=name, codes=values, scale=scale)
            except TypeError as error:
                raise ValueError(str(error)) from None
            values = coded[name].values
        if values.dtype.kind != "f":
            raise ValueError(f"{name} must hold floats, not {values.dtype}")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds NaN or infinity")
        found[name] = np.ascontiguousarray(values, dtype=np.float32)
    known = shapes.keys() | {f"{name}{SCALE}" for name in coded}
    known |= {names.decoder_bias} if "masked head" in parts else set()
    if unknown := sorted(given.keys() - known):
        raise ValueError(f"checkpoint holds what belongs to no part: {', '.join(unknown)}")
    return found, coded


def _is_linear(name: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a tensor is a linear layer's weight: a matrix with a bias; tables have none."""
    bias = f"{name.removesuffix('.weight')}.bias"
    return name.endswith(".weight") and len(shapes[name]) == 2 and bias in shapes
