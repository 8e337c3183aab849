"""How far every head looks, learned: a soft mask of distances while it is, a hard one after."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from .albert import Albert
from .technique import Technique, copy_state

__all__ = ["LearnedSpan"]


class LearnedSpan(Technique):
    """A span z for every head, drawn to nothing by a penalty and outwards by the loss.

    At the distance x between query and key, a head of span z sees with the weight

        m_z(x) = min(max((R + z − x) / R, 0), 1),

    and attends with a_j = m_z(x_j) · exp(s_j) / Σ_k m_z(x_k) · exp(s_k); the loss gets
    λ · mean(z) / length (Sukhbaatar et al., arXiv 1905.07799; of both sides here, as nothing is
    causal). Below 0, where the paper's z ends, it goes on to −R and the head's
    context is multiplied by m_z(0): a head fades out whole. At z = −R its mask is 0 at every
    distance, its own token's too, and its context is 0: it is off. A head that is off may come
    back while spans are soft.

    From a share of the steps on spans are hard, and stay: a head sees x < ⌈R + z⌉, all of that for
    which its soft mask was not 0, with the weight 1, and the model gets used to it. Columns of the
    output projection that belong to a head that is off are 0 from then on, and
    :func:`alembert_compiler.compaction.compact` takes it out.

    Spans begin with the model's length. What is learned is (R + z) / (R + length), 0…1.

    Parameters
    ----------
    model : Albert
    ramp : float
        R, tokens, positive.
    weight : float
        λ, not negative.
    hard_from : float
        Share of the steps with soft spans, 0…1; 1: all.

    Raises
    ------
    ValueError
        A number is out of its range, or the model has learned spans already.
    """

    # steps of an optimiser that normalises gradients have to add up to all of 0…1
    rate = 4.0

    def __init__(
        self, model: Albert, *, ramp: float, weight: float, hard_from: float = 0.7
    ) -> None:
        if not 0 < ramp < math.inf:
            raise ValueError(f"ramp must be a positive number, not {ramp}")
        if not 0 <= weight < math.inf:
            raise ValueError(f"weight must be a number from 0, not {weight}")
        if not 0 <= hard_from <= 1:
            raise ValueError(f"hard_from must be between 0 and 1, not {hard_from}")
        if model.sight is not None:
            raise ValueError("a model has learned spans once, not twice")
        self._ramp, self._weight, self._hard_from = float(ramp), weight, hard_from
        self._length = model.config.max_position_embeddings
        self._hard = torch.tensor(False)
        # a head that is off is exactly 0: of z itself, −R might be off by a rounding
        self._reach = nn.Parameter(torch.ones(model.config.num_attention_heads))
        self._dense = model.layer.attention.dense
        model.sight = self._sight
        model.change(self._dense, "weight", self._without_heads_off)

    def settings(self) -> dict[str, object]:
        return {"ramp": self._ramp, "weight": self._weight, "hard_from": self._hard_from}

    def parameters(self) -> Iterable[nn.Parameter]:
        return (self._reach,)

    def before_step(self, step: int, steps: int) -> None:
        """Spans become hard when it is time."""
        if step >= self._hard_from * steps:
            self._hard.fill_(True)

    def penalty(self) -> Tensor | None:
        """λ · mean(z) / length; None once spans are hard."""
        if self._hard:
            return None
        return self._weight * (self._tokens() - self._ramp).mean() / self._length

    def after_step(self, step: int, steps: int) -> None:
        """Keep z within −R…length."""
        with torch.no_grad():
            self._reach.clamp_(0, 1)

    def finish(self) -> None:
        """Spans are hard from here on; columns of heads that are off are exact zeros."""
        self._hard.fill_(True)
        with torch.no_grad():
            self._dense.weight.copy_(self._without_heads_off(self._dense.weight))

    def soft_spans(self) -> tuple[float, ...]:
        """z of every head, tokens."""
        return tuple((self._tokens().detach() - self._ramp).tolist())

    def spans(self) -> tuple[int, ...]:
        """Of every head, 1…length: it sees distances below it; 1 where it is off.

        As ``spans`` of :func:`alembert_compiler.compile.compile_model` and of
        :func:`alembert_compiler.compaction.compact`.
        """
        reach = self._tokens().detach().ceil().int().tolist()
        return tuple(min(max(span, 1), self._length) for span in reach)

    def heads_off(self) -> tuple[int, ...]:
        """Heads, from 0, that see nothing at all."""
        return tuple(self._reach.detach().eq(0).nonzero().flatten().tolist())

    def state(self) -> dict[str, object]:
        return {name: values.detach().clone() for name, values in self._held().items()}

    def restore(self, state: Mapping[str, object]) -> None:
        copy_state(self._held(), state)

    def _held(self) -> dict[str, Tensor]:
        return {"reach": self._reach, "hard": self._hard}

    def _tokens(self) -> Tensor:
        """R + z of every head."""
        return self._reach * (self._ramp + self._length)

    def _without_heads_off(self, weight: Tensor) -> Tensor:
        """The output projection [H, H], with columns of 0 for heads that are off for good."""
        if not self._hard or not self.heads_off():
            return weight
        width = weight.shape[1] // len(self._reach)
        off = self._reach.detach().eq(0).repeat_interleave(width)
        return weight.masked_fill(off, 0.0)

    def _sight(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """What is added to scores [B, N, T, T], and the factor of contexts [N, 1, 1]."""
        places = torch.arange(mask.shape[1])
        distance = (places[:, None] - places).abs()
        reach = self._tokens()[:, None, None]
        if self._hard:
            reach = reach.detach()
            weight, gates = (distance < reach).float(), (reach > 0).float()
        else:
            weight = ((reach - distance) / self._ramp).clamp(0, 1)
            gates = (reach / self._ramp).clamp(0, 1)
        # exp(s + ln m) = m · exp(s); where m is 0, neither ln nor its gradient
        added = torch.where(weight > 0, weight, 1.0).log()
        # padding, and a head that is off, see themselves, so that there is something to see
        visible = (weight > 0) & mask[:, None, None, :] | (distance == 0)
        return added.masked_fill(~visible, -math.inf), gates
