"""Named machines: what ``alembert generate --preset NAME`` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .formats import AdaptivFloatFormat, IntegerFormat, TernaryFormat
from .pair import FormatPair
from .vmac import VmacArrayConfig, VmacConfig

__all__ = ["PRESETS", "Preset", "preset"]

_ADAPTIVFLOAT = FormatPair(activation=AdaptivFloatFormat(), weight=AdaptivFloatFormat())
_INT8 = FormatPair(activation=IntegerFormat(), weight=IntegerFormat())
_TERNARY = FormatPair(activation=IntegerFormat(), weight=TernaryFormat())


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A machine by name.

    Parameters
    ----------
    name : str
        What it is called.
    summary : str
        One line for ``alembert presets``.
    arrays : mapping of str to VmacArrayConfig
        The matrix units by name, widest first.
    """

    name: str
    summary: str
    arrays: Mapping[str, VmacArrayConfig]

    @property
    def macs(self) -> int:
        """Multiplications a cycle, all arrays together."""
        return sum(array.macs for array in self.arrays.values())

    @property
    def main_array(self) -> VmacArrayConfig:
        """The array of the linear layers."""
        return next(iter(self.arrays.values()))


def _array(pair: FormatPair, *, lanes: int, vmacs: int, rows: int = 64) -> VmacArrayConfig:
    return VmacArrayConfig(vmac=VmacConfig(pair=pair, lanes=lanes, rows=rows), vmacs=vmacs)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            Preset(
                name="tiny",
                summary="4×4 AdaptivFloat<8,3>: small enough to read and to simulate anywhere",
                arrays={"vmac_array": _array(_ADAPTIVFLOAT, lanes=4, vmacs=4, rows=8)},
            ),
            Preset(
                name="edge16",
                summary="16×16 AdaptivFloat<8,3>: EdgeBERT's energy-optimal point",
                arrays={"vmac_array": _array(_ADAPTIVFLOAT, lanes=16, vmacs=16)},
            ),
            Preset(
                name="edge16_int8",
                summary="16×16 INT8",
                arrays={"vmac_array": _array(_INT8, lanes=16, vmacs=16)},
            ),
            Preset(
                name="edge16_ternary",
                summary="64×16 ternary in about the area of 16×16 INT8, and 8×8 INT8 for attention",
                arrays={
                    "vmac_array": _array(_TERNARY, lanes=64, vmacs=16),
                    "vmac_array_attention": _array(_INT8, lanes=8, vmacs=8),
                },
            ),
        )
    }
)


def preset(name: str) -> Preset:
    """The preset called ``name``.

    Raises
    ------
    ValueError
        There is none of that name.
    """
    if name not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, not {name!r}")
    return PRESETS[name]
