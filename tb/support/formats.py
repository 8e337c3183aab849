"""Formats and codes for tests: naming them in parameters, listing codes and corner codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from alembert.config import (
    AdaptivFloatFormat,
    Format,
    FormatPair,
    IntegerFormat,
    TernaryFormat,
)
from numpy.typing import NDArray

__all__ = ["PAIRS", "all_codes", "corner_codes", "pair_of"]


def _adaptivfloat(width: int, exponent_width: int) -> FormatPair:
    fmt = AdaptivFloatFormat(width=width, exponent_width=exponent_width)
    return FormatPair(activation=fmt, weight=fmt)


PAIRS: dict[str, FormatPair] = {
    "adaptivfloat8_3": _adaptivfloat(8, 3),
    "adaptivfloat8_2": _adaptivfloat(8, 2),
    "adaptivfloat8_4": _adaptivfloat(8, 4),
    "adaptivfloat4_3": _adaptivfloat(4, 3),
    "adaptivfloat4_2": _adaptivfloat(4, 2),
    "adaptivfloat6_3x8_3": FormatPair(
        activation=AdaptivFloatFormat(width=6, exponent_width=3), weight=AdaptivFloatFormat()
    ),
    "int8": FormatPair(activation=IntegerFormat(), weight=IntegerFormat()),
    "int8_int4": FormatPair(activation=IntegerFormat(), weight=IntegerFormat(width=4)),
    "ternary": FormatPair(activation=IntegerFormat(), weight=TernaryFormat()),
}
"""The pairs of the regression by name; parameters pass the name."""


def pair_of(given: dict[str, Any]) -> FormatPair:
    """The pair a test's parameters name."""
    return PAIRS[given["pair"]]


def all_codes(fmt: Format) -> NDArray[np.int64]:
    """Every code as golden models take it: bit patterns of AdaptivFloat, else signed numbers."""
    if isinstance(fmt, AdaptivFloatFormat):
        return np.arange(1 << fmt.width)
    return np.arange(fmt.min_value, fmt.max_value + 1)


def corner_codes(fmt: Format) -> list[int]:
    """Extremes, zeros and ones of both signs."""
    if isinstance(fmt, AdaptivFloatFormat):
        top, sign = (1 << (fmt.width - 1)) - 1, 1 << (fmt.width - 1)
        return sorted({0, 1, top, top - 1, sign, sign | 1, sign | top})
    return sorted({fmt.min_value, fmt.min_value + 1, -1, 0, 1, fmt.max_value})
