"""An ALBERT in a machine's numbers: every code, parameter and exponent a program refers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from alembert.config.machine import MachineConfig
from numpy.typing import NDArray

from .albert_config import AlbertConfig
from .linear_layer import LinearLayer
from .norm_layer import NormLayer

__all__ = ["GeluLayer", "HeadLayers", "MatmulNumbers", "QuantisedAlbert"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MatmulNumbers:
    """What a MATMUL does with its sums."""

    multiplier: int = 0
    shift: int = 0
    exponent: int = 0


@dataclass(frozen=True, kw_only=True)
class GeluLayer:
    """The encoder behind GELU."""

    exponent: int
    lifts: NDArray[np.int64]
    """Added to the exponent, by channel."""


@dataclass(frozen=True, kw_only=True)
class HeadLayers:
    """The masked-language head."""

    dense: LinearLayer
    norm: NormLayer
    decoder: LinearLayer


@dataclass(frozen=True, kw_only=True)
class QuantisedAlbert:
    """An ALBERT in numbers of one machine."""

    config: AlbertConfig
    machine: MachineConfig
    words: NDArray[np.int64]
    """[vocabulary, E], codes."""
    positions: NDArray[np.int64]
    """[positions, E], with the first segment's embedding added; wide."""
    embedding_norm: NormLayer
    mapping: LinearLayer
    query: LinearLayer
    key: LinearLayer
    value: LinearLayer
    scores: tuple[MatmulNumbers, ...]
    """By head."""
    probability_exponents: tuple[int, ...]
    """By head."""
    contexts: tuple[MatmulNumbers, ...]
    """By head."""
    attention_dense: LinearLayer
    attention_norm: NormLayer
    ffn: LinearLayer
    gelu: GeluLayer
    ffn_output: LinearLayer
    output_norm: NormLayer
    head: HeadLayers | None
    classifiers: tuple[LinearLayer, ...]
    """One for all passes, or one a pass; none with a masked-language head."""
    scales: Mapping[str, Float64]
    """What an integer 1 of a code stands for: "words", "hidden", … [channels]; "probabilities"
    by head."""
