"""The tensors of a checkpoint: how the families call them, and which a model has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from .model_config import ModelConfig

__all__ = ["PARTS", "LayerNames", "Names", "parts_of", "tensor_shapes"]

PARTS = ("encoder", "masked head", "pooler", "classifier", "off-ramps")
"""What a checkpoint may consist of; it has an encoder, and some of the others."""


@dataclass(frozen=True, kw_only=True)
class LayerNames:
    """Names of a layer's linear layers and normalisations, without ".weight" and ".bias"."""

    query: str
    key: str
    value: str
    attention_dense: str
    attention_norm: str
    ffn: str
    ffn_output: str
    output_norm: str


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names of a model's parts, likewise; of embedding tables, in full but for ".weight"."""

    prefix: str
    words: str
    positions: str
    segments: str
    embedding_norm: str
    mapping: str | None
    layers: tuple[LayerNames, ...]
    """One for all passes, or one a pass."""
    head_dense: str
    head_norm: str
    decoder: str
    decoder_bias: str
    """In full: what the decoder's bias is called in a checkpoint that ties it."""
    pooler: str
    off_ramps: tuple[str, ...]
    """A classifier of token 0 behind every pass."""
    classifier: str = "classifier"

    @classmethod
    def of(cls, config: ModelConfig) -> Names:
        """Those of a model's family."""
        passes = config.num_hidden_layers
        return _albert(passes) if config.model_type == "albert" else _bert(passes)

    @property
    def tied(self) -> dict[str, str]:
        """Tensors that a checkpoint may leave out, and those that then take their places."""
        return {
            f"{self.decoder}.weight": f"{self.words}.weight",
            f"{self.decoder}.bias": self.decoder_bias,
        }


def _embeddings(prefix: str) -> dict[str, str]:
    place = f"{prefix}embeddings"
    return {
        "prefix": prefix,
        "words": f"{place}.word_embeddings",
        "positions": f"{place}.position_embeddings",
        "segments": f"{place}.token_type_embeddings",
        "embedding_norm": f"{place}.LayerNorm",
    }


def _off_ramps(passes: int) -> tuple[str, ...]:
    return tuple(f"off_ramps.{index}" for index in range(passes))


def _albert(passes: int) -> Names:
    layer = "albert.encoder.albert_layer_groups.0.albert_layers.0"
    return Names(
        **_embeddings("albert."),
        mapping="albert.encoder.embedding_hidden_mapping_in",
        layers=(
            LayerNames(
                query=f"{layer}.attention.query",
                key=f"{layer}.attention.key",
                value=f"{layer}.attention.value",
                attention_dense=f"{layer}.attention.dense",
                attention_norm=f"{layer}.attention.LayerNorm",
                ffn=f"{layer}.ffn",
                ffn_output=f"{layer}.ffn_output",
                output_norm=f"{layer}.full_layer_layer_norm",
            ),
        ),
        head_dense="predictions.dense",
        head_norm="predictions.LayerNorm",
        decoder="predictions.decoder",
        decoder_bias="predictions.bias",
        pooler="albert.pooler",
        off_ramps=_off_ramps(passes),
    )


def _bert(passes: int) -> Names:
    places = [f"bert.encoder.layer.{index}" for index in range(passes)]
    return Names(
        **_embeddings("bert."),
        mapping=None,
        layers=tuple(
            LayerNames(
                query=f"{layer}.attention.self.query",
                key=f"{layer}.attention.self.key",
                value=f"{layer}.attention.self.value",
                attention_dense=f"{layer}.attention.output.dense",
                attention_norm=f"{layer}.attention.output.LayerNorm",
                ffn=f"{layer}.intermediate.dense",
                ffn_output=f"{layer}.output.dense",
                output_norm=f"{layer}.output.LayerNorm",
            )
            for layer in places
        ),
        head_dense="cls.predictions.transform.dense",
        head_norm="cls.predictions.transform.LayerNorm",
        decoder="cls.predictions.decoder",
        decoder_bias="cls.predictions.bias",
        pooler="bert.pooler.dense",
        off_ramps=_off_ramps(passes),
    )


def parts_of(config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> tuple[str, ...]:
    """The parts of :data:`PARTS` of which a checkpoint holds any tensor; always an encoder."""
    names = Names.of(config)
    stems = {
        "masked head": (names.head_dense, names.head_norm, names.decoder, names.decoder_bias),
        "pooler": (names.pooler,),
        "classifier": (names.classifier,),
        "off-ramps": names.off_ramps,
    }
    held = set(tensors) | {name.rpartition(".")[0] for name in tensors}
    return (PARTS[0], *(part for part in PARTS[1:] if not held.isdisjoint(stems[part])))


def tensor_shapes(
    config: ModelConfig, parts: Collection[str] = PARTS[:2], *, classes: int = 2
) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that some parts of a model need.

    Parameters
    ----------
    config : ModelConfig
    parts : collection of str
        Of :data:`PARTS`.
    classes : int
        Of the classifier, and of off-ramps.
    """
    names = Names.of(config)
    E, H, F = config.embedding_size, config.hidden_size, config.intermediate_size
    A = config.attention_size
    tables: dict[str, int] = {}
    linears: dict[str, tuple[int, int]] = {}
    norms: dict[str, int] = {}
    if "encoder" in parts:
        tables = {
            names.words: config.vocab_size,
            names.positions: config.max_position_embeddings,
            names.segments: config.type_vocab_size,
        }
        norms[names.embedding_norm] = E
        if names.mapping is not None:
            linears[names.mapping] = (H, E)
        for layer in names.layers:
            linears |= dict.fromkeys((layer.query, layer.key, layer.value), (A, H))
            linears |= {layer.attention_dense: (H, A), layer.ffn: (F, H), layer.ffn_output: (H, F)}
            norms |= {layer.attention_norm: H, layer.output_norm: H}
    if "masked head" in parts:
        linears |= {names.head_dense: (E, H), names.decoder: (config.vocab_size, E)}
        norms[names.head_norm] = E
    if "pooler" in parts:
        linears[names.pooler] = (H, H)
    if "classifier" in parts:
        linears[names.classifier] = (classes, H)
    if "off-ramps" in parts:
        linears |= dict.fromkeys(names.off_ramps, (classes, H))
    shapes: dict[str, tuple[int, ...]] = {f"{n}.weight": (rows, E) for n, rows in tables.items()}
    for name, shape in linears.items():
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]
    for name, width in norms.items():
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (width,)
    return shapes
