"""A model small enough to train in a test."""

from __future__ import annotations

import numpy as np
import torch
from alembert_compiler.model_config import ModelConfig
from alembert_train.albert import Albert
from numpy.typing import NDArray

__all__ = ["CLASSES", "SMALL", "sentences", "small_albert"]

SMALL = ModelConfig(
    model_type="albert",
    vocab_size=40,
    embedding_size=8,
    hidden_size=16,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=12,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
    hidden_act="gelu",
)
CLASSES = 4


def small_albert(seed: int = 1, *, dropout: float = 0.1) -> Albert:
    """A random one, whose biases and norms are not what they begin with."""
    torch.manual_seed(seed)
    model = Albert(SMALL, CLASSES, dropout=dropout)
    with torch.no_grad():
        for values in model.parameters():
            values.add_(0.2 * torch.randn_like(values))
    return model


def sentences(count: int, seed: int = 1) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Of different lengths; a sentence's class is the one that its second token says."""
    rng = np.random.default_rng(seed)
    found = [rng.integers(0, SMALL.vocab_size, rng.integers(3, 13)) for _ in range(count)]
    return found, np.array([sentence[1] % CLASSES for sentence in found])
