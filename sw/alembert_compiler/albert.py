"""ALBERT in float32 numpy: the reference that a machine running the same checkpoint is held to.

One post-normalised transformer layer is passed through again and again; the masked-language head is
a fully trained off-ramp after every pass. Source: Lan et al., arXiv 1909.11942.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .albert_config import EMBEDDINGS, HEAD, LAYER, MAPPING, TIED, AlbertConfig, tensor_shapes
from .float_functions import gelu, gelu_tanh, layer_norm, linear, softmax

__all__ = ["Albert", "AlbertConfig", "Forward", "LayerTensors", "Tap", "untouched"]

Float32 = NDArray[np.float32]

Tap = Callable[[str, Float32], Float32]
"""Sees every tensor of a forward pass by name, and what it returns goes on in its place."""


def untouched(name: str, tensor: Float32) -> Float32:
    """The tap that changes nothing."""
    return tensor


@dataclass(frozen=True, kw_only=True)
class LayerTensors:
    """What flows through one pass; T tokens, width H, N heads, feed-forward width F.

    Every array has the batch dimensions of the token ids in front.
    """

    attention_input: Float32
    """[T, H], the hidden states that enter the pass."""
    query: Float32
    """[T, H], heads side by side."""
    key: Float32
    """[T, H]."""
    value: Float32
    """[T, H]."""
    probabilities: Float32
    """[N, T, T], the softmax of the scaled scores: query, then key."""
    context: Float32
    """[T, H], probabilities × value, heads side by side."""
    attention_output: Float32
    """[T, H], the output projection, before the residual is added."""
    ffn_input: Float32
    """[T, H], after the residual and its normalisation."""
    ffn_intermediate: Float32
    """[T, F], after GELU."""
    ffn_output: Float32
    """[T, H], before the residual is added."""
    output: Float32
    """[T, H], after the residual and its normalisation: the next pass's input."""


@dataclass(frozen=True, kw_only=True)
class Forward:
    """The result of a forward pass."""

    hidden: tuple[Float32, ...]
    """[T, H] each: the mapped embeddings, then the hidden states after every pass."""
    layers: Mapping[int, LayerTensors]
    """The tensors of the passes asked for, by index from 0."""


class Albert:
    """An ALBERT with its masked-language head.

    Parameters
    ----------
    config : AlbertConfig
        Its shape.
    tensors : mapping of str to array
        The checkpoint's tensors by name; kept as float32. Tensors that are not needed (the
        pooler) are ignored; the head's decoder is the word embedding if it has none of its own.

    Raises
    ------
    ValueError
        A tensor is missing, is not of floats, has another shape than ``config`` says, or holds
        NaN or infinity.
    """

    def __init__(self, config: AlbertConfig, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.config = config
        self._tensors: dict[str, Float32] = {}
        for name, shape in tensor_shapes(config).items():
            values = tensors.get(name, tensors.get(TIED.get(name, "")))
            if values is None:
                raise ValueError(f"checkpoint lacks {name}")
            if values.shape != shape:
                raise ValueError(f"{name} must be of shape {shape}, not {values.shape}")
            if values.dtype.kind != "f":
                raise ValueError(f"{name} must hold floats, not {values.dtype}")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} holds NaN or infinity")
            self._tensors[name] = np.ascontiguousarray(values, dtype=np.float32)

    def map_tensors(self, change: Tap) -> Albert:
        """The same model with every tensor, by its name in the checkpoint, put through ``change``.

        Raises
        ------
        ValueError
            What comes back has another shape, is not of floats, or holds NaN or infinity.
        """
        changed = {name: change(name, tensor) for name, tensor in self._tensors.items()}
        return Albert(self.config, changed)

    def layer_weight(self, name: str) -> Float32:
        """A weight of the shared layer as [out, in], e.g. ``"attention.query"`` or ``"ffn"``."""
        return self._tensors[f"{LAYER}.{name}.weight"]

    def layer_bias(self, name: str) -> Float32:
        """A bias of the shared layer, [out]."""
        return self._tensors[f"{LAYER}.{name}.bias"]

    def forward(
        self,
        token_ids: ArrayLike,
        *,
        attention_mask: ArrayLike | None = None,
        record: Collection[int] = (),
        tap: Tap = untouched,
    ) -> Forward:
        """Run every pass.

        Parameters
        ----------
        token_ids : array of int, [..., T]
            One sequence, or a batch of padded ones; segment type 0.
        attention_mask : array of bool, [..., T], optional
            False where a token is padding; all True otherwise.
        record : collection of int
            The passes, from 0, whose tensors are kept.
        tap : Tap
            Called with "embeddings", "hidden" (after the mapping and after every pass), the names
            of :class:`LayerTensors`, "scores" (before the softmax) and "ffn_sum" (before GELU).

        Raises
        ------
        ValueError
            A token id is outside the vocabulary, a sequence is empty or too long, a mask has
            another shape or leaves a sequence no token, or a recorded pass does not exist.
        """
        ids, mask = self._checked(token_ids, attention_mask)
        passes = self.config.num_hidden_layers
        for index in record:
            if not 0 <= index < passes:
                raise ValueError(f"recorded pass must be between 0 and {passes - 1}, not {index}")
        hidden = [self._embed(ids, tap)]
        layers: dict[int, LayerTensors] = {}
        for index in range(passes):
            layer = self._pass(hidden[-1], mask, tap)
            hidden.append(layer.output)
            if index in record:
                layers[index] = layer
        return Forward(hidden=tuple(hidden), layers=layers)

    def logits(self, hidden: Float32, *, tap: Tap = untouched) -> Float32:
        """The masked-language head on hidden states [..., H]: logits [..., vocabulary].

        ``tap`` is called with "head_sum" (before GELU), "head_dense" and "head_normalised".
        """
        total = tap("head_sum", self._linear(f"{HEAD}.dense", hidden))
        dense = tap("head_dense", self._activation(total))
        normalised = tap("head_normalised", self._normalise(f"{HEAD}.LayerNorm", dense))
        return self._linear(f"{HEAD}.decoder", normalised)

    def off_ramp_logits(self, token_ids: ArrayLike, **options: Any) -> Float32:
        """The head's logits after every pass, [passes, ..., T, vocabulary]."""
        return self.logits(np.stack(self.forward(token_ids, **options).hidden[1:]))

    def _checked(
        self, token_ids: ArrayLike, attention_mask: ArrayLike | None
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        ids = np.asarray(token_ids)
        if ids.ndim < 1 or ids.dtype.kind not in "iu" or not ids.size:
            raise ValueError(f"token ids must be ints [..., T], not {ids.dtype} {ids.shape}")
        if ids.min() < 0 or ids.max() >= self.config.vocab_size:
            raise ValueError(
                f"token ids must be between 0 and {self.config.vocab_size - 1}, "
                f"not {ids.min()}…{ids.max()}"
            )
        if ids.shape[-1] > self.config.max_position_embeddings:
            raise ValueError(
                f"a sequence must have at most {self.config.max_position_embeddings} tokens, "
                f"not {ids.shape[-1]}"
            )
        mask = np.ones(ids.shape, bool) if attention_mask is None else np.asarray(attention_mask)
        if mask.shape != ids.shape:
            raise ValueError(f"attention mask must be of shape {ids.shape}, not {mask.shape}")
        mask = mask.astype(bool)
        if not mask.any(axis=-1).all():
            raise ValueError("attention mask leaves a sequence no token")
        return ids.astype(np.int64), mask

    def _linear(self, name: str, x: Float32) -> Float32:
        return linear(x, self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"])

    def _normalise(self, name: str, x: Float32) -> Float32:
        weight, bias = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
        return layer_norm(x, weight, bias, self.config.layer_norm_eps)

    def _activation(self, x: Float32) -> Float32:
        return gelu(x) if self.config.hidden_act == "gelu" else gelu_tanh(x)

    def _embed(self, ids: NDArray[np.int64], tap: Tap) -> Float32:
        words = self._tensors[f"{EMBEDDINGS}.word_embeddings.weight"][ids]
        positions = self._tensors[f"{EMBEDDINGS}.position_embeddings.weight"][: ids.shape[-1]]
        segment = self._tensors[f"{EMBEDDINGS}.token_type_embeddings.weight"][0]
        embedded = self._normalise(f"{EMBEDDINGS}.LayerNorm", words + segment + positions)
        return tap("hidden", self._linear(MAPPING, tap("embeddings", embedded)))

    def _pass(self, x: Float32, mask: NDArray[np.bool_], tap: Tap) -> LayerTensors:
        def heads(y: Float32) -> Float32:  # [..., T, H] -> [..., N, T, H/N]
            split = y.reshape(*y.shape[:-1], self.config.num_attention_heads, self.config.head_size)
            return np.swapaxes(split, -3, -2)

        query = tap("query", self._linear(f"{LAYER}.attention.query", x))
        key = tap("key", self._linear(f"{LAYER}.attention.key", x))
        value = tap("value", self._linear(f"{LAYER}.attention.value", x))
        scale = np.float32(1 / np.sqrt(self.config.head_size))
        scores = tap("scores", heads(query) @ np.swapaxes(heads(key), -1, -2) * scale)
        scores = np.where(mask[..., None, None, :], scores, np.float32(-np.inf))
        probabilities = tap("probabilities", softmax(scores))
        context = np.swapaxes(probabilities @ heads(value), -3, -2).reshape(x.shape)
        context = tap("context", context)
        attention_output = tap(
            "attention_output", self._linear(f"{LAYER}.attention.dense", context)
        )
        normalised = self._normalise(f"{LAYER}.attention.LayerNorm", x + attention_output)
        ffn_input = tap("ffn_input", normalised)
        ffn_sum = tap("ffn_sum", self._linear(f"{LAYER}.ffn", ffn_input))
        ffn_intermediate = tap("ffn_intermediate", self._activation(ffn_sum))
        ffn_output = tap("ffn_output", self._linear(f"{LAYER}.ffn_output", ffn_intermediate))
        normalised = self._normalise(f"{LAYER}.full_layer_layer_norm", ffn_input + ffn_output)
        output = tap("hidden", normalised)
        return LayerTensors(
            attention_input=x,
            query=query,
            key=key,
            value=value,
            probabilities=probabilities,
            context=context,
            attention_output=attention_output,
            ffn_input=ffn_input,
            ffn_intermediate=ffn_intermediate,
            ffn_output=ffn_output,
            output=output,
        )
