"""A checkpoint's tensors as a model takes them: by present names, complete, and nothing beside."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .coded_weight import SCALE, CodedWeight
from .encoder_place import EncoderPlace, find_encoder, unwrapped
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
_TRAINING = frozenset(
    ("criterion", "loss", "loss_fct", "loss_fn", "lr_schedulers", "optimizer", "optimizer_states")
)
"""Parts of names that only training has: weights of classes in a loss, moments of an optimiser."""
_BARE = ("embeddings.", "encoder.", "pooler.")
_OLD = {"gamma": "weight", "beta": "bias"}
_LISTED = 4


def canonical(config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A checkpoint's tensors by their present names, without those that no part needs.

    What a trainer put in front of the model's names is left out; a bare encoder's names have no
    prefix of the family; old checkpoints call a normalisation's parameters gamma and beta. Counters
    and what belongs to a loss or an optimiser are no part of a model.

    Raises
    ------
    ValueError
        Two tensors have one name, or some lie outside of what the encoder is in.
    """
    family = Names.of(config).prefix
    place = find_encoder(map(unwrapped, tensors)) or EncoderPlace(
        prefix="", family=None, is_bare=False
    )
    ignored = [name.format(family) for name in _IGNORED]
    found: dict[str, NDArray[Any]] = {}
    outside: list[str] = []
    for stored, values in tensors.items():
        name = unwrapped(stored)
        if not _TRAINING.isdisjoint(name.split(".")) or _is_counter(values):
            continue
        if not name.startswith(place.prefix):
            outside.append(name)
            continue
        name = name.removeprefix(place.prefix)
        if place.is_bare and name.startswith(_BARE):
            name = family + name
        stem, _, last = name.rpartition(".")
        if stem.lower().endswith(("layernorm", "layer_norm")) and last in _OLD:
            name = f"{stem}.{_OLD[last]}"
        if name in found:
            raise ValueError(f"checkpoint holds {name} twice, by an old and a new name")
        if name not in ignored:
            found[name] = values
    if outside:
        raise ValueError(
            f"the encoder's names begin with {place.prefix!r}, and those of {_listed(outside)} do "
            f"not: what lies between is not known"
        )
    return found


def _is_counter(values: NDArray[Any]) -> bool:
    """A whole number by itself, as of batches or steps."""
    return values.size == 1 and values.dtype in (np.int32, np.int64)


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
            left = given.keys() - shapes.keys()
            raise ValueError(f"checkpoint lacks {name}{_nearest(name, left)}")
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
        with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite
            found[name] = np.ascontiguousarray(values, dtype=np.float32)
        if not np.isfinite(found[name]).all():
            raise ValueError(f"{name} holds NaN or infinity")
    known = shapes.keys() | {f"{name}{SCALE}" for name in coded}
    known |= {names.decoder_bias} if "masked head" in parts else set()
    if unknown := sorted(given.keys() - known):
        raise ValueError(f"checkpoint holds what belongs to no part: {_listed(unknown)}")
    return found, coded


def _is_linear(name: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a tensor is a linear layer's weight: a matrix with a bias; tables have none."""
    bias = f"{name.removesuffix('.weight')}.bias"
    return name.endswith(".weight") and len(shapes[name]) == 2 and bias in shapes


def _nearest(name: str, others: Collection[str]) -> str:
    """What a checkpoint may call a tensor that it lacks."""
    found = difflib.get_close_matches(name, sorted(others), n=1)
    return f"; the nearest that it holds is {found[0]}" if found else ""


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
