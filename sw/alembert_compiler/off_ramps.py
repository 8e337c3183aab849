"""What the off-ramps of a masked-language ALBERT say about masked tokens of real reactions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .early_exit import early_exit, entropy
from .layer import Tap, untouched
from .workloads import ReactionModel

__all__ = ["MaskedLogits", "masked_logits"]


@dataclass(frozen=True, kw_only=True)
class MaskedLogits:
    """Logits of n masked tokens after each of L passes, and the tokens that were hidden."""

    logits: NDArray[np.float32]
    """[L, n, vocabulary]."""
    token_ids: NDArray[np.int64]
    """[n], the right answers."""

    @property
    def top1(self) -> NDArray[np.float64]:
        """[L], the share of tokens that each off-ramp gets right."""
        return (self.logits.argmax(axis=-1) == self.token_ids).mean(axis=-1)

    @property
    def entropies(self) -> NDArray[np.float64]:
        """[L, n], the entropy in nats of each off-ramp's softmax, in float64."""
        return entropy(self.logits)

    def early_exit(self, threshold: float) -> tuple[float, float]:
        """Leave at the first off-ramp whose entropy is below ``threshold`` nats, or at the last.

        Returns
        -------
        top1 : float
            The share of tokens that the off-ramps taken get right.
        mean_layer : float
            The mean number of passes, from 1.
        """
        return early_exit(self.logits.argmax(axis=-1), self.entropies, self.token_ids, threshold)


def masked_logits(
    model: ReactionModel,
    reactions: Iterable[str] | None = None,
    *,
    every: int = 7,
    tap: Tap = untouched,
) -> MaskedLogits:
    """Hide each token of each reaction once, every seventh at a time, and ask every off-ramp.

    A reaction of T tokens between [CLS] and [SEP] runs ``every`` times; run r hides the tokens
    r, r + every, … (one in seven is the 15 % that such models are trained with).

    Parameters
    ----------
    model : ReactionModel
        The model and its vocabulary.
    reactions : iterable of str, optional
        Reaction SMILES; the model's own otherwise.
    every : int
        Distance of masked tokens, at least 1.
    tap : Tap
        Sees, and may replace, every tensor on the way; see :meth:`Model.forward`.

    Raises
    ------
    ValueError
        ``every`` is below 1, there are no reactions, or one is not SMILES.
    """
    if every < 1:
        raise ValueError(f"distance of masked tokens must be at least 1, not {every}")
    logits: list[NDArray[np.float32]] = []
    answers: list[NDArray[np.int64]] = []
    for reaction in model.reactions if reactions is None else reactions:
        token_ids = model.tokeniser.encode(reaction)
        inner = np.arange(len(token_ids) - 2)
        hidden = np.zeros((every, len(token_ids)), dtype=bool)
        hidden[inner % every, inner + 1] = True
        runs = np.where(hidden, model.tokeniser.mask_id, token_ids)
        states = np.stack(model.albert.forward(runs, tap=tap).hidden[1:])
        logits.append(model.albert.logits(states[:, hidden], tap=tap))
        answers.append(np.broadcast_to(token_ids, hidden.shape)[hidden])
    if not logits:
        raise ValueError("there must be at least one reaction")
    return MaskedLogits(logits=np.concatenate(logits, axis=1), token_ids=np.concatenate(answers))
