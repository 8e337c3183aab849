"""The program of a model of which only the shape is known."""

from __future__ import annotations

import numpy as np
from alembert.config.machine import MachineConfig
from alembert_golden.postprocess import ChannelParameters
from alembert_golden.weights_layout import linear_words

from ..emitter import OutputLayout
from ..layout import ImageData, Words
from ..linear_layer import LinearLayer
from ..lower import lower
from ..model_config import ModelConfig
from ..norm_layer import NormLayer
from ..program import PlacedProgram
from ..quantised_model import (
    GeluLayer,
    MatmulNumbers,
    OffRamp,
    QuantisedLayer,
    QuantisedModel,
)

__all__ = ["shape_program"]

_CLASSES = 2
_VOCABULARY = 256
_LINGER = 6
"""As the compiler's first choice: what overlaps most."""


class _Sizes(ImageData):
    """Offsets in an image of which nothing is kept."""

    def __init__(self, words: Words) -> None:
        super().__init__(words)
        self._end = 0

    def _skip(self, words: int) -> int:
        offset, self._end = self._end, self._end + words
        return offset

    def add(self, part: bytes) -> int:
        return self._skip(self._words.bytes(len(part)))

    def add_layer(self, layer: LinearLayer) -> int:
        machine = self._words.machine
        return self._skip(linear_words(layer.depth, layer.columns, machine.main, machine))


def shape_program(
    *,
    hidden: int,
    heads: int,
    ffn: int,
    layers: int,
    length: int,
    machine: MachineConfig,
    embedding: int = 128,
    head_size: int | None = None,
) -> PlacedProgram:
    """What the compiler makes of an ALBERT with a classifier of two classes.

    It has every instruction of the real program, in the same order and with the same addresses,
    given a scratchpad that is large enough: how many words that is, the result says.

    Parameters
    ----------
    hidden, heads, ffn : int
        Of the encoder's layer.
    layers : int
        Passes through it.
    length : int
        Tokens at most.
    machine : MachineConfig
    embedding : int
        Width of the embeddings; no more than ``hidden``.
    head_size : int, optional
        Width of a head; ``hidden`` over ``heads`` otherwise.

    Raises
    ------
    ValueError
        A dimension is out of its range, or the heads do not divide the hidden states or are wider.
    """
    config = ModelConfig(
        model_type="albert",
        vocab_size=_VOCABULARY,
        embedding_size=min(embedding, hidden),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=ffn,
        max_position_embeddings=length,
        type_vocab_size=1,
        layer_norm_eps=1e-12,
        hidden_act="gelu",
        attention_head_size=head_size,
    )
    words = Words(machine)
    output = OutputLayout(targets=0, record_pitch=words.record, hidden=None, hidden_pitch=0)
    program = lower(
        _quantised(config, machine),
        _Sizes(words),
        max_length=length,
        output=output,
        max_targets=1,
        is_pipelined=True,
    )
    return program.place(linger=_LINGER)


def _quantised(config: ModelConfig, machine: MachineConfig) -> QuantisedModel:
    """Zeros of every shape, which take no room."""

    def zeros(*shape: int):
        return np.broadcast_to(np.int64(0), shape)

    def linear(name: str, depth: int, columns: int) -> LinearLayer:
        return LinearLayer(
            name=name,
            codes=zeros(depth, columns),
            parameters=ChannelParameters.of(columns),
            unit=np.ones(columns),
        )

    def norm(name: str, columns: int) -> NormLayer:
        values = zeros(columns)
        return NormLayer(name=name, gamma=values, beta=values, epsilon=0, exponent=0)

    E, H, F = config.embedding_size, config.hidden_size, config.intermediate_size
    A, heads = config.attention_size, (MatmulNumbers(),) * config.num_attention_heads
    layer = QuantisedLayer(
        query=linear("query", H, A),
        key=linear("key", H, A),
        value=linear("value", H, A),
        scores=heads,
        spans=(0,) * config.num_attention_heads,
        probability_exponents=(0,) * config.num_attention_heads,
        contexts=heads,
        attention_dense=linear("attention dense", A, H),
        attention_norm=norm("the attention's normalisation", H),
        ffn=linear("ffn", H, F),
        # lifts are read in time for the first row
        gelu=GeluLayer(name="GELU", exponent=0, lifts=np.ones(F, dtype=np.int64)),
        ffn_output=linear("ffn output", F, H),
        output_norm=norm("the output's normalisation", H),
        scales={},
    )
    return QuantisedModel(
        config=config,
        machine=machine,
        words=zeros(config.vocab_size, E),
        positions=zeros(config.max_position_embeddings, E),
        embedding_norm=norm("the embeddings' normalisation", E),
        mapping=linear("mapping", E, H),
        layers=(layer,),
        off_ramps=(OffRamp(classifier=linear("classifier", H, _CLASSES)),),
        scales={},
    )
