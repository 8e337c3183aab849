"""An ALBERT small enough to check by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from alembert_compiler.model_config import ModelConfig
from alembert_compiler.tensor_names import tensor_shapes
from numpy.typing import NDArray

__all__ = ["TINY", "tiny_tensors"]

TINY = ModelConfig(
    model_type="albert",
    vocab_size=11,
    embedding_size=4,
    hidden_size=6,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=8,
    max_position_embeddings=7,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
    hidden_act="gelu",
)


def tiny_tensors() -> dict[str, NDArray[Any]]:
    """A checkpoint of normally distributed numbers, the same every time."""
    rng = np.random.default_rng(5)
    return {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in tensor_shapes(TINY).items()
    }
