"""BERT and ALBERT in float32 numpy: the reference that a machine running them is held to.

Post-normalised transformer layers, one for each pass (Devlin et al., arXiv 1810.04805) or one
shared by all (Lan et al., arXiv 1909.11942). A head may be asked after every pass: an off-ramp.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .layer import Dense, Layer, LayerTensors, Multiply, Norm, Tap, activation, untouched
from .model_config import ModelConfig
from .model_tensors import canonical, required_tensors
from .spans import head_spans, visible_keys
from .tensor_names import LayerNames, Names, parts_of

__all__ = ["Forward", "Model"]

Float32 = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Forward:
    """The result of a forward pass."""

    hidden: tuple[Float32, ...]
    """[T, H] each: what enters the first pass, then the hidden states after every pass."""
    layers: Mapping[int, LayerTensors]
    """The tensors of the passes asked for, by index from 0."""


class Model:
    """An encoder with the heads that its checkpoint has.

    Parameters
    ----------
    config : ModelConfig
        Its shape.
    tensors : mapping of str to array
        The checkpoint's tensors by name; kept as float32. The masked-language head's decoder is
        the word embedding if it has none of its own.

    Members
    -------
    parts : tuple of str
        Of :data:`alembert_compiler.tensor_names.PARTS`.
    layers : tuple of Layer
        One for all passes, or one for each.
    embedding_norm : Norm
    mapping, pooler, classifier, head_dense, decoder : Dense or None
    off_ramps : tuple of Dense
        Classifiers of token 0, one behind every pass; or none.
    head_norm : Norm or None

    Raises
    ------
    ValueError
        A tensor is missing, is not of floats, has another shape than ``config`` says, or holds
        NaN or infinity; or there is one that belongs to no part.
    """

    def __init__(self, config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.config, names = config, Names.of(config)
        given = canonical(config, tensors)
        self.parts = parts_of(config, given)
        self._tensors, self._coded = required_tensors(config, self.parts, given)
        self.word_embeddings = self._tensors[f"{names.words}.weight"]
        """[vocabulary, E]."""
        # sentences are of the first segment
        self.position_embeddings = self._tensors[f"{names.positions}.weight"]
        """[positions, E]."""
        self.segment_embedding = self._tensors[f"{names.segments}.weight"][0]
        """[E], of the first segment."""
        self.embedding_norm = self._norm(names.embedding_norm)
        self.mapping = None if names.mapping is None else self._dense(names.mapping)
        self.layers = tuple(self._layer(each) for each in names.layers)
        has_head, has_pooler, has_classifier, has_off_ramps = (
            part in self.parts for part in ("masked head", "pooler", "classifier", "off-ramps")
        )
        self.head_dense = self._dense(names.head_dense) if has_head else None
        self.head_norm = self._norm(names.head_norm) if has_head else None
        self.decoder = self._dense(names.decoder) if has_head else None
        self.pooler = self._dense(names.pooler) if has_pooler else None
        self.classifier = self._dense(names.classifier) if has_classifier else None
        self.off_ramps = tuple(map(self._dense, names.off_ramps)) if has_off_ramps else ()

    @property
    def tensors(self) -> Mapping[str, Float32]:
        """All of them, by their names in the checkpoint."""
        return MappingProxyType(self._tensors)

    @property
    def stored(self) -> Mapping[str, NDArray[Any]]:
        """The same as a checkpoint holds them: as codes with a scale what was given so."""
        found: dict[str, NDArray[Any]] = dict(self._tensors)
        for coded in self._coded.values():
            found |= coded.tensors
        return MappingProxyType(found)

    def map_tensors(self, change: Tap) -> Model:
        """The same model with every tensor, by its name in the checkpoint, put through ``change``.

        A weight that was given as codes stays so if it comes back as it went.

        Raises
        ------
        ValueError
            What comes back has another shape, is not of floats, or holds NaN or infinity.
        """
        changed: dict[str, NDArray[Any]] = {}
        for name, tensor in self._tensors.items():
            changed[name] = change(name, tensor)
            if name in self._coded and changed[name] is tensor:
                changed |= self._coded[name].tensors
        return Model(self.config, changed)

    def layer_of(self, index: int) -> Layer:
        """The layer that pass ``index``, from 0, goes through."""
        return self.layers[index % len(self.layers)]

    def forward(
        self,
        token_ids: ArrayLike,
        *,
        attention_mask: ArrayLike | None = None,
        spans: ArrayLike | None = None,
        record: Collection[int] = (),
        tap: Tap = untouched,
        multiply: Multiply = np.matmul,
    ) -> Forward:
        """Run every pass.

        Parameters
        ----------
        token_ids : array of int, [..., T]
            One sequence, or a batch of padded ones; segment type 0.
        attention_mask : array of bool, [..., T], optional
            False where a token is padding; all True otherwise.
        spans : array of int, optional
            How far heads see; see :func:`alembert_compiler.spans.head_spans`.
        record : collection of int
            The passes, from 0, whose tensors are kept.
        tap : Tap
            Called with "embeddings" (if a mapping follows), "hidden" (what enters the first pass,
            and after every pass), the names of :class:`LayerTensors` between its ends, "scores"
            (before the softmax) and "ffn_sum" (before GELU). Where every pass has a layer of its
            own, ".n" is behind the name, n the pass from 0; of "hidden", of the pass that it
            enters.
        multiply : Multiply
            How matrices are multiplied: :func:`alembert_compiler.exact_products.multiply` gives the
            same on every machine.

        Raises
        ------
        ValueError
            A token id is outside the vocabulary, a sequence is empty or too long, a mask has
            another shape or leaves a sequence no token, spans do not suit the heads, or a recorded
            pass does not exist.
        """
        ids, mask = self._checked(token_ids, attention_mask)
        reach = head_spans(self.config, spans)
        passes = self.config.num_hidden_layers
        for index in record:
            if not 0 <= index < passes:
                raise ValueError(f"recorded pass must be between 0 and {passes - 1}, not {index}")
        hidden = [self._embed(ids, tap, multiply)]
        layers: dict[int, LayerTensors] = {}
        for index in range(passes):
            visible = visible_keys(reach[index % len(reach)], mask)
            layer = self.layer_of(index).forward(
                hidden[-1], visible, self._tap_of(index, tap), multiply
            )
            hidden.append(layer.output)
            if index in record:
                layers[index] = layer
        return Forward(hidden=tuple(hidden), layers=layers)

    def logits(
        self, hidden: Float32, *, tap: Tap = untouched, multiply: Multiply = np.matmul
    ) -> Float32:
        """The masked-language head on hidden states [..., H]: logits [..., vocabulary].

        ``tap`` is called with "head_sum" (before GELU), "head_dense" and "head_normalised".

        Raises
        ------
        ValueError
            There is no such head.
        """
        if self.head_dense is None or self.head_norm is None or self.decoder is None:
            raise ValueError("the checkpoint has no masked-language head")
        total = tap("head_sum", self.head_dense(hidden, multiply))
        dense = tap("head_dense", activation(self.config, total))
        return self.decoder(tap("head_normalised", self.head_norm(dense)), multiply)

    def off_ramp_logits(self, token_ids: ArrayLike, **options: Any) -> Float32:
        """The masked-language head after every pass, [passes, ..., T, vocabulary]."""
        return self.logits(np.stack(self.forward(token_ids, **options).hidden[1:]))

    def class_logits(self, hidden: Float32) -> Float32:
        """The classifier on hidden states [..., T, H]: logits [..., classes] of token 0, behind
        the pooler if there is one.

        Raises
        ------
        ValueError
            There is no classifier.
        """
        if self.classifier is None:
            raise ValueError("the checkpoint has no classifier")
        first = hidden[..., 0, :]
        return self.classifier(first if self.pooler is None else np.tanh(self.pooler(first)))

    def _dense(self, name: str) -> Dense:
        weight, bias = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
        coded = self._coded.get(f"{name}.weight")
        return Dense(name=name, weight=weight, bias=bias, coded=coded)

    def _norm(self, name: str) -> Norm:
        weight, bias = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
        return Norm(name=name, weight=weight, bias=bias, epsilon=self.config.layer_norm_eps)

    def _layer(self, names: LayerNames) -> Layer:
        parts: dict[str, Any] = {}
        for field in fields(names):
            make = self._norm if field.name.endswith("norm") else self._dense
            parts[field.name] = make(getattr(names, field.name))
        return Layer(config=self.config, **parts)

    def _tap_of(self, index: int, tap: Tap) -> Tap:
        """The tap of a pass: names of its layer, and its output as the next one's input."""
        if len(self.layers) == 1:  # all are the same layer's
            return lambda name, x: tap("hidden" if name == "output" else name, x)
        return lambda name, x: tap(
            f"hidden.{index + 1}" if name == "output" else f"{name}.{index}", x
        )

    def _checked(
        self, token_ids: ArrayLike, attention_mask: ArrayLike | None
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        ids = np.asarray(token_ids)
        if ids.ndim < 1 or ids.dtype.kind not in "iu" or not ids.size:
            raise ValueError(f"token ids must be ints [..., T], not {ids.dtype} {ids.shape}")
        if ids.min() < 0 or ids.max() >= self.config.vocab_size:
            raise ValueError(
                f"token ids must be between 0 and {self.config.vocab_size - 1}, "
                f"not {ids.min()}…{ids.max()}"
            )
        if ids.shape[-1] > self.config.max_position_embeddings:
            raise ValueError(
                f"a sequence must have at most {self.config.max_position_embeddings} tokens, "
                f"not {ids.shape[-1]}"
            )
        mask = np.ones(ids.shape, bool) if attention_mask is None else np.asarray(attention_mask)
        if mask.shape != ids.shape:
            raise ValueError(f"attention mask must be of shape {ids.shape}, not {mask.shape}")
        mask = mask.astype(bool)
        if not mask.any(axis=-1).all():
            raise ValueError("attention mask leaves a sequence no token")
        return ids.astype(np.int64), mask

    def _embed(self, ids: NDArray[np.int64], tap: Tap, multiply: Multiply) -> Float32:
        words = self.word_embeddings[ids]
        positions = self.position_embeddings[: ids.shape[-1]]
        embedded = self.embedding_norm(words + self.segment_embedding + positions)
        if self.mapping is not None:
            embedded = self.mapping(tap("embeddings", embedded), multiply)
        return tap("hidden" if len(self.layers) == 1 else "hidden.0", embedded)
