"""The shape of an ALBERT checkpoint, as its ``config.json`` gives it, and its tensors' names."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["EMBEDDINGS", "HEAD", "LAYER", "MAPPING", "TIED", "AlbertConfig", "tensor_shapes"]

EMBEDDINGS = "albert.embeddings"
MAPPING = "albert.encoder.embedding_hidden_mapping_in"
LAYER = "albert.encoder.albert_layer_groups.0.albert_layers.0"
HEAD = "predictions"

TIED = {
    f"{HEAD}.decoder.weight": f"{EMBEDDINGS}.word_embeddings.weight",
    f"{HEAD}.decoder.bias": f"{HEAD}.bias",
}
"""Tensors that a checkpoint may leave out, and those that then take their places."""

_ACTIVATIONS = ("gelu", "gelu_new")


@dataclass(frozen=True, kw_only=True)
class AlbertConfig:
    """Dimensions of an ALBERT whose passes all share one layer.

    Fields have the names of ``config.json``.

    Parameters
    ----------
    vocab_size : int
        Tokens in the vocabulary.
    embedding_size : int
        Width of the factorised embedding.
    hidden_size : int
        Width of the hidden states; a multiple of the number of heads.
    num_hidden_layers : int
        Passes through the shared layer.
    num_attention_heads : int
        Attention heads.
    intermediate_size : int
        Width of the feed-forward network.
    max_position_embeddings : int
        Longest sequence, in tokens.
    type_vocab_size : int
        Segment types.
    layer_norm_eps : float
        ε under layer normalisation's square root.
    hidden_act : str
        "gelu" (the erf form) or "gelu_new" (the tanh form).

    Raises
    ------
    TypeError
        A dimension is not an int.
    ValueError
        A field is out of its range, or the checkpoint's shape is not supported.
    """

    vocab_size: int
    embedding_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float
    hidden_act: str

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type != "int":
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{field.name} must be an int, not {value!r}")
            if value < 1:
                raise ValueError(f"{field.name} must be at least 1, not {value}")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size must be a multiple of num_attention_heads "
                f"({self.num_attention_heads}), not {self.hidden_size}"
            )
        if not isinstance(self.layer_norm_eps, float) or not 0 < self.layer_norm_eps < 1:
            raise ValueError(f"layer_norm_eps must be between 0 and 1, not {self.layer_norm_eps!r}")
        if self.hidden_act not in _ACTIVATIONS:
            raise ValueError(
                f"hidden_act must be one of {', '.join(_ACTIVATIONS)}, not {self.hidden_act!r}"
            )

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @classmethod
    def from_json(cls, text: str | bytes) -> AlbertConfig:
        """From the contents of a ``config.json``.

        Raises
        ------
        ValueError
            The text is not JSON, lacks a field, describes another kind of model, or one with
            more than one shared layer.
        """
        try:
            values: Any = json.loads(text)
        except ValueError as error:
            raise ValueError(f"config is not JSON: {error}") from error
        if not isinstance(values, dict) or values.get("model_type") != "albert":
            kind = values.get("model_type") if isinstance(values, dict) else values
            raise ValueError(f"model_type must be 'albert', not {kind!r}")
        for name in ("num_hidden_groups", "inner_group_num"):
            if values.get(name, 1) != 1:
                raise ValueError(f"{name} must be 1 (one shared layer), not {values[name]!r}")
        names = [field.name for field in fields(cls)]
        if missing := [name for name in names if name not in values]:
            raise ValueError(f"config lacks {', '.join(missing)}")
        return cls(**{name: values[name] for name in names})


def tensor_shapes(config: AlbertConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor an ALBERT with a masked-language head needs."""
    E, H, F = config.embedding_size, config.hidden_size, config.intermediate_size
    shapes: dict[str, tuple[int, ...]] = {
        f"{EMBEDDINGS}.word_embeddings.weight": (config.vocab_size, E),
        f"{EMBEDDINGS}.position_embeddings.weight": (config.max_position_embeddings, E),
        f"{EMBEDDINGS}.token_type_embeddings.weight": (config.type_vocab_size, E),
    }
    linears = {
        MAPPING: (H, E),
        f"{LAYER}.attention.query": (H, H),
        f"{LAYER}.attention.key": (H, H),
        f"{LAYER}.attention.value": (H, H),
        f"{LAYER}.attention.dense": (H, H),
        f"{LAYER}.ffn": (F, H),
        f"{LAYER}.ffn_output": (H, F),
        f"{HEAD}.dense": (E, H),
        f"{HEAD}.decoder": (config.vocab_size, E),
    }
    for name, shape in linears.items():
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = shape[:1]
    norms = {
        f"{EMBEDDINGS}.LayerNorm": E,
        f"{LAYER}.attention.LayerNorm": H,
        f"{LAYER}.full_layer_layer_norm": H,
        f"{HEAD}.LayerNorm": E,
    }
    for name, width in norms.items():
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (width,)
    return shapes
