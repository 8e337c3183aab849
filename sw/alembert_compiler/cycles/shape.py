"""The program of a model of which only the shape is known."""

from __future__ import annotations

from alembert.config.machine import MachineConfig

from ..blank_model import blank_model
from ..fit import program_of
from ..model_check import check_shape, check_sizes
from ..model_config import ModelConfig
from ..program import PlacedProgram
from ..quantised_model import QuantisedModel

__all__ = ["shape_model", "shape_program"]

_CLASSES = 2
_VOCABULARY = 256


def shape_model(
    *,
    hidden: int,
    heads: int,
    ffn: int,
    layers: int,
    length: int,
    machine: MachineConfig,
    embedding: int = 128,
    head_size: int | None = None,
) -> QuantisedModel:
    """An ALBERT of zeros with a classifier of two classes.

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
        A dimension is out of its range, the heads do not divide the hidden states or are wider, or
        the machine runs no model of that shape.
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
    check_shape(config, machine, classes=_CLASSES)
    return blank_model(config, machine, classes=_CLASSES)


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
    """What the compiler makes of a :func:`shape_model`; parameters as there.

    It has every instruction of the real program, in the same order and with the same addresses. If
    the scratchpad has no room for any, it is the one for a scratchpad that is large enough: how
    many words that is, the result says.

    Raises
    ------
    ValueError
        As :func:`shape_model`, or the machine takes no sentence of that length.
    """
    model = shape_model(
        hidden=hidden,
        heads=heads,
        ffn=ffn,
        layers=layers,
        length=length,
        machine=machine,
        embedding=embedding,
        head_size=head_size,
    )
    check_sizes(model.config, machine, is_masked=False, max_length=length, max_targets=1)
    return program_of(model, length=length, targets=1).program
