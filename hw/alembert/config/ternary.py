"""Ternary machine: weight memory, activation quantiser and rescaling, as parameter objects."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .checks import require_between

__all__ = [
    "ActivationQuantiserConfig",
    "Packing",
    "QuantiserFault",
    "RescaleConfig",
    "RescaleFault",
    "WeightFault",
    "WeightMemoryConfig",
]


class Packing(enum.Enum):
    """How ternary weights lie in bytes; a row of weights always starts on a byte."""

    TWO_BIT = "two_bit"
    """Four codes a byte, the first in the lowest two bits: 2 bits a weight."""
    FIVE_TRITS = "five_trits"
    """Five trits a byte in base 3, byte = Σ (w_i + 1)·3^i: 1.6 bits a weight."""

    @property
    def codes_per_byte(self) -> int:
        """Weights in a byte."""
        return 4 if self is Packing.TWO_BIT else 5

    @property
    def num_legal_bytes(self) -> int:
        """How many of the 256 bytes are legal: 3^4 or 3^5."""
        return 3**self.codes_per_byte


class WeightFault(enum.IntEnum):
    """What went wrong in a weight memory."""

    NONE = 0
    ILLEGAL_BYTE = 1
    """A row that was read holds a byte outside its packing; the byte's weights read as zero."""
    READ_OUTSIDE = 2
    """A command read past the last row; the row reads as zeros."""
    WRITE_OUTSIDE = 3
    """A write went past the last row; it was dropped."""


class QuantiserFault(enum.IntEnum):
    """What went wrong in an activation quantiser."""

    NONE = 0
    OVERLONG_TOKEN = 1
    """A token was longer than the buffer; it was dropped whole."""


class RescaleFault(enum.IntEnum):
    """What went wrong in a rescaler."""

    NONE = 0
    SCALE_RANGE = 1
    """multiplier · max / 2^shift reached 2^scale_width; the beat's results are saturated."""


@dataclass(frozen=True, kw_only=True)
class WeightMemoryConfig:
    """On-chip memory of packed ternary weights.

    Parameters
    ----------
    lanes : int
        V, weights in a row, 1…1024.
    rows : int
        Rows in the memory, 2…65536.
    packing : Packing
        How a row lies in bytes.

    Raises
    ------
    TypeError
        A field is of the wrong kind.
    ValueError
        A field is out of its range.
    """

    lanes: int = 16
    rows: int = 256
    packing: Packing = Packing.TWO_BIT

    def __post_init__(self) -> None:
        require_between("weight memory lanes", self.lanes, 1, 1024)
        require_between("weight memory rows", self.rows, 2, 1 << 16)
        if not isinstance(self.packing, Packing):
            raise TypeError(f"weight memory packing must be a Packing, not {self.packing!r}")

    @property
    def row_bytes(self) -> int:
        """Bytes of a row: ⌈V/4⌉ or ⌈V/5⌉."""
        return -(-self.lanes // self.packing.codes_per_byte)

    @property
    def row_width(self) -> int:
        """Bits of a row."""
        return 8 * self.row_bytes

    @property
    def address_width(self) -> int:
        """Bits of a row number."""
        return (self.rows - 1).bit_length()

    @property
    def count_width(self) -> int:
        """Bits of a number of rows, 0…rows."""
        return self.rows.bit_length()


@dataclass(frozen=True, kw_only=True)
class ActivationQuantiserConfig:
    """INT8 absmax quantiser, one scale a token.

    Parameters
    ----------
    width : int
        w, bits of a signed fixed-point input, 8…24.
    lanes : int
        V, values a beat, 1…1024.
    depth : int
        Beats in the buffer, 2…65536: the longest token. Tokens of at most half of it overlap
        fully.
    guard_width : int
        k, guard bits of the reciprocal, 2…16: a code differs from the nearest integer to
        127·x/max only within 2^−k of a tie. The default keeps a lane's multiplier within 18 × 18
        bits for 16-bit inputs.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range.
    """

    width: int = 16
    lanes: int = 16
    depth: int = 64
    guard_width: int = 8

    LIMIT = 127
    """The largest |code|; −128 is never used."""

    def __post_init__(self) -> None:
        require_between("quantiser width", self.width, 8, 24)
        require_between("quantiser lanes", self.lanes, 1, 1024)
        require_between("quantiser depth", self.depth, 2, 1 << 16)
        require_between("quantiser guard width", self.guard_width, 2, 16)

    @property
    def reciprocal_width(self) -> int:
        """Bits of the reciprocal, which is at most 127·2^k."""
        return 7 + self.guard_width

    @property
    def reciprocal_shift(self) -> int:
        """s, the reciprocal's fraction bits: R ≈ 127·2^s / max, max normalised to w bits."""
        return self.width - 1 + self.guard_width


@dataclass(frozen=True, kw_only=True)
class RescaleConfig:
    """Accumulators to fixed point, by weight scale and token scale.

    Parameters
    ----------
    lanes : int
        V, accumulators a beat, 1…1024.
    accumulator_width : int
        A, bits of a signed accumulator, 8…32.
    max_width : int
        Bits of a token's unsigned absmax, 8…24: the quantiser's ``width``.
    scale_width : int
        n, significant bits of the token scale, 8…24: its relative error is at most 2^−n.
    out_width : int
        Bits of a signed result, 8…32.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range.
    """

    lanes: int = 16
    accumulator_width: int = 22
    max_width: int = 16
    scale_width: int = 16
    out_width: int = 24

    MULTIPLIER_WIDTH = 32
    """Bits of the unsigned weight multiplier."""
    SHIFT_WIDTH = 6
    """Bits of the unsigned right shift."""

    def __post_init__(self) -> None:
        require_between("rescale lanes", self.lanes, 1, 1024)
        require_between("rescale accumulator width", self.accumulator_width, 8, 32)
        require_between("rescale max width", self.max_width, 8, 24)
        require_between("rescale scale width", self.scale_width, 8, 24)
        require_between("rescale output width", self.out_width, 8, 32)

    @property
    def product_width(self) -> int:
        """Bits of accumulator × token scale, signed: the scale can reach 2^n."""
        return self.accumulator_width + self.scale_width + 1
