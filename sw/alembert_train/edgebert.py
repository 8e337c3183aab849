"""EdgeBERT's recipe: what of a model is pruned, and how far its heads see.

Source: Tambe et al., EdgeBERT, arXiv 2011.14203, section 3: movement pruning of the encoder,
magnitude pruning of the embeddings, learned attention spans, early exits, AdaptivFloat. Beyond it
neurons of the feed-forward layers go whole: a machine has fewer products to compute then, not only
zeros to skip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .albert import Albert
from .attention_span import LearnedSpan
from .pruning import MagnitudePruning, MovementPruning
from .pruning_schedule import CubicSchedule
from .technique import Technique

__all__ = ["Recipe"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How much of a model goes.

    Parameters
    ----------
    neurons : float
        Share of the feed-forward neurons, 0…1.
    weights : float
        Share of the weights of the layer's six matrices that those neurons leave, 0…1.
    words : float
        Share of the word embedding's weights, 0…1.
    span_weight : float
        λ of the spans' penalty; 0: heads see everything.
    span_ramp : float
        Tokens over which a head's sight fades.
    span_until : float
        Share of the steps in which spans shrink, 0…1: token 0 asks about the whole story, and what
        no head sees is lost to it.
    """

    neurons: float = 0.0
    weights: float = 0.0
    words: float = 0.0
    span_weight: float = 0.0
    span_ramp: float = 8.0
    span_until: float = 0.25

    def techniques(self, model: Albert) -> Sequence[Technique]:
        """Those of a model; none for a share or weight of 0."""
        schedule = CubicSchedule(warm_up=0.1, cool_down=0.4)
        found: list[Technique] = []
        neurons = None
        if self.neurons:
            neurons = MovementPruning(
                model, schedule=schedule, share=self.neurons, granularity="neuron"
            )
            found.append(neurons)
        if self.weights:
            found.append(
                MovementPruning(model, schedule=schedule, share=self.weights, within=neurons)
            )
        if self.words:
            parts = ["word_embeddings"]
            found.append(MagnitudePruning(model, schedule=schedule, share=self.words, parts=parts))
        if self.span_weight:
            found.append(
                LearnedSpan(
                    model,
                    ramp=self.span_ramp,
                    weight=self.span_weight,
                    hard_from=self.span_until,
                )
            )
        return found
