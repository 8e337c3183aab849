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
from .presets import PRESETS, Preset, preset
from .vmac import VmacArrayConfig, VmacConfig

__all__ = [
    "PRESETS",
    "AdaptivFloatFormat",
    "Format",
    "FormatPair",
    "IntegerFormat",
    "Overflow",
    "Preset",
    "Rounding",
    "TernaryFormat",
    "VmacArrayConfig",
    "VmacConfig",
    "preset",
]
