"""A model of which only the shape is known: zeros, which take no room, of every tensor's shape."""

from __future__ import annotations

import numpy as np
from alembert.config.machine import MachineConfig
from alembert_golden.postprocess import ChannelParameters

from .linear_layer import LinearLayer
from .model_config import ModelConfig
from .norm_layer import NormLayer
from .quantised_model import (
    GeluLayer,
    HeadLayers,
    MatmulNumbers,
    OffRamp,
    PoolerLayer,
    QuantisedLayer,
    QuantisedModel,
    RescaleLayer,
)

__all__ = ["blank_model"]

_VOCABULARY = 256
"""Rows of the table of words at most: how many there are moves no address in the scratchpad."""


def blank_model(
    config: ModelConfig,
    machine: MachineConfig,
    *,
    classes: int | None,
    pooled: int | None = None,
    off_ramps: int = 1,
    is_token: bool = False,
    has_lifts: bool = True,
) -> QuantisedModel:
    """Zeros in place of a quantised model's numbers; its program is the model's.

    Parameters
    ----------
    config : ModelConfig
    machine : MachineConfig
    classes : int or None
        Of the classifier; None: the off-ramps are the masked-language head.
    pooled : int, optional
        Width of the pooler before the classifier, if it has one.
    off_ramps : int
        1, or one a pass.
    is_token : bool
        Contexts and what GELU makes have a scale a token.
    has_lifts : bool
        GELU adds to exponents by channel.
    """
    E, H, F = config.embedding_size, config.hidden_size, config.intermediate_size
    A, heads = config.attention_size, (MatmulNumbers(),) * config.num_attention_heads
    passes = config.num_hidden_layers

    def rescale(name: str) -> RescaleLayer | None:
        if not is_token:
            return None
        return RescaleLayer(name=name, multiplier=1, shift=0, bias=_zeros(H), fraction=0)

    def gelu(suffix: str) -> GeluLayer:
        lifts = np.full(F, int(has_lifts), dtype=np.int64)
        return GeluLayer(name=f"GELU{suffix}", exponent=0, lifts=lifts)

    def layer(suffix: str) -> QuantisedLayer:
        return QuantisedLayer(
            query=_linear("query", H, A),
            key=_linear("key", H, A),
            value=_linear("value", H, A),
            scores=heads,
            spans=(0,) * config.num_attention_heads,
            probability_exponents=(0,) * config.num_attention_heads,
            contexts=heads,
            attention_dense=_linear("attention dense", A, H),
            attention_norm=_norm(f"the attention's normalisation{suffix}", H),
            ffn=_linear("ffn", H, F),
            gelu=None if config.has_relu else gelu(suffix),
            ffn_output=_linear("ffn output", F, H),
            output_norm=_norm(f"the output's normalisation{suffix}", H),
            scales={},
            attention_rescale=rescale(f"contexts' bias{suffix}"),
            ffn_rescale=rescale(f"the feed-forward network's bias{suffix}"),
        )

    if classes is None:
        masked = HeadLayers(
            dense=_linear("head", H, E),
            norm=_norm("the head's normalisation", E),
            decoder=_linear("decoder", E, config.vocab_size),
        )
        off_ramp = OffRamp(masked=masked)
    else:
        off_ramp = OffRamp(
            pooler=None
            if pooled is None
            else PoolerLayer(dense=_linear("pooler", H, pooled), exponent=0),
            classifier=_linear("classifier", pooled or H, classes),
        )
    suffixes = [""] if config.shares_layers else [f" of pass {k + 1}" for k in range(passes)]
    return QuantisedModel(
        config=config,
        machine=machine,
        words=_zeros(min(config.vocab_size, _VOCABULARY), E),
        positions=_zeros(config.max_position_embeddings, E),
        embedding_norm=_norm("the embeddings' normalisation", E),
        mapping=_linear("mapping", E, H) if config.has_mapping else None,
        layers=tuple(map(layer, suffixes)),
        off_ramps=(off_ramp,) * off_ramps,
        scales={},
    )


def _zeros(*shape: int):
    return np.broadcast_to(np.int64(0), shape)


def _linear(name: str, depth: int, columns: int) -> LinearLayer:
    return LinearLayer(
        name=name,
        codes=_zeros(depth, columns),
        parameters=ChannelParameters.of(columns),
        unit=np.ones(columns),
    )


def _norm(name: str, columns: int) -> NormLayer:
    values = _zeros(columns)
    return NormLayer(name=name, gamma=values, beta=values, epsilon=0, exponent=0)
