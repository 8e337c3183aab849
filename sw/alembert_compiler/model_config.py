"""The shape of a BERT or an ALBERT, as the ``config.json`` of its checkpoint gives it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from .activations import RELU, check_activation
from .config_json import MODEL_TYPES, parse_config, shape_fields

__all__ = ["ModelConfig"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Dimensions of an encoder whose layers normalise after their residual additions.

    Fields have the names of ``config.json``.

    Parameters
    ----------
    model_type : str
        "albert" (all passes share one layer, embeddings are factorised) or "bert" (a layer for
        each pass).
    vocab_size : int
        Tokens in the vocabulary.
    embedding_size : int
        Width of the embedding; BERT's is ``hidden_size``.
    hidden_size : int
        Width of the hidden states.
    num_hidden_layers : int
        Passes.
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
        A name of :data:`alembert_compiler.activations.FORMS`: "gelu" is the erf form, "gelu_new"
        the tanh form.
    attention_head_size : int, optional
        Width of a head, if heads were removed (:mod:`alembert_compiler.compaction`) and together
        are narrower than the hidden states. ``hidden_size`` over the number of heads otherwise,
        which then divides it. No checkpoint of others has this field.

    Raises
    ------
    TypeError
        A dimension is not an int.
    ValueError
        A field is out of its range, or the checkpoint's shape is not supported.
    """

    model_type: str
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
    attention_head_size: int | None = None

    def __post_init__(self) -> None:
        if self.model_type not in MODEL_TYPES:
            raise ValueError(
                f"model_type must be one of {', '.join(MODEL_TYPES)}, not {self.model_type!r}"
            )
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type != "int" and (field.type != "int | None" or value is None):
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{field.name} must be an int, not {value!r}")
            if value < 1:
                raise ValueError(f"{field.name} must be at least 1, not {value}")
        if self.attention_head_size is None and self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size must be a multiple of num_attention_heads "
                f"({self.num_attention_heads}), not {self.hidden_size}"
            )
        if self.attention_size > self.hidden_size:
            raise ValueError(
                f"attention_head_size times num_attention_heads ({self.num_attention_heads}) must "
                f"be at most hidden_size ({self.hidden_size}), not {self.attention_size}"
            )
        if not self.has_mapping and self.embedding_size != self.hidden_size:
            raise ValueError(
                f"embedding_size of a BERT must be its hidden_size ({self.hidden_size}), "
                f"not {self.embedding_size}"
            )
        if not isinstance(self.layer_norm_eps, float) or not 0 < self.layer_norm_eps < 1:
            raise ValueError(f"layer_norm_eps must be between 0 and 1, not {self.layer_norm_eps!r}")
        check_activation(self.hidden_act)

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.attention_head_size or self.hidden_size // self.num_attention_heads

    @property
    def attention_size(self) -> int:
        """Width of all heads side by side: of queries, keys, values and contexts."""
        return self.num_attention_heads * self.head_size

    @property
    def shares_layers(self) -> bool:
        """All passes go through the same layer."""
        return self.model_type == "albert"

    @property
    def has_mapping(self) -> bool:
        """A linear layer leads from the embeddings to the first hidden states."""
        return self.model_type == "albert"

    @property
    def has_relu(self) -> bool:
        """Between the feed-forward layers is ReLU, not GELU."""
        return self.hidden_act == RELU

    @property
    def num_layers(self) -> int:
        """Layers with weights of their own."""
        return 1 if self.shares_layers else self.num_hidden_layers

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelConfig:
        """From the contents of a ``config.json``; see :mod:`alembert_compiler.config_json`.

        Raises
        ------
        TypeError, ValueError
            The text is not JSON, describes another kind of model, or one with more than one
            shared layer.
        """
        return cls(**shape_fields(parse_config(text)))

    def to_json(self) -> str:
        """The contents of a ``config.json``; :meth:`from_json` reads them."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(values, indent=2) + "\n"
