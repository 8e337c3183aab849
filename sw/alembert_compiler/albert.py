"""ALBERT in float32 numpy: the reference that a machine running the same checkpoint is held to.

One post-normalised transformer layer is passed through again and again; the masked-language head is
a fully trained off-ramp after every pass. Source: Lan et al., arXiv 1909.11942.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .albert_config import EMBEDDINGS, HEAD, LAYER, MAPPING, TIED, AlbertConfig, tensor_shapes
from .float_functions import gelu, gelu_tanh, layer_norm, linear, softmax

__all__ = ["Albert", "AlbertConfig", "Forward", "LayerTensors"]

Float32 = NDArray[np.float32]


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
        hidden = [self._embed(ids)]
        layers: dict[int, LayerTensors] = {}
        for index in range(passes):
            layer = self._pass(hidden[-1], mask)
            hidden.append(layer.output)
            if index in record:
                layers[index] = layer
        return Forward(hidden=tuple(hidden), layers=layers)

    def logits(self, hidden: Float32) -> Float32:
        """The masked-language head on hidden states [..., H]: logits [..., vocabulary]."""
        dense = self._activation(self._linear(f"{HEAD}.dense", hidden))
        return self._linear(f"{HEAD}.decoder", self._normalise(f"{HEAD}.LayerNorm", dense))

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

    def _embed(self, ids: NDArray[np.int64]) -> Float32:
        words = self._tensors[f"{EMBEDDINGS}.word_embeddings.weight"][ids]
        positions = self._tensors[f"{EMBEDDINGS}.position_embeddings.weight"][: ids.shape[-1]]
        segment = self._tensors[f"{EMBEDDINGS}.token_type_embeddings.weight"][0]
        embedded = self._normalise(f"{EMBEDDINGS}.LayerNorm", words + segment + positions)
        return self._linear(MAPPING, embedded)

    def _pass(self, x: Float32, mask: NDArray[np.bool_]) -> LayerTensors:
        def heads(y: Float32) -> Float32:  # [..., T, H] -> [..., N, T, H/N]
            split = y.reshape(*y.shape[:-1], self.config.num_attention_heads, self.config.head_size)
            return np.swapaxes(split, -3, -2)

        query = self._linear(f"{LAYER}.attention.query", x)
        key = self._linear(f"{LAYER}.attention.key", x)
        value = self._linear(f"{LAYER}.attention.value", x)
        scale = np.float32(1 / np.sqrt(self.config.head_size))
        scores = heads(query) @ np.swapaxes(heads(key), -1, -2) * scale
        scores = np.where(mask[..., None, None, :], scores, np.float32(-np.inf))
        probabilities = softmax(scores)
        context = np.swapaxes(probabilities @ heads(value), -3, -2).reshape(x.shape)
        attention_output = self._linear(f"{LAYER}.attention.dense", context)
        ffn_input = self._normalise(f"{LAYER}.attention.LayerNorm", x + attention_output)
        ffn_intermediate = self._activation(self._linear(f"{LAYER}.ffn", ffn_input))
        ffn_output = self._linear(f"{LAYER}.ffn_output", ffn_intermediate)
        output = self._normalise(f"{LAYER}.full_layer_layer_norm", ffn_input + ffn_output)
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
