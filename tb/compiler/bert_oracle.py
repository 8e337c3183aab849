"""BERT in float64, one token and one head at a time, by the names of its checkpoint.

Source: Devlin et al., arXiv 1810.04805, and Vaswani et al., arXiv 1706.03762.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BertOracle", "bert_tensors"]

Vector = NDArray[np.float64]


def bert_tensors(
    rng: np.random.Generator,
    *,
    vocabulary: int,
    width: int,
    ffn: int,
    layers: int,
    positions: int,
    classes: int,
) -> dict[str, NDArray[np.float32]]:
    """A checkpoint of every head with every tensor that BERTs are saved with."""
    shapes: dict[str, tuple[int, ...]] = {
        "bert.embeddings.word_embeddings.weight": (vocabulary, width),
        "bert.embeddings.position_embeddings.weight": (positions, width),
        "bert.embeddings.token_type_embeddings.weight": (2, width),
        "cls.predictions.bias": (vocabulary,),
    }
    linears = {
        "bert.pooler.dense": (width, width),
        "cls.predictions.transform.dense": (width, width),
        "cls.seq_relationship": (2, width),
        "classifier": (classes, width),
    }
    norms = ["bert.embeddings.LayerNorm", "cls.predictions.transform.LayerNorm"]
    for index in range(layers):
        layer = f"bert.encoder.layer.{index}"
        for part in ("query", "key", "value"):
            linears[f"{layer}.attention.self.{part}"] = (width, width)
        linears[f"{layer}.attention.output.dense"] = (width, width)
        linears[f"{layer}.intermediate.dense"] = (ffn, width)
        linears[f"{layer}.output.dense"] = (width, ffn)
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    for name, shape in linears.items():
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]
    for name in norms:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (width,)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


class BertOracle:
    """The network of a checkpoint's tensors.

    Parameters
    ----------
    tensors : mapping of str to array
    heads : int
    epsilon : float
    spans : sequence of sequence of int, optional
        By layer and head: a token sees those nearer than this; 0: all.
    """

    def __init__(
        self,
        tensors: Mapping[str, NDArray[Any]],
        *,
        heads: int,
        epsilon: float,
        spans: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.tensors = {name: values.astype(np.float64) for name, values in tensors.items()}
        self.heads, self.epsilon, self.spans = heads, epsilon, spans

    def linear(self, name: str, x: Vector) -> Vector:
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        return np.array([math.fsum(row * x) + b for row, b in zip(weight, bias)])

    def norm(self, name: str, x: Vector) -> Vector:
        mean = math.fsum(x) / len(x)
        variance = math.fsum((x - mean) ** 2) / len(x)
        normal = (x - mean) / math.sqrt(variance + self.epsilon)
        return normal * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]

    def gelu(self, x: Vector) -> Vector:
        return np.array([v / 2 * math.erfc(-v / math.sqrt(2)) for v in x])

    def embed(self, ids: Sequence[int]) -> list[Vector]:
        place = "bert.embeddings"
        words = self.tensors[f"{place}.word_embeddings.weight"]
        positions = self.tensors[f"{place}.position_embeddings.weight"]
        segment = self.tensors[f"{place}.token_type_embeddings.weight"][0]
        return [
            self.norm(f"{place}.LayerNorm", words[token] + positions[place_] + segment)
            for place_, token in enumerate(ids)
        ]

    def layer(self, index: int, states: list[Vector]) -> list[Vector]:
        """The encoder's layer of this number."""
        name = f"bert.encoder.layer.{index}"
        outputs = []
        for place, x in enumerate(states):
            context = self.attend(index, place, states)
            dense = self.linear(f"{name}.attention.output.dense", context)
            x = self.norm(f"{name}.attention.output.LayerNorm", x + dense)
            inner = self.gelu(self.linear(f"{name}.intermediate.dense", x))
            ffn = self.linear(f"{name}.output.dense", inner)
            outputs.append(self.norm(f"{name}.output.LayerNorm", x + ffn))
        return outputs

    def attend(self, index: int, place: int, states: list[Vector]) -> Vector:
        """What a token takes from the values of those it sees, heads side by side."""
        name = f"bert.encoder.layer.{index}.attention.self"
        query = self.linear(f"{name}.query", states[place])
        size = len(query) // self.heads
        contexts = []
        for head in range(self.heads):
            part = slice(head * size, (head + 1) * size)
            span = 0 if self.spans is None else self.spans[index][head]
            seen = [x for k, x in enumerate(states) if not span or abs(k - place) < span]
            keys = [self.linear(f"{name}.key", x)[part] for x in seen]
            values = [self.linear(f"{name}.value", x)[part] for x in seen]
            scores = [math.exp(query[part] @ key / math.sqrt(size)) for key in keys]
            contexts.append(sum(s * v for s, v in zip(scores, values)) / math.fsum(scores))
        return np.concatenate(contexts)

    def masked_logits(self, x: Vector) -> Vector:
        """The masked-language head, whose decoder is the word embedding."""
        place = "cls.predictions"
        dense = self.gelu(self.linear(f"{place}.transform.dense", x))
        normal = self.norm(f"{place}.transform.LayerNorm", dense)
        words = self.tensors["bert.embeddings.word_embeddings.weight"]
        return words @ normal + self.tensors[f"{place}.bias"]

    def class_logits(self, x: Vector) -> Vector:
        """The classifier of token 0's state, behind the pooler."""
        pooled = [math.tanh(v) for v in self.linear("bert.pooler.dense", x)]
        return self.linear("classifier", np.array(pooled))
