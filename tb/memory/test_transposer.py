# amaranth: UnusedElaboratable=no
"""The transposer: golden against numpy's transpose, RTL against golden."""

from __future__ import annotations

import numpy as np
import pytest
from alembert.config.memory import TransposerConfig
from alembert.memory import Transposer
from alembert_golden.transposer import transpose_blocks
from support.simulate import simulate


def test_golden_of_full_and_partial_blocks() -> None:
    rows = np.arange(1, 7 * 4 + 1).reshape(7, 4)
    got = transpose_blocks(rows, 4)
    np.testing.assert_array_equal(got[:4], rows[:4].T)
    np.testing.assert_array_equal(got[4:, :3], rows[4:].T)
    assert got.shape == (8, 4)
    assert not got[4:, 3].any()
    assert transpose_blocks(np.zeros((0, 4)), 4).shape == (0, 4)
    with pytest.raises(ValueError, match=r"^rows must be of shape \[R, 4\], not \[2, 3\]$"):
        transpose_blocks(np.zeros((2, 3)), 4)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"lanes": 12}, ValueError, "transposer lanes must be a power of two, not 12"),
        ({"lanes": 1}, ValueError, "transposer lanes must be between 2 and 64, not 1"),
        ({"width": 33}, ValueError, "transposer width must be between 1 and 32, not 33"),
        ({"width": 8.0}, TypeError, "transposer width must be an int, not 8.0"),
    ],
)
def test_bad_parameters_are_refused(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        TransposerConfig(**fields)


@pytest.mark.parametrize(("lanes", "width"), [(16, 8), (4, 3), (2, 1)])
def test_rtl_equals_golden(simulator: str, lanes: int, width: int) -> None:
    simulate(
        Transposer(TransposerConfig(lanes=lanes, width=width)),
        simulator=simulator,
        module="memory.bench_transposer",
        top="transposer",
        lanes=lanes,
        width=width,
    )
