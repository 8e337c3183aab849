"""One post-normalised transformer layer in float32: its weights, and what flows through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from alembert.config.gelu import GeluForm
from numpy.typing import NDArray

from .activations import FORMS
from .coded_weight import CodedWeight
from .float_functions import gelu, gelu_tanh, layer_norm, linear, softmax
from .model_config import ModelConfig
from .weights import Weights

__all__ = ["Dense", "Layer", "LayerTensors", "Multiply", "Norm", "Tap", "activation", "untouched"]

Float32 = NDArray[np.float32]

Multiply = Callable[[Float32, Float32], Float32]
"""How two matrices, or two stacks of some, are multiplied."""

Tap = Callable[[str, Float32], Float32]
"""Sees every tensor of a forward pass by name, and what it returns goes on in its place."""


def untouched(name: str, tensor: Float32) -> Float32:
    """The tap that changes nothing."""
    return tensor


@dataclass(frozen=True, kw_only=True)
class Dense:
    """A linear layer."""

    name: str
    """In the checkpoint, without ".weight"."""
    weight: Float32
    """[out, in]."""
    bias: Float32
    """[out]."""
    coded: CodedWeight | None = None
    """The codes that a checkpoint gave the weight as."""

    def __call__(self, x: Float32, multiply: Multiply = np.matmul) -> Float32:
        """x · weightᵀ + bias."""
        return linear(x, self.weight, self.bias, multiply)

    @property
    def weights(self) -> Weights:
        """[in, out], with the codes that there are."""
        coded = self.coded
        if coded is None:
            return Weights(values=self.weight.astype(np.float64).T)
        return Weights(values=(coded.codes * coded.scales[:, np.newaxis]).T, coded=coded)


@dataclass(frozen=True, kw_only=True)
class Norm:
    """A layer normalisation."""

    name: str
    weight: Float32
    """[n], γ."""
    bias: Float32
    """[n], β."""
    epsilon: float

    def __call__(self, x: Float32) -> Float32:
        """Normalised over the last axis."""
        return layer_norm(x, self.weight, self.bias, self.epsilon)


@dataclass(frozen=True, kw_only=True)
class LayerTensors:
    """What flows through one pass; T tokens, width H, N heads that are A wide together,
    feed-forward width F.

    Every array has the batch dimensions of the token ids in front.
    """

    attention_input: Float32
    """[T, H], the hidden states that enter the pass."""
    query: Float32
    """[T, A], heads side by side."""
    key: Float32
    """[T, A]."""
    value: Float32
    """[T, A]."""
    probabilities: Float32
    """[N, T, T], the softmax of the scaled scores: query, then key."""
    context: Float32
    """[T, A], probabilities × value, heads side by side."""
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
class Layer:
    """Self-attention and a feed-forward network, each with a residual and its normalisation."""

    config: ModelConfig
    query: Dense
    key: Dense
    value: Dense
    attention_dense: Dense
    attention_norm: Norm
    ffn: Dense
    ffn_output: Dense
    output_norm: Norm

    def forward(
        self, x: Float32, visible: NDArray[np.bool_], tap: Tap, multiply: Multiply = np.matmul
    ) -> LayerTensors:
        """A pass.

        Parameters
        ----------
        x : array [..., T, H]
            Hidden states.
        visible : array of bool, broadcast against [..., N, T, T]
            Which keys a query of a head sees; at least one.
        tap : Tap
            Called with the names of :class:`LayerTensors` but for its ends, with "scores" (before
            the softmax), "ffn_sum" (before GELU) and "output".
        multiply : Multiply
        """
        query, key = tap("query", self.query(x, multiply)), tap("key", self.key(x, multiply))
        value = tap("value", self.value(x, multiply))
        scale = np.float32(1 / np.sqrt(self.config.head_size))
        products = multiply(self._heads(query), np.swapaxes(self._heads(key), -1, -2))
        scores = tap("scores", products * scale)
        scores = np.where(visible, scores, np.float32(-np.inf))
        probabilities = tap("probabilities", softmax(scores))
        context = np.swapaxes(multiply(probabilities, self._heads(value)), -3, -2)
        context = tap("context", context.reshape(value.shape))
        attention_output = tap("attention_output", self.attention_dense(context, multiply))
        ffn_input = tap("ffn_input", self.attention_norm(x + attention_output))
        total = tap("ffn_sum", self.ffn(ffn_input, multiply))
        ffn_intermediate = tap("ffn_intermediate", activation(self.config, total))
        ffn_output = tap("ffn_output", self.ffn_output(ffn_intermediate, multiply))
        output = tap("output", self.output_norm(ffn_input + ffn_output))
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

    def _heads(self, y: Float32) -> Float32:
        """[..., T, A] to [..., N, T, A/N]."""
        split = y.reshape(*y.shape[:-1], self.config.num_attention_heads, self.config.head_size)
        return np.swapaxes(split, -3, -2)


def activation(config: ModelConfig, x: Float32) -> Float32:
    """The model's ReLU, or its GELU in its own form."""
    if config.has_relu:
        return np.maximum(x, 0)
    return gelu(x) if FORMS[config.hidden_act] is GeluForm.ERF else gelu_tanh(x)
