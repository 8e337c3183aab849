"""Models with heads and neurons that add nothing, or a constant, each in one of several ways."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from alembert_compiler.layer import Layer
from alembert_compiler.model import Model
from alembert_compiler.model_config import ModelConfig
from compiler.compiled_models import random_model
from hypothesis import strategies as st
from numpy.typing import NDArray

__all__ = ["HEADS", "NEURONS", "DeadParts", "cases", "kill", "silenced"]

HEADS = ("alive", "off", "columns", "values", "biases", "halves")
"""Of heads: at work, to be switched off, without weights in the output projection, with values of
0, with values that are a bias, and with channels of both kinds."""
NEURONS = ("alive", "column", "row")


@dataclass(frozen=True, kw_only=True)
class DeadParts:
    """A model, and what became of its heads and neurons, by layer."""

    model: Model
    heads: tuple[tuple[str, ...], ...]
    neurons: tuple[tuple[str, ...], ...]
    spans: tuple[tuple[int, ...], ...]
    multiple: int

    @property
    def off(self) -> list[list[int]]:
        """As ``compact`` takes it."""
        return [[n for n, kind in enumerate(row) if kind == "off"] for row in self.heads]


def kill(
    model: Model, heads: tuple[tuple[str, ...], ...], neurons: tuple[tuple[str, ...], ...]
) -> Model:
    """The model with zeros where they must be."""
    tensors = {name: values.copy() for name, values in model.tensors.items()}
    for layer, of_heads, of_neurons in zip(model.layers, heads, neurons):
        _kill_heads(tensors, layer, of_heads)
        for n, kind in enumerate(of_neurons):
            if kind == "column":
                tensors[f"{layer.ffn_output.name}.weight"][:, n] = 0
            elif kind == "row":
                tensors[f"{layer.ffn.name}.weight"][n] = 0
    return Model(model.config, tensors)


def _kill_heads(
    tensors: dict[str, NDArray[np.float32]], layer: Layer, kinds: tuple[str, ...]
) -> None:
    size, value = layer.config.head_size, layer.value.name
    for n, kind in enumerate(kinds):
        channels = range(n * size, (n + 1) * size)
        for place, channel in enumerate(channels):
            if kind == "columns" or (kind == "halves" and place % 2):
                tensors[f"{layer.attention_dense.name}.weight"][:, channel] = -0.0
            elif kind in ("values", "biases", "halves"):
                tensors[f"{value}.weight"][channel] = 0
            if kind == "values":
                tensors[f"{value}.bias"][channel] = 0


def silenced(case: DeadParts, **options: Any) -> tuple[NDArray[np.float32], ...]:
    """Hidden states of the model as it was, where contexts of heads that are off are made 0."""
    size = case.model.config.head_size

    def tap(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        stem, _, number = name.partition(".")
        if stem != "context":
            return values
        changed = values.copy()
        for head in case.off[int(number or 0)]:
            changed[..., head * size : (head + 1) * size] = 0
        return changed

    return case.model.forward(tap=tap, spans=case.spans, **options).hidden


@st.composite
def cases(draw: st.DrawFn) -> DeadParts:
    """Both families, some narrower than their hidden states already."""
    heads, size, passes = (draw(st.integers(1, most)) for most in (4, 3, 3))
    # normalised rows of few values have small deviations at times, which rounding is divided by
    hidden = max(heads * size + draw(st.integers(0, 3)), 8)
    is_bert = draw(st.booleans())
    config = ModelConfig(
        model_type="bert" if is_bert else "albert",
        vocab_size=7,
        embedding_size=hidden if is_bert else 3,
        hidden_size=hidden,
        num_hidden_layers=passes,
        num_attention_heads=heads,
        intermediate_size=draw(st.integers(1, 9)),
        max_position_embeddings=5,
        type_vocab_size=1,
        layer_norm_eps=1e-12,
        hidden_act=draw(st.sampled_from(["gelu", "gelu_new"])),
        attention_head_size=size,
    )
    if hidden == heads * size and draw(st.booleans()):
        config = replace(config, attention_head_size=None)

    def rows(kinds: st.SearchStrategy[Any], width: int) -> Any:
        row = st.tuples(*[kinds] * width)
        return draw(st.tuples(*[row] * config.num_layers))

    of_heads = rows(st.sampled_from(HEADS), heads)
    of_neurons = rows(st.sampled_from(NEURONS), config.intermediate_size)
    model = random_model(config, ("encoder",), seed=draw(st.integers(0, 1000)))
    return DeadParts(
        model=kill(model, of_heads, of_neurons),
        heads=of_heads,
        neurons=of_neurons,
        spans=rows(st.integers(0, 5), heads),
        multiple=draw(st.integers(1, 5)),
    )
