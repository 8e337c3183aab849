"""A model in a machine's numbers: every code, parameter and exponent a program refers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from alembert.config.machine import MachineConfig
from numpy.typing import NDArray

from .linear_layer import LinearLayer
from .model_config import ModelConfig
from .norm_layer import NormLayer

__all__ = [
    "GeluLayer",
    "HeadLayers",
    "MatmulNumbers",
    "OffRamp",
    "PoolerLayer",
    "QuantisedLayer",
    "QuantisedModel",
    "RescaleLayer",
]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MatmulNumbers:
    """What a MATMUL does with its sums."""

    multiplier: int = 0
    shift: int = 0
    exponent: int = 0
    fraction: int | None = None
    """Fraction bits of wide results."""


@dataclass(frozen=True, kw_only=True)
class GeluLayer:
    """The encoder behind GELU."""

    name: str
    exponent: int
    lifts: NDArray[np.int64]
    """Added to the exponent, by channel."""


@dataclass(frozen=True, kw_only=True)
class RescaleLayer:
    """What RESCALE makes of a linear layer's wide results, whose inputs have a scale a token."""

    name: str
    multiplier: int
    shift: int
    bias: NDArray[np.int64]
    """By channel, in units of the result's last bit."""
    fraction: int
    """Fraction bits of the results."""


@dataclass(frozen=True, kw_only=True)
class QuantisedLayer:
    """A transformer layer."""

    query: LinearLayer
    key: LinearLayer
    value: LinearLayer
    scores: tuple[MatmulNumbers, ...]
    """By head."""
    spans: tuple[int, ...]
    """By head; 0: the head sees all tokens."""
    probability_exponents: tuple[int, ...]
    """By head."""
    contexts: tuple[MatmulNumbers, ...]
    """By head."""
    attention_dense: LinearLayer
    attention_norm: NormLayer
    ffn: LinearLayer
    gelu: GeluLayer | None
    """None where ``ffn`` ends in ReLU."""
    ffn_output: LinearLayer
    output_norm: NormLayer
    scales: Mapping[str, Float64]
    """What an integer 1 of a code stands for: "hidden" (what enters), "query", …, "output"
    [channels]; "probabilities" by head. Where codes have a scale a token, "context" and
    "ffn_intermediate" are those of the wide numbers before."""
    attention_rescale: RescaleLayer | None = None
    ffn_rescale: RescaleLayer | None = None
    """Behind ``attention_dense`` and ``ffn_output``, if the codes they read have a scale a token;
    both or none."""


@dataclass(frozen=True, kw_only=True)
class HeadLayers:
    """The masked-language head."""

    dense: LinearLayer
    norm: NormLayer
    decoder: LinearLayer


@dataclass(frozen=True, kw_only=True)
class PoolerLayer:
    """A linear layer and the encoder behind its tanh."""

    dense: LinearLayer
    exponent: int


@dataclass(frozen=True, kw_only=True)
class OffRamp:
    """What is asked after a pass: the masked-language head, or a classifier of token 0."""

    masked: HeadLayers | None = None
    pooler: PoolerLayer | None = None
    classifier: LinearLayer | None = None

    @property
    def value_fraction(self) -> int | None:
        """Fraction bits of its one output; None if it has classes."""
        layer = self.classifier
        return layer.fraction if layer is not None and layer.columns == 1 else None


@dataclass(frozen=True, kw_only=True)
class QuantisedModel:
    """A model in numbers of one machine."""

    config: ModelConfig
    machine: MachineConfig
    words: NDArray[np.int64]
    """[vocabulary, E], codes."""
    positions: NDArray[np.int64]
    """[positions, E], with the first segment's embedding added; wide."""
    embedding_norm: NormLayer
    mapping: LinearLayer | None
    layers: tuple[QuantisedLayer, ...]
    """One for all passes, or one a pass."""
    off_ramps: tuple[OffRamp, ...]
    """One for all passes, or one a pass."""
    scales: Mapping[str, Float64]
    """What an integer 1 of a code stands for: "words", "embeddings", "hidden" (what enters the
    first pass), "head_normalised" or "pooled" [channels]."""

    @property
    def is_loop(self) -> bool:
        """All passes execute the same instructions."""
        return len(self.layers) == len(self.off_ramps) == 1

    @property
    def is_masked(self) -> bool:
        """Off-ramps look at the tokens that the host names; otherwise at token 0."""
        return self.off_ramps[0].masked is not None

    def layer_of(self, index: int) -> QuantisedLayer:
        """The layer of a pass, from 0."""
        return self.layers[index % len(self.layers)]

    def off_ramp_of(self, index: int) -> OffRamp:
        """The off-ramp behind a pass, from 0."""
        return self.off_ramps[index % len(self.off_ramps)]
