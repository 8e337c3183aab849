"""Attention heads and feed-forward neurons that add nothing, taken out of a model.

A channel d of a head's context adds its column of the output projection times the context; it adds
nothing if that column is zero. If the value projection's row is zero, the context is the bias b_d
for every token, since a row of probabilities sums to 1, and b_d times the column is a constant. A
head all of whose channels are so is removed. A neuron adds its column of the second feed-forward
layer times gelu(row · x + b): nothing if the column is zero, gelu(b) times the column if the row
is. Constants go into the bias of the layer that they are added in.

Which heads and neurons do little, and may be made to do nothing, is for others to find: Michel et
al., arXiv 1905.10650, for heads; EdgeBERT (Tambe et al., arXiv 2011.14203) for spans that end at 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .layer import Dense, Layer, activation
from .model import Model
from .model_config import ModelConfig
from .spans import Spans, head_spans

__all__ = ["Compacted", "compact"]

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]
Tensors = dict[str, NDArray[Any]]
Numbers = tuple[tuple[int, ...], ...]
"""Of heads or neurons as they were before, ascending, by layer."""


@dataclass(frozen=True, kw_only=True)
class Compacted:
    """A model without what it does not need."""

    model: Model
    spans: Spans
    """Of the heads that are left."""
    removed_heads: Numbers
    removed_neurons: Numbers
    padding_heads: Numbers
    """Left, although nothing needs them: the first of those, where a layer of its own needs fewer
    than another, or no head would be left at all. Their values are 0."""
    padding_neurons: Numbers
    """Likewise, or to fill up a multiple. All their weights and biases are 0."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What a layer needs of its heads or neurons, [n]; and the constants that they add, [n, H]."""

    needed: Bool
    constants: Float64


def compact(
    model: Model,
    spans: ArrayLike | None = None,
    heads_off: Iterable[int] | Iterable[Iterable[int]] = (),
    *,
    multiple: int = 16,
) -> Compacted:
    """Remove heads and neurons that add nothing, or a constant.

    The model computes the same but for the rounding of sums that have another order. Its
    ``attention_head_size`` stays as it is, and weights that were given as codes stay codes. Layers
    of their own keep as many heads and neurons as the one that needs most.

    Parameters
    ----------
    model : Model
    spans : array of int, optional
        How far heads see; see :func:`alembert_compiler.spans.head_spans`.
    heads_off : iterable of int, or one for each layer
        Heads whose context shall count as 0: their values' bias counts no more either. Those of
        one row are off in all layers.
    multiple : int
        Neurons left are a multiple of this, or all there were: a machine computes whole words of
        codes (``machine.word_codes``) and whole vectors (``machine.main.vmac.lanes``).

    Raises
    ------
    TypeError
        A head or ``multiple`` is not an int.
    ValueError
        There is no such head, there are rows of heads for another number of layers, ``multiple``
        is less than 1, or spans do not suit the heads.
    """
    if not isinstance(multiple, int) or isinstance(multiple, bool):
        raise TypeError(f"multiple must be an int, not {multiple!r}")
    if multiple < 1:
        raise ValueError(f"multiple must be at least 1, not {multiple}")
    config, reach = model.config, head_spans(model.config, spans)
    off = _switched_off(config, heads_off)
    heads = [_heads(layer, row) for layer, row in zip(model.layers, off)]
    neurons = [_neurons(layer) for layer in model.layers]
    most = max(int(each.needed.sum()) for each in neurons)
    kept_heads = _kept(heads, max(1, *(int(each.needed.sum()) for each in heads)))
    kept_neurons = _kept(neurons, max(1, -(-most // multiple)) * multiple)
    tensors = dict(model.stored)
    for index, layer in enumerate(model.layers):
        tensors |= _without_heads(layer, heads[index], kept_heads[index])
        tensors |= _without_neurons(layer, neurons[index], kept_neurons[index])
    left = replace(
        config,
        num_attention_heads=int(kept_heads[0].sum()),
        # the size that a config without this field has would be another
        attention_head_size=config.attention_head_size if kept_heads[0].all() else config.head_size,
        intermediate_size=int(kept_neurons[0].sum()),
    )
    return Compacted(
        model=Model(left, tensors),
        spans=tuple(
            tuple(span for span, is_kept in zip(row, kept) if is_kept)
            for row, kept in zip(reach, kept_heads)
        ),
        removed_heads=_numbers(~kept for kept in kept_heads),
        removed_neurons=_numbers(~kept for kept in kept_neurons),
        padding_heads=_numbers(k & ~each.needed for k, each in zip(kept_heads, heads)),
        padding_neurons=_numbers(k & ~each.needed for k, each in zip(kept_neurons, neurons)),
    )


def _switched_off(
    config: ModelConfig, heads_off: Iterable[int] | Iterable[Iterable[int]]
) -> list[Bool]:
    """[heads] by layer."""
    given: list[Any] = list(heads_off)
    rows = [list(row) for row in given if isinstance(row, Iterable)]
    if not rows:
        rows = [given] * config.num_layers
    elif len(rows) != len(given):
        raise TypeError(f"heads_off must be heads, or rows of heads, not both: {given!r}")
    if len(rows) != config.num_layers:
        raise ValueError(
            f"heads_off must have a row for each of the {config.num_layers} layers, not {len(rows)}"
        )
    heads = config.num_attention_heads
    for head in (head for row in rows for head in row):
        if not isinstance(head, int | np.integer) or isinstance(head, bool):
            raise TypeError(f"heads_off must hold ints, not {head!r}")
        if not 0 <= head < heads:
            raise ValueError(f"heads_off must be between 0 and {heads - 1}, not {head}")
    return [np.isin(np.arange(heads), row) for row in rows]


def _heads(layer: Layer, off: Bool) -> _Found:
    columns, bias = layer.attention_dense.weight.astype(np.float64).T, layer.value.bias
    is_constant = ~np.any(layer.value.weight, axis=1)
    does_work = ~is_constant & np.any(columns, axis=1)
    constants = np.where(is_constant, bias, np.float32(0))[:, np.newaxis] * columns
    shape = (len(off), layer.config.head_size)
    of_heads = constants.reshape(*shape, -1).sum(axis=1)
    return _Found(
        needed=np.any(does_work.reshape(shape), axis=1) & ~off,
        constants=np.where(off[:, np.newaxis], 0.0, of_heads),
    )


def _neurons(layer: Layer) -> _Found:
    columns = layer.ffn_output.weight.astype(np.float64).T
    is_constant = ~np.any(layer.ffn.weight, axis=1)
    value = np.where(is_constant, activation(layer.config, layer.ffn.bias), np.float32(0))
    return _Found(
        needed=~is_constant & np.any(columns, axis=1),
        constants=value[:, np.newaxis] * columns,
    )


def _kept(found: list[_Found], count: int) -> list[Bool]:
    """As many in every layer: all that are needed, then the first that are not."""
    masks = []
    for each in found:
        order = np.argsort(~each.needed, kind="stable")[:count]
        masks.append(np.isin(np.arange(len(each.needed)), order))
    return masks


def _without_heads(layer: Layer, found: _Found, kept: Bool) -> Tensors:
    size = layer.config.head_size
    is_idle, channels = np.repeat(~found.needed, size), np.repeat(kept, size)
    none = np.zeros_like(is_idle)
    return (
        _channels(layer.query, none, channels)
        | _channels(layer.key, none, channels)
        | _channels(layer.value, is_idle, channels)
        | _summing(layer.attention_dense, is_idle, channels, found)
    )


def _without_neurons(layer: Layer, found: _Found, kept: Bool) -> Tensors:
    is_idle = ~found.needed
    return _channels(layer.ffn, is_idle, kept) | _summing(layer.ffn_output, is_idle, kept, found)


def _channels(dense: Dense, is_idle: Bool, kept: Bool) -> Tensors:
    """Outputs that are left, with neither weights nor bias where they are idle: no scale shall be
    chosen for them."""
    bias = np.where(is_idle, np.float32(0), dense.bias)[kept]
    return _weight(dense, is_idle[:, np.newaxis], (kept,)) | {f"{dense.name}.bias": bias}


def _summing(dense: Dense, is_idle: Bool, kept: Bool, found: _Found) -> Tensors:
    """The layer that what is left is added in."""
    bias = dense.bias.astype(np.float64) + found.constants[~found.needed].sum(axis=0)
    weight = _weight(dense, is_idle, (slice(None), kept))
    return weight | {f"{dense.name}.bias": bias.astype(np.float32)}


def _weight(dense: Dense, is_idle: Bool, left: tuple[Bool | slice, ...]) -> Tensors:
    """What is left of it, 0 where it is idle; codes stay codes."""
    coded = dense.coded
    if coded is None:
        return {f"{dense.name}.weight": np.where(is_idle, np.float32(0), dense.weight)[left]}
    scale = coded.scale[left[0]] if coded.scale.ndim else coded.scale
    codes = np.where(is_idle, np.int8(0), coded.codes)[left]
    return replace(coded, codes=codes, scale=scale).tensors


def _numbers(masks: Iterable[Bool]) -> Numbers:
    return tuple(tuple(int(number) for number in np.flatnonzero(mask)) for mask in masks)
