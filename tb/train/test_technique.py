"""The base of all techniques does nothing, and states are copied whole or not at all."""

from __future__ import annotations

import re

import pytest
import torch
from alembert_train.technique import Technique, copy_state


def test_the_base_does_nothing() -> None:
    technique = Technique()
    assert technique.rate == 1.0
    assert list(technique.parameters()) == []
    assert technique.penalty() is None
    technique.before_step(0, 1)
    technique.after_step(0, 1)
    technique.finish()
    assert technique.state() == {}
    technique.restore({})


def test_a_copied_state_keeps_what_holds_it() -> None:
    own = torch.nn.Parameter(torch.zeros(3))
    address = own.data_ptr()
    copy_state({"own": own}, {"own": torch.arange(3.0)})
    assert own.tolist() == [0, 1, 2] and own.data_ptr() == address


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "state must hold ['a', 'b'], not []"),
        (
            {"a": torch.ones(2), "b": torch.ones(1), "c": 1},
            "state must hold ['a', 'b'], not ['a', 'b', 'c']",
        ),
        ({"a": torch.ones(2), "b": 0.5}, "state of b must be a tensor, not float"),
        (
            {"a": torch.ones(2), "b": torch.ones(2)},
            "state of b must be of torch.float32 [1], not torch.float32 [2]",
        ),
        (
            {"a": torch.ones(2), "b": torch.ones(1, dtype=torch.bool)},
            "state of b must be of torch.float32 [1], not torch.bool [1]",
        ),
    ],
)
def test_another_state_is_refused_untouched(state: dict[str, object], message: str) -> None:
    held = {"a": torch.zeros(2), "b": torch.zeros(1)}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        copy_state(held, state)
    assert not held["a"].any()
