"""ALBERT with an off-ramp after every pass, to be trained: the numpy model's twin in torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from alembert_compiler.model_config import ModelConfig
from torch import Tensor, nn
from torch.nn import functional

from .schemes import FLOAT32, Scheme

__all__ = ["Albert", "Change", "Passes", "Sight"]

Change = Callable[[Tensor], Tensor]
"""What a technique makes of a parameter where the model uses it."""

Sight = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Of the tokens [B, T] that are no padding: what is added to every head's scores [B, N, T, T],
and the factor of every head's context [N, 1, 1]."""


@dataclass(frozen=True, kw_only=True)
class Passes:
    """What a forward pass leaves; B sentences, T tokens, P passes.

    Parameters
    ----------
    logits : Tensor [P, B, classes]
        Of the off-ramps.
    hidden : tuple of Tensor [B, T, H]
        What enters the first pass, then what leaves every pass.
    """

    logits: Tensor
    hidden: tuple[Tensor, ...]


class _Attention(nn.Module):
    """Names of the checkpoint; the arithmetic is in :meth:`Albert.layer`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.dense = nn.Linear(width, width), nn.Linear(width, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)


class _Layer(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, wide = config.hidden_size, config.intermediate_size
        self.attention = _Attention(config)
        self.ffn, self.ffn_output = nn.Linear(width, wide), nn.Linear(wide, width)
        self.full_layer_layer_norm = nn.LayerNorm(width, eps=config.layer_norm_eps)


class _Embeddings(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.embedding_size
        self.word_embeddings = nn.Embedding(config.vocab_size, width)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)


class Albert(nn.Module):
    """Passes through one layer, each with a classifier of token 0 behind it.

    :meth:`tensors` are by the names of the checkpoint, so that
    :class:`alembert_compiler.model.Model` takes them as they are.

    Parameters
    ----------
    config : ModelConfig
        Of an ALBERT.
    classes : int
        Logits of an off-ramp.
    dropout : float
        Share of the values that are dropped in training, of embeddings and of what is added to a
        residual.

    Raises
    ------
    ValueError
        The layers are not shared, the activation is not GELU's erf form, or heads are removed.
    """

    def __init__(self, config: ModelConfig, classes: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        if not config.shares_layers or config.hidden_act != "gelu":
            raise ValueError(
                f"training takes an albert with gelu, not {config.model_type!r} with "
                f"{config.hidden_act!r}"
            )
        if config.attention_size != config.hidden_size:
            raise ValueError(
                f"training takes heads of {config.hidden_size} values together, not "
                f"{config.attention_size}"
            )
        self.config = config
        self.scheme: Scheme = FLOAT32
        """What linear layers make of their weights and inputs."""
        self.sight: Sight | None = None
        """How far heads see; all tokens otherwise."""
        self._changes: dict[tuple[nn.Module, str], list[Change]] = {}
        self.embeddings = _Embeddings(config)
        self.mapping = nn.Linear(config.embedding_size, config.hidden_size)
        self.layer = _Layer(config)
        self.off_ramps = nn.ModuleList(
            nn.Linear(config.hidden_size, classes) for _ in range(config.num_hidden_layers)
        )
        self.dropout = nn.Dropout(dropout)
        for part in self.modules():
            if isinstance(part, nn.Embedding):
                nn.init.normal_(part.weight, std=0.02)
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
                nn.init.zeros_(part.bias)

    def forward(self, token_ids: Tensor, mask: Tensor, passes: int | None = None) -> Passes:
        """Every pass, and what its off-ramp says.

        Parameters
        ----------
        token_ids : Tensor of int [B, T]
        mask : Tensor of bool [B, T]
            False where a token is padding.
        passes : int, optional
            Only so many, from the first; all otherwise.

        Raises
        ------
        ValueError
            There are not so many passes.
        """
        depth = len(self.off_ramps)
        asked = depth if passes is None else passes
        if not 1 <= asked <= depth:
            raise ValueError(f"passes must be between 1 and {depth}, not {asked}")
        x = self._embed(token_ids)
        gates = None
        if self.sight is None:
            # a key that is padding is as if it were not there
            bias = torch.zeros(mask.shape).masked_fill(~mask, -math.inf)[:, None, None, :]
        else:
            bias, gates = self.sight(mask)
        hidden, logits = [x], []
        for off_ramp in self.off_ramps[:asked]:
            x = self._pass(x, bias, gates)
            hidden.append(x)
            logits.append(self._linear(cast("nn.Linear", off_ramp), x[:, 0]))
        return Passes(logits=torch.stack(logits), hidden=tuple(hidden))

    def change(self, part: nn.Module, name: str, change: Change) -> None:
        """Use what ``change`` makes of a parameter in its place, before the scheme rounds it.

        The parameter itself stays as it is. Changes apply in the order in which they came.

        Parameters
        ----------
        part : nn.Module
            A linear layer, or the word embedding.
        name : str
            "weight" or "bias".
        change : Change
        """
        self._changes.setdefault((part, name), []).append(change)

    def changed(self, part: nn.Module, name: str) -> Tensor:
        """What the model uses in a parameter's place."""
        values = getattr(part, name)
        for change in self._changes.get((part, name), ()):
            values = change(values)
        return values

    def tensors(self) -> dict[str, Tensor]:
        """All parameters, by the names of an ALBERT's checkpoint; off-ramps are ``off_ramps.n``."""
        renamed = {
            "embeddings": "albert.embeddings",
            "mapping": "albert.encoder.embedding_hidden_mapping_in",
            "layer": "albert.encoder.albert_layer_groups.0.albert_layers.0",
            "off_ramps": "off_ramps",
        }
        found = {}
        for name, values in self.state_dict().items():
            head, _, rest = name.partition(".")
            found[f"{renamed[head]}.{rest}"] = values
        return found

    def _embed(self, token_ids: Tensor) -> Tensor:
        tables = self.embeddings
        positions = tables.position_embeddings.weight[: token_ids.shape[1]]
        segment = tables.token_type_embeddings.weight[0]
        words = functional.embedding(token_ids, self.changed(tables.word_embeddings, "weight"))
        summed = words + (positions + segment)
        return self._linear(self.mapping, self.dropout(tables.LayerNorm(summed)))

    def _pass(self, x: Tensor, bias: Tensor, gates: Tensor | None) -> Tensor:
        attention = self.layer.attention
        query, key, value = (
            self._heads(self._linear(part, x))
            for part in (attention.query, attention.key, attention.value)
        )
        context = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        if gates is not None:
            context = context * gates
        context = context.transpose(1, 2).reshape(x.shape)
        attended = self._linear(attention.dense, context)
        x = attention.LayerNorm(x + self.dropout(attended))
        between = functional.gelu(self._linear(self.layer.ffn, x))
        fed = self._linear(self.layer.ffn_output, between)
        return self.layer.full_layer_layer_norm(x + self.dropout(fed))

    def _linear(self, part: nn.Linear, x: Tensor) -> Tensor:
        weight = self.scheme.weight(self.changed(part, "weight"))
        return functional.linear(self.scheme.activation(x), weight, self.changed(part, "bias"))

    def _heads(self, x: Tensor) -> Tensor:
        """[B, T, H] to [B, heads, T, H / heads]."""
        return x.unflatten(-1, (self.config.num_attention_heads, -1)).transpose(1, 2)
