"""The residual addition's parameters and fault."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import ClassVar

from .checks import require_between
from .formats import AdaptivFloatFormat, IntegerFormat

__all__ = ["ResidualConfig", "ResidualFault"]


class ResidualFault(enum.IntEnum):
    """What was wrong with the two streams."""

    NONE = 0
    """Nothing was."""
    LENGTH_MISMATCH = 1
    """One of the two ended a row where the other did not."""


@dataclass(frozen=True, kw_only=True)
class ResidualConfig:
    """Lanes and formats of codes + wide numbers.

    Parameters
    ----------
    lanes : int
        V, values a beat, 1…64.
    fmt : AdaptivFloatFormat or IntegerFormat
        The codes' format.
    out_width : int
        Bits of a signed sum, 8…24.

    Raises
    ------
    TypeError
        A number is not an int, or the format is none of the two.
    ValueError
        A field is out of its range.
    """

    lanes: int = 8
    fmt: AdaptivFloatFormat | IntegerFormat = field(default_factory=AdaptivFloatFormat)
    out_width: int = 18

    WIDE_WIDTH: ClassVar[int] = 16
    """Bits of a signed wide number."""
    MULTIPLIER_WIDTH: ClassVar[int] = 16
    """Bits of the unsigned multiplier."""
    SHIFT_WIDTH: ClassVar[int] = 6
    """Bits of the right shift."""

    def __post_init__(self) -> None:
        require_between("residual lanes", self.lanes, 1, 64)
        if not isinstance(self.fmt, AdaptivFloatFormat | IntegerFormat):
            raise TypeError(
                f"residual format must be an AdaptivFloatFormat or an IntegerFormat, "
                f"not {self.fmt!r}"
            )
        require_between("residual output width", self.out_width, 8, 24)

    @property
    def scaled_width(self) -> int:
        """Bits of a scaled code that is saturated before the addition, without a trace of it.

        A bit above both the sum's width and the wide number's: no wide number brings back into
        the sum's range what does not fit into these.
        """
        return max(self.out_width, self.WIDE_WIDTH) + 1
