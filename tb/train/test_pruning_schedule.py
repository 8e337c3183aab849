"""The cubic schedule against its formula in float64, and what it promises of its ends."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from alembert_train.pruning_schedule import CubicSchedule
from hypothesis import example, given, settings
from hypothesis import strategies as st


@given(
    steps=st.integers(1, 400),
    initial=st.floats(0, 0.5),
    more=st.floats(0, 0.5),
    warm_up=st.floats(0, 1),
    rest=st.floats(0, 1),
    every=st.integers(1, 30),
)
@example(steps=2, initial=0.0, more=0.5, warm_up=1.0, rest=0.0, every=1)
@settings(deadline=None, derandomize=True, max_examples=60)
def test_equals_the_formula(
    steps: int, initial: float, more: float, warm_up: float, rest: float, every: int
) -> None:
    cool_down, final = rest * (1 - warm_up), initial + more
    schedule = CubicSchedule(initial=initial, warm_up=warm_up, cool_down=cool_down, every=every)
    found = [schedule.share(step, steps, final) for step in range(steps)]
    begin = min(int(np.rint(warm_up * steps)), steps - 1)
    end = max(begin, steps - 1 - int(np.rint(cool_down * steps)))
    assert schedule.rise(steps) == (begin, end)
    step = np.arange(steps, dtype=np.float64)
    stair = begin + np.floor((step - begin) / every) * every
    done = np.clip((stair - begin) / max(1, end - begin), 0, 1)
    wanted = final + (initial - final) * (1 - done) ** 3
    wanted = np.where(step >= end, final, wanted)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-15)
    assert found[-1] == final and found == sorted(found)


def test_a_rise_by_hand() -> None:
    schedule = CubicSchedule(warm_up=0.2, cool_down=0.3)
    found = [schedule.share(step, 10, 0.8) for step in range(10)]
    # from step 2 to step 6: quarters
    wanted = [0, 0, 0, 0.8 * (1 - 27 / 64), 0.8 * (1 - 8 / 64), 0.8 * (1 - 1 / 64), 0.8, 0.8, 0.8]
    assert found == pytest.approx([*wanted, 0.8], abs=1e-15)


def test_masks_are_due_with_every_change() -> None:
    schedule = CubicSchedule(initial=0.1, warm_up=0.1, cool_down=0.25, every=7)
    shares = [schedule.share(step, 100, 0.9) for step in range(100)]
    for step in range(1, 100):
        if shares[step] != shares[step - 1]:
            assert schedule.due(step, 100)
    due = [step for step in range(100) if schedule.due(step, 100)]
    assert due == [0, 10, 17, 24, 31, 38, 45, 52, 59, 66, 73, 74, 80, 87, 94, 99]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"initial": -0.1}, "initial must be between 0 and 1, not -0.1"),
        ({"warm_up": 1.5}, "warm_up must be between 0 and 1, not 1.5"),
        ({"cool_down": float("nan")}, "cool_down must be between 0 and 1, not nan"),
        (
            {"warm_up": 0.6, "cool_down": 0.5},
            "warm_up and cool_down must be at most 1 together, not 0.6 and 0.5",
        ),
        ({"every": 0}, "every must be at least 1, not 0"),
    ],
)
def test_numbers_out_of_range(numbers: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        CubicSchedule(**numbers)


def test_steps_that_are_not_there() -> None:
    with pytest.raises(ValueError, match=r"^steps must be at least 1, not 0$"):
        CubicSchedule().rise(0)
    for step in (-1, 5):
        with pytest.raises(ValueError, match=f"^step must be between 0 and 4, not {step}$"):
            CubicSchedule().share(step, 5, 0.5)
