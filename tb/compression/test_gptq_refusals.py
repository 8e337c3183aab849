"""What GPTQ and its Hessian refuse, each with the rule and what breaks it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from alembert_compression.error_redistribution import at_scale, redistribute
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
            (W, np.ones((3, 3)), INT4),
            {"damping": 0},
            "Hessian must be positive definite with damping 0: more inputs are needed, or more "
            "damping",
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
