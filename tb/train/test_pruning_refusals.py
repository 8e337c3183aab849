"""What pruning refuses, and how it says so."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from alembert_train.pruning import MagnitudePruning
from alembert_train.pruning_schedule import CubicSchedule
from train.small import small_albert

AT_ONCE = CubicSchedule(warm_up=0, cool_down=1)


def test_a_state_of_another_pruning() -> None:
    neurons = MagnitudePruning(small_albert(), schedule=AT_ONCE, share=0.5, granularity="neuron")
    words = MagnitudePruning(small_albert(), schedule=AT_ONCE, share=0.5, parts=["word_embeddings"])
    message = "state must hold ['kept.neurons'], not ['kept.word_embeddings']"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        neurons.restore(words.state())


PARTS = "query, key, value, dense, ffn, ffn_output, word_embeddings"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 1.5}, "share must be between 0 and 1, not 1.5"),
        ({"share": float("nan")}, "share must be between 0 and 1, not nan"),
        ({"granularity": "head"}, "granularity must be one of weight, neuron, not 'head'"),
        ({"scope": "all"}, "scope must be one of local, global, not 'all'"),
        ({"parts": ["pooler"]}, f"parts must be some of {PARTS}, each once, not ('pooler',)"),
        (
            {"parts": ["ffn", "ffn"]},
            f"parts must be some of {PARTS}, each once, not ('ffn', 'ffn')",
        ),
        ({"parts": []}, f"parts must be some of {PARTS}, each once, not ()"),
        (
            {"granularity": "neuron", "parts": ["ffn"]},
            "neurons are those of ffn and ffn_output, not of ['ffn']",
        ),
        (
            {"schedule": CubicSchedule(initial=0.6)},
            "share must be at least the schedule's initial 0.6, not 0.5",
        ),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str) -> None:
    given = {"schedule": AT_ONCE, "share": 0.5, **options}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        MagnitudePruning(small_albert(), **given)


def test_what_within_is_refused() -> None:
    model = small_albert()
    neurons = MagnitudePruning(model, schedule=AT_ONCE, share=0.5, granularity="neuron")
    with pytest.raises(ValueError, match=r"^within must be of the same model, not of another$"):
        MagnitudePruning(small_albert(), schedule=AT_ONCE, share=0.5, within=neurons)
    message = "^within is for single weights, not for granularity 'neuron'$"
    with pytest.raises(ValueError, match=message):
        MagnitudePruning(model, schedule=AT_ONCE, share=0.5, granularity="neuron", within=neurons)
    with torch.no_grad():
        model.layer.ffn.weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"^importances must be finite, not nan$"):
        neurons.before_step(0, 1)
