"""Masks leave out exact counts: against a stable sort, with ties, shares of 0 and 1."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from alembert_train.pruning_masks import keep_highest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor


def _sorted_out(values: np.ndarray, share: float) -> np.ndarray:
    """What a stable sort keeps."""
    kept = np.ones(values.size, bool)
    kept[np.argsort(values.ravel(), kind="stable")[: round(share * values.size)]] = False
    return kept.reshape(values.shape)


@given(
    seed=st.integers(0, 1000),
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    levels=st.integers(1, 20),
    share=st.floats(0, 1),
)
@settings(deadline=None, derandomize=True, max_examples=80)
def test_equals_a_stable_sort(
    seed: int, rows: int, columns: int, levels: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    # few levels: many ties
    values = rng.integers(0, levels, (rows, columns)).astype(np.float32)
    (mask,) = keep_highest([torch.from_numpy(values)], share)
    np.testing.assert_array_equal(mask.numpy(), _sorted_out(values, share))
    # of two tensors taken together
    other = rng.integers(0, levels, (columns, 3)).astype(np.float32)
    masks = keep_highest([torch.from_numpy(values), torch.from_numpy(other)], share)
    together = _sorted_out(np.concatenate([values.ravel(), other.ravel()]), share)
    found = np.concatenate([mask.numpy().ravel() for mask in masks])
    np.testing.assert_array_equal(found, together)
    assert [mask.shape for mask in masks] == [values.shape, other.shape]


@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_only_candidates_count(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 4, (6, 5)).astype(np.float32)
    free = rng.random((6, 5)) < 0.6
    (mask,) = keep_highest([torch.from_numpy(values)], share, [torch.from_numpy(free)])
    wanted = np.zeros((6, 5), bool)
    wanted[free] = _sorted_out(values[free], share)
    np.testing.assert_array_equal(mask.numpy(), wanted)


@pytest.mark.parametrize(("share", "zeros"), [(0.0, 0), (0.3, 4), (0.5, 6), (0.875, 10), (1.0, 12)])
def test_equal_ones_go_by_place(share: float, zeros: int) -> None:
    (mask,) = keep_highest([torch.full((3, 4), 0.25)], share)
    assert mask.flatten().tolist() == [False] * zeros + [True] * (12 - zeros)


def test_nothing_and_no_candidates() -> None:
    assert keep_highest([], 0.5) == []
    none = torch.zeros(4, dtype=torch.bool)
    (mask,) = keep_highest([torch.rand(4)], 0.5, [none])
    assert not mask.any()
    # what no candidate is need not be finite
    (mask,) = keep_highest([torch.tensor([torch.nan, 1.0])], 0.0, [torch.tensor([False, True])])
    assert mask.tolist() == [False, True]


@pytest.mark.parametrize(
    ("values", "share", "candidates", "message"),
    [
        (torch.ones(2), 1.01, None, "share must be between 0 and 1, not 1.01"),
        (torch.ones(2), float("nan"), None, "share must be between 0 and 1, not nan"),
        (torch.tensor([1, torch.nan]), 0.5, None, "importances must be finite, not nan"),
        (torch.tensor([1, -torch.inf]), 0.5, None, "importances must be finite, not -inf"),
        (
            torch.ones(2),
            0.5,
            torch.ones(3, dtype=torch.bool),
            "candidates must be of shapes [[2]], not [[3]]",
        ),
    ],
)
def test_what_is_refused(
    values: Tensor, share: float, candidates: Tensor | None, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        keep_highest([values], share, None if candidates is None else [candidates])
