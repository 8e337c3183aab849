"""Real tensors of a real model: what the demo and the array's tests stream through RTL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from alembert.config import FormatPair
from numpy.typing import NDArray

from .checkpoint import load_checkpoint
from .layer import Dense
from .model import Model
from .model_config import ModelConfig
from .quantise import QuantisedTensor, quantise_tensor
from .rxnmapper import CHECKPOINT, CONFIG, VOCABULARY, fetch_rxnmapper, reactions
from .smiles import SmilesTokeniser

__all__ = [
    "Matmul",
    "ReactionModel",
    "albert_workload",
    "load_albert",
]


@dataclass(frozen=True, kw_only=True)
class ReactionModel:
    """The pretrained ALBERT with all that it takes to use it."""

    albert: Model
    """The float32 reference."""
    tokeniser: SmilesTokeniser
    """Between reaction SMILES and token ids."""
    reactions: tuple[str, ...]
    """Real reactions, the package's own."""

    def long_reaction(self, tokens: int = 64) -> str:
        """The first reaction of at least ``tokens`` tokens, [CLS] and [SEP] among them.

        Raises
        ------
        ValueError
            All are shorter.
        """
        longest = 0
        for reaction in self.reactions:
            length = len(self.tokeniser.encode(reaction))
            if length >= tokens:
                return reaction
            longest = max(longest, length)
        raise ValueError(f"the longest reaction has {longest} tokens, fewer than {tokens}")


@dataclass(frozen=True, kw_only=True)
class Matmul:
    """One matrix product of a real pass: activations · weights + bias, in float32."""

    activations: NDArray[np.float32]
    """[M, K], a token a row."""
    weights: NDArray[np.float32]
    """[K, N], an output channel a column (a checkpoint stores the transpose)."""
    bias: NDArray[np.float32]
    """[N]."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(M, K, N)."""
        return (*self.activations.shape, self.weights.shape[1])

    @property
    def slug(self) -> str:
        """The shape as figures name it, e.g. "64x256x512"."""
        return "x".join(map(str, self.shape))

    @property
    def product(self) -> NDArray[np.float32]:
        """The reference result, [M, N]."""
        return self.activations @ self.weights + self.bias

    def quantise(
        self, pair: FormatPair, *, per_token: bool = False, per_channel: bool = False
    ) -> tuple[QuantisedTensor, QuantisedTensor]:
        """Activations and weights in the formats of ``pair``.

        Parameters
        ----------
        pair : FormatPair
            What an array multiplies.
        per_token : bool
            One scale a row of INT8 activations, [M, 1]; one per tensor otherwise.
        per_channel : bool
            One scale a column of INT<n> weights, [1, N]; one per tensor otherwise.

        Raises
        ------
        ValueError
            Scales per token or channel are asked of a format that has none.
        """
        return (
            quantise_tensor(self.activations, pair.activation, 1 if per_token else None),
            quantise_tensor(self.weights, pair.weight, 0 if per_channel else None),
        )


def load_albert(cache: Path | None = None) -> ReactionModel:
    """The rxnmapper package's ALBERT, fetched if the cache does not hold it.

    Parameters
    ----------
    cache : Path, optional
        The folder of cached packages; see :func:`alembert_compiler.packages.default_cache`.

    Raises
    ------
    PackageError
        The package cannot be fetched.
    """
    files = fetch_rxnmapper(cache)
    tensors = load_checkpoint(files.read(CHECKPOINT), name=Path(CHECKPOINT).name, refuse_nan=True)
    return ReactionModel(
        albert=Model(ModelConfig.from_json(files.read(CONFIG)), tensors),
        tokeniser=SmilesTokeniser.from_bytes(files.read(VOCABULARY)),
        reactions=tuple(reactions(files)),
    )


def albert_workload(
    model: ReactionModel, reaction: str | None = None, tokens: int = 64, *, layer: int = 5
) -> dict[str, Matmul]:
    """The matrix products of one pass over the first ``tokens`` tokens of a reaction.

    The pass runs over the whole reaction; its first rows are kept, so that every row is a real
    token's.

    Parameters
    ----------
    model : ReactionModel
        From :func:`load_albert`.
    reaction : str, optional
        Reaction SMILES of at least ``tokens`` tokens; the model's first such reaction otherwise.
    tokens : int
        M, rows of activations.
    layer : int
        The pass, from 0.

    Returns
    -------
    dict
        With T tokens, hidden width H and feed-forward width F: ``query`` (T×H×H, the attention's
        query projection), ``ffn`` (T×H×F) and ``ffn_output`` (T×F×H, of activations after GELU).

    Raises
    ------
    ValueError
        The reaction is not SMILES or has too few tokens, or the pass does not exist.
    """
    if reaction is None:
        reaction = model.long_reaction(tokens)
    token_ids = model.tokeniser.encode(reaction)
    if not 1 <= tokens <= len(token_ids):
        raise ValueError(
            f"tokens must be between 1 and the reaction's {len(token_ids)}, not {tokens}"
        )
    recorded = model.albert.forward(token_ids, record=(layer,)).layers[layer]
    weights = model.albert.layer_of(layer)

    def matmul(activations: NDArray[np.float32], dense: Dense) -> Matmul:
        return Matmul(
            activations=activations[:tokens].copy(),
            weights=np.ascontiguousarray(dense.weight.T),
            bias=dense.bias,
        )

    return {
        "query": matmul(recorded.attention_input, weights.query),
        "ffn": matmul(recorded.ffn_input, weights.ffn),
        "ffn_output": matmul(recorded.ffn_intermediate, weights.ffn_output),
    }
