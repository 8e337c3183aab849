"""Named machines: what ``alembert generate --preset NAME`` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .axi import AxiConfig
from .formats import AdaptivFloatFormat, IntegerFormat, TernaryFormat
from .machine import MachineConfig
from .memory import ScratchpadConfig
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
    machine : MachineConfig
        What it consists of.
    """

    name: str
    summary: str
    machine: MachineConfig

    @property
    def arrays(self) -> Mapping[str, VmacArrayConfig]:
        """The matrix units by the name of their designs, widest first."""
        return dict(zip(("vmac_array", "vmac_array_attention"), self.machine.arrays))

    @property
    def macs(self) -> int:
        """Multiplications a cycle, all arrays together."""
        return sum(array.macs for array in self.machine.arrays)

    @property
    def main_array(self) -> VmacArrayConfig:
        """The array of the linear layers."""
        return self.machine.main


def _array(pair: FormatPair, *, lanes: int, vmacs: int, rows: int = 64) -> VmacArrayConfig:
    return VmacArrayConfig(vmac=VmacConfig(pair=pair, lanes=lanes, rows=rows), vmacs=vmacs)


def _edge16(
    pair: FormatPair, *, lanes: int = 16, attention: VmacArrayConfig | None = None
) -> MachineConfig:
    """16 VMACs, 512 KiB in words of 16 codes, 64 bits of AXI."""
    return MachineConfig(
        main=_array(pair, lanes=lanes, vmacs=16),
        attention=attention,
        scratchpad=ScratchpadConfig(word_width=128, words=32768, banks=8),
        axi=AxiConfig(data_width=64),
    )


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            Preset(
                name="tiny",
                summary="4×4 AdaptivFloat<8,3>: small enough to read and to simulate anywhere",
                machine=MachineConfig(
                    main=_array(_ADAPTIVFLOAT, lanes=4, vmacs=4, rows=8),
                    scratchpad=ScratchpadConfig(word_width=32, words=8192, banks=4),
                    axi=AxiConfig(data_width=32),
                    longest_row=64,
                    max_classes=64,
                ),
            ),
            Preset(
                name="edge16",
                summary="16×16 AdaptivFloat<8,3>: EdgeBERT's energy-optimal point",
                machine=_edge16(_ADAPTIVFLOAT),
            ),
            Preset(
                name="edge16_int8",
                summary="16×16 INT8",
                machine=_edge16(_INT8),
            ),
            Preset(
                name="edge16_ternary",
                summary="64×16 ternary in about the area of 16×16 INT8 + 16×4 INT8 for attention",
                # lanes are whole words of 16 codes, whatever else there is
                machine=_edge16(_TERNARY, lanes=64, attention=_array(_INT8, lanes=16, vmacs=4)),
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
