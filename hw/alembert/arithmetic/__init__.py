# amaranth: UnusedElaboratable=no
"""Exact dot products, one plug a pair of formats: the array is the same for all of them."""

from ..config import AdaptivFloatFormat, FormatPair
from .adaptivfloat import AdaptivFloatArithmetic
from .adder_tree import AdderTree
from .base import Arithmetic, DotProduct
from .integer import IntegerArithmetic

__all__ = ["AdderTree", "Arithmetic", "DotProduct", "arithmetic_for"]


def arithmetic_for(pair: FormatPair, *, lanes: int, levels_per_stage: int) -> Arithmetic:
    """The arithmetic of a pair of formats, for vectors of ``lanes``."""
    if isinstance(pair.activation, AdaptivFloatFormat):
        kind = AdaptivFloatArithmetic
    else:
        kind = IntegerArithmetic
    return kind(pair, lanes=lanes, levels_per_stage=levels_per_stage)
