"""Number formats in gateware: shapes, decoding, exact products, rounding and overflow."""

from .fixed import fits, narrowing_shift_right, overflow, rounding_shift_right
from .shapes import AdaptivFloat, Integer, Ternary, shape_of

__all__ = [
    "AdaptivFloat",
    "Integer",
    "Ternary",
    "fits",
    "narrowing_shift_right",
    "overflow",
    "rounding_shift_right",
    "shape_of",
]
