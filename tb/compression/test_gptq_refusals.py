"""What GPTQ and its Hessian refuse, each with the rule and what breaks it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from alembert_compression.error_redistribution import DampingWarning, at_scale, redistribute
from alembert_compression.gptq import gptq
from alembert_compression.hessian import Hessian, output_loss
from alembert_compression.uniform import Uniform

W, H, INT4 = np.ones((3, 2)), np.eye(3), Uniform(width=4)
NAN = np.full((3, 2), np.nan)


@pytest.mark.parametrize(
    ("arguments", "options", "expected"),
    [
        ((NAN, H, INT4), {}, "weights holds NaN at [0, 0]"),
        ((np.ones(3), H, INT4), {}, "weights must be [K, N], not of shape (3,)"),
        ((np.ones((0, 2)), H, INT4), {}, "weights must be [K, N], not of shape (0, 2)"),
        ((W, np.eye(2), INT4), {}, "Hessian must be [3, 3], not of shape (2, 2)"),
        ((W, np.full((3, 3), np.inf), INT4), {}, "Hessian holds infinity at [0, 0]"),
        ((W, H * -1, INT4), {}, "Hessian's diagonal must not be negative, not -1.0"),
        (
            (W, np.array([[1.0, 1, 0], [1, 0, 0], [0, 0, 1]]), INT4),
            {},
            "Hessian's input 1 has products, but no square",
        ),
        (
            (W, np.array([[1.0, 999, 0], [999, 1, 0], [0, 0, 1]]), INT4),
            {"name": "the query"},
            "the Hessian of the query must be positive definite, and is not with damping 100.0: "
            "more inputs to calibrate with are needed, or rounding 'nearest'",
        ),
        ((W, H, INT4), {"damping": -1.0}, "damping must be finite and not negative, not -1.0"),
        ((W, H, INT4), {"damping": "1"}, "damping must be a number, not '1'"),
        ((W, H, INT4), {"group_size": 0}, "group size must be −1 or at least 1, not 0"),
        ((W, H, INT4), {"group_size": 2.0}, "group size must be an int, not 2.0"),
        ((W, H, INT4), {"block_size": 0}, "block size must be at least 1, not 0"),
    ],
)
def test_refusals(arguments: Any, options: dict[str, Any], expected: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        gptq(*arguments, **options)
    assert str(caught.value) == expected


def test_damping_is_raised_as_far_as_it_must() -> None:
    """Its answer is that of the damping it was raised to, which is named."""
    rng = np.random.default_rng(4)
    weights = rng.normal(size=(3, 5))
    flat = np.ones((3, 3))
    # eigenvalues 1 − 1.5, twice 1 + 0.75
    indefinite = 1.75 * np.eye(3) - 0.75 * flat
    for hessian, given, raised in (
        (flat, 0, 0.01),
        (indefinite, 0.01, 1.0),
        (indefinite, 0.25, 1.0),
    ):
        wanted = gptq(weights, hessian, INT4, damping=raised)
        with pytest.warns(DampingWarning) as caught:
            found = gptq(weights, hessian, INT4, damping=given, name="the query of layer 2")
        np.testing.assert_array_equal(found.codes, wanted.codes)
        assert str(caught[0].message) == (
            f"the Hessian of the query of layer 2 is not positive definite with damping {given}, "
            f"which is raised to {raised}: more inputs to calibrate with, or rounding 'nearest', "
            "need no more"
        )


def test_refusals_of_orders_and_inputs() -> None:
    for order in ([0, 1, 1], [0, 1], [0.0, 1.0, 2.0]):
        with pytest.raises(ValueError) as caught:
            redistribute(W, H, at_scale(np.rint, 1.0), order=np.array(order))
        assert str(caught.value) == f"order must hold each of 0…2 once, not {order}"
    with pytest.raises(ValueError, match=r"^weights must be \[K, N\], not of shape \(3,\)$"):
        redistribute(np.ones(3), H, at_scale(np.rint, 1.0))
    seen = Hessian(3)
    with pytest.raises(ValueError, match=r"^a Hessian needs at least one input, and none was add"):
        _ = seen.matrix
    with pytest.raises(ValueError, match=r"^a batch must be \[…, 3\], not of shape \(3, 2\)$"):
        seen.add(W)
    with pytest.raises(ValueError, match=r"^batch holds infinity at \[1\]$"):
        seen.add([0, np.inf, 1])
    with pytest.raises(ValueError, match=r"^inputs must be at least 1, not 0$"):
        Hessian(0)
    with pytest.raises(ValueError) as caught:
        output_loss(W, W.T, H)
    assert str(caught.value) == "weights must be [K, N] both, not (3, 2) and (2, 3)"
