"""Parameter objects: frozen, keyword-only, validated, free of Amaranth.

The same object drives the gateware, the golden model and the testbench.
"""

from .formats import (
    AdaptivFloatFormat,
    Format,
    IntegerFormat,
    Overflow,
    Rounding,
    TernaryFormat,
)
from .pair import FormatPair

__all__ = [
    "AdaptivFloatFormat",
    "Format",
    "FormatPair",
    "IntegerFormat",
    "Overflow",
    "Rounding",
    "TernaryFormat",
]
