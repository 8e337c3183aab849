"""Parameter objects of the AdaptivFloat unit."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .checks import require_between
from .formats import AdaptivFloatFormat

__all__ = [
    "LSB_EXPONENT_WIDTH",
    "BiasFinderConfig",
    "QuantiserConfig",
    "TensorFault",
]

LSB_EXPONENT_WIDTH = 10
"""Bits of the signed exponent that gives the weight of a fixed-point tensor's lowest bit."""


class TensorFault(enum.Enum):
    """Why a quantiser refused a tensor."""

    NONE = 0
    """It did not."""
    TENSOR_TOO_LONG = 1
    """The tensor has more beats than the quantiser can store."""


def _check_tensor(unit: str, fmt: object, lanes: int, width: int) -> None:
    if not isinstance(fmt, AdaptivFloatFormat):
        raise TypeError(f"{unit} format must be an AdaptivFloatFormat, not {fmt!r}")
    require_between(f"{unit} lanes", lanes, 1, 256)
    require_between(f"{unit} width", width, 2, 62)


@dataclass(frozen=True, kw_only=True)
class BiasFinderConfig:
    """A streamed fixed-point tensor whose exponent bias is to be found.

    Parameters
    ----------
    fmt : AdaptivFloatFormat
        Format that the bias is for.
    lanes : int
        Values a beat, 1…256.
    width : int
        Bits of a value, 2…62.

    Raises
    ------
    TypeError
        ``fmt`` is not an AdaptivFloatFormat, or another field is not an int.
    ValueError
        A field is out of its range.
    """

    fmt: AdaptivFloatFormat
    lanes: int
    width: int

    def __post_init__(self) -> None:
        _check_tensor("bias finder", self.fmt, self.lanes, self.width)


@dataclass(frozen=True, kw_only=True)
class QuantiserConfig:
    """A streamed fixed-point tensor that is to become AdaptivFloat codes.

    Parameters
    ----------
    fmt : AdaptivFloatFormat
        Format of the codes.
    lanes : int
        Values a beat, 1…256.
    width : int
        Bits of a value, 2…62.
    depth : int
        Beats of the longest tensor, 2…65536; the size of the memory.

    Raises
    ------
    TypeError
        ``fmt`` is not an AdaptivFloatFormat, or another field is not an int.
    ValueError
        A field is out of its range.
    """

    fmt: AdaptivFloatFormat
    lanes: int
    width: int
    depth: int

    def __post_init__(self) -> None:
        _check_tensor("quantiser", self.fmt, self.lanes, self.width)
        require_between("quantiser depth", self.depth, 2, 65536)

    @property
    def bias_finder(self) -> BiasFinderConfig:
        """The part that concerns the bias finder."""
        return BiasFinderConfig(fmt=self.fmt, lanes=self.lanes, width=self.width)
