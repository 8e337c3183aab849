"""ALBERT in float64, one token and one head at a time: the oracle of the float32 reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from alembert_compiler.model_config import ModelConfig
from numpy.typing import NDArray

__all__ = ["LAYER", "Oracle"]

LAYER = "albert.encoder.albert_layer_groups.0.albert_layers.0"


class Oracle:
    """The network of a config and its checkpoint's tensors."""

    def __init__(self, config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.config = config
        self.tensors = {name: values.astype(np.float64) for name, values in tensors.items()}

    def linear(self, name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
        product = np.einsum("oi,i->o", self.tensors[f"{name}.weight"], x)
        return product + self.tensors[f"{name}.bias"]

    def norm(self, name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
        normal = (x - np.mean(x)) / math.sqrt(np.var(x) + self.config.layer_norm_eps)
        return normal * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]

    def gelu(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([v / 2 * math.erfc(-v / math.sqrt(2)) for v in x])

    def embed(self, ids: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        prefix = "albert.embeddings"
        words = self.tensors[f"{prefix}.word_embeddings.weight"]
        positions = self.tensors[f"{prefix}.position_embeddings.weight"]
        segment = self.tensors[f"{prefix}.token_type_embeddings.weight"][0]
        sums = [words[token] + positions[i] + segment for i, token in enumerate(ids)]
        normal = [self.norm(f"{prefix}.LayerNorm", x) for x in sums]
        return [self.linear("albert.encoder.embedding_hidden_mapping_in", x) for x in normal]

    def layer(self, states: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        query, key, value = (
            [self.linear(f"{LAYER}.attention.{part}", x) for x in states]
            for part in ("query", "key", "value")
        )
        size = self.config.head_size
        outputs = []
        for i, x in enumerate(states):
            context = np.zeros(self.config.attention_size)
            for head in range(self.config.num_attention_heads):
                part = slice(head * size, (head + 1) * size)
                scores = [math.exp(query[i][part] @ k[part] / math.sqrt(size)) for k in key]
                for score, v in zip(scores, value):
                    context[part] += score / sum(scores) * v[part]
            x = self.norm(
                f"{LAYER}.attention.LayerNorm", x + self.linear(f"{LAYER}.attention.dense", context)
            )
            ffn = self.linear(f"{LAYER}.ffn_output", self.gelu(self.linear(f"{LAYER}.ffn", x)))
            outputs.append(self.norm(f"{LAYER}.full_layer_layer_norm", x + ffn))
        return outputs

    def logits(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        dense = self.norm("predictions.LayerNorm", self.gelu(self.linear("predictions.dense", x)))
        return self.linear("predictions.decoder", dense)
