"""Parameter objects of the AdaptivFloat unit: what is refused, and in which words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from alembert.config import AdaptivFloatFormat, IntegerFormat
from alembert.config.adaptivfloat import BiasFinderConfig, QuantiserConfig

AF8 = AdaptivFloatFormat()
GOOD: dict[str, Any] = {"fmt": AF8, "lanes": 4, "width": 16, "depth": 8}


def test_the_ends_of_every_range_are_accepted() -> None:
    QuantiserConfig(fmt=AF8, lanes=1, width=2, depth=2)
    config = QuantiserConfig(fmt=AF8, lanes=256, width=62, depth=65536)
    assert config.bias_finder == BiasFinderConfig(fmt=AF8, lanes=256, width=62)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"lanes": 0}, ValueError, "lanes must be between 1 and 256, not 0"),
        ({"lanes": 257}, ValueError, "lanes must be between 1 and 256, not 257"),
        ({"lanes": "4"}, TypeError, "lanes must be an int, not '4'"),
        ({"width": 1}, ValueError, "width must be between 2 and 62, not 1"),
        ({"width": 63}, ValueError, "width must be between 2 and 62, not 63"),
        ({"width": True}, TypeError, "width must be an int, not True"),
        (
            {"fmt": IntegerFormat()},
            TypeError,
            "format must be an AdaptivFloatFormat, not IntegerFormat(width=8)",
        ),
    ],
)
def test_bad_tensors_are_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    fields = {**GOOD, **change}
    with pytest.raises(error, match=f"^quantiser {re.escape(message)}$"):
        QuantiserConfig(**fields)
    del fields["depth"]
    with pytest.raises(error, match=f"^bias finder {re.escape(message)}$"):
        BiasFinderConfig(**fields)


@pytest.mark.parametrize(
    ("depth", "error", "message"),
    [
        (1, ValueError, "quantiser depth must be between 2 and 65536, not 1"),
        (65537, ValueError, "quantiser depth must be between 2 and 65536, not 65537"),
        (8.0, TypeError, "quantiser depth must be an int, not 8.0"),
    ],
)
def test_bad_depths_are_refused(depth: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        QuantiserConfig(**{**GOOD, "depth": depth})
