"""Parameters of what stores and rearranges tensors."""

from __future__ import annotations

from dataclasses import dataclass

from .checks import require_between

__all__ = ["TransposerConfig"]


@dataclass(frozen=True, kw_only=True)
class TransposerConfig:
    """Blocks of V × V codes that are turned over.

    Parameters
    ----------
    lanes : int
        V, codes a beat, a power of two, 2…64.
    width : int
        Bits of a code, 1…32.

    Raises
    ------
    TypeError
        A field is not an int.
    ValueError
        A field is out of its range, or V is no power of two.
    """

    lanes: int = 16
    width: int = 8

    def __post_init__(self) -> None:
        require_between("transposer lanes", self.lanes, 2, 64)
        require_between("transposer width", self.width, 1, 32)
        if self.lanes & (self.lanes - 1):
            raise ValueError(f"transposer lanes must be a power of two, not {self.lanes}")
