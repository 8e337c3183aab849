"""Parameters of a VMAC and of the systolic array made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .checks import require_between
from .formats import AdaptivFloatFormat
from .pair import FormatPair

__all__ = ["VmacArrayConfig", "VmacConfig"]


@dataclass(frozen=True, kw_only=True)
class VmacConfig:
    """One VMAC: a dot product of V stationary weights with V activations, and its accumulator.

    Parameters
    ----------
    pair : FormatPair
        Formats of activations and weights.
    lanes : int
        V, multiplications a cycle, 1…256.
    rows : int
        Depth of the accumulator memory: rows of a result kept while the depth K is walked in
        tiles of V, 1…1024. One row is a register, more are a memory.
    max_depth : int
        The largest K of a dot product; sets the accumulator's width, 1…65535.
    levels_per_stage : int
        Adder levels between two pipeline registers of the tree, 1…8: fewer are faster, more are
        smaller.

    Raises
    ------
    TypeError
        A field has the wrong kind.
    ValueError
        A field is out of its range, or V exceeds the largest depth.
    """

    pair: FormatPair
    lanes: int = 16
    rows: int = 64
    max_depth: int = 4096
    levels_per_stage: int = 2

    def __post_init__(self) -> None:
        if not isinstance(self.pair, FormatPair):
            raise TypeError(f"VMAC format pair must be a FormatPair, not {self.pair!r}")
        require_between("VMAC lanes", self.lanes, 1, 256)
        require_between("accumulator rows", self.rows, 1, 1024)
        require_between("largest depth", self.max_depth, 1, 65535)
        require_between("adder levels per pipeline stage", self.levels_per_stage, 1, 8)
        if self.lanes > self.max_depth:
            raise ValueError(
                f"largest depth must be at least the number of VMAC lanes ({self.lanes}), "
                f"not {self.max_depth}"
            )

    @property
    def accumulator_width(self) -> int:
        """Bits of the signed accumulator, which no dot product of ``max_depth`` terms overflows."""
        return self.pair.accumulator_width(self.max_depth)


@dataclass(frozen=True, kw_only=True)
class VmacArrayConfig:
    """A systolic chain of C VMACs.

    Parameters
    ----------
    vmac : VmacConfig
        The element.
    vmacs : int
        C, output channels computed side by side, 1…256.

    Raises
    ------
    TypeError
        A field has the wrong kind.
    ValueError
        A field is out of its range.
    """

    vmac: VmacConfig
    vmacs: int = 16

    DIMENSION_WIDTH = 16
    """Bits of M, K and N in a command."""
    MULTIPLIER_WIDTH = 32
    """Bits of a requantisation multiplier (unsigned)."""
    SHIFT_WIDTH = 6
    """Bits of a requantisation shift, and of the right shift of a wide AdaptivFloat sum."""
    EXPONENT_WIDTH = 10
    """Bits of the signed exponent with which an AdaptivFloat result is encoded."""
    RESULT_WIDTH = 16
    """Bits of a result: a wide one is signed fixed point, a code has zeros above it."""

    def __post_init__(self) -> None:
        if not isinstance(self.vmac, VmacConfig):
            raise TypeError(f"array element must be a VmacConfig, not {self.vmac!r}")
        require_between("VMACs of an array", self.vmacs, 1, 256)

    @property
    def macs(self) -> int:
        """V · C, multiplications a cycle."""
        return self.vmac.lanes * self.vmacs

    @property
    def encodes_adaptivfloat(self) -> bool:
        """Whether results leave as AdaptivFloat codes (else as INT8)."""
        return isinstance(self.vmac.pair.activation, AdaptivFloatFormat)

    def describe(self) -> dict[str, Any]:
        """The configuration in plain values, for the sidecar of the generated Verilog."""
        return {
            "activation": str(self.vmac.pair.activation),
            "weight": str(self.vmac.pair.weight),
            "lanes": self.vmac.lanes,
            "vmacs": self.vmacs,
            "rows": self.vmac.rows,
            "max_depth": self.vmac.max_depth,
            "accumulator_width": self.vmac.accumulator_width,
            "levels_per_stage": self.vmac.levels_per_stage,
        }
