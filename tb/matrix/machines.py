"""Machines of the matrix engine's tests, by name on both sides of a simulation."""

from __future__ import annotations

from dataclasses import dataclass

from alembert.config import FormatPair, VmacArrayConfig, VmacConfig
from alembert.config.axi import AxiConfig
from alembert.config.machine import MachineConfig
from alembert.config.memory import ScratchpadConfig
from support.formats import PAIRS

__all__ = ["ENGINES", "EngineUnderTest"]


@dataclass(frozen=True)
class EngineUnderTest:
    """One of a machine's matrix engines."""

    machine: MachineConfig
    unit: int

    @property
    def array(self) -> VmacArrayConfig:
        """The engine's array."""
        return self.machine.arrays[self.unit]

    @property
    def has_weight_stream(self) -> bool:
        """Whether it executes LINEAR."""
        return self.unit == 0

    @property
    def has_products(self) -> bool:
        """Whether it executes MATMUL."""
        pair = self.array.vmac.pair
        return pair.weight == pair.activation

    @property
    def has_columns(self) -> bool:
        """Whether it writes columns."""
        codes = self.machine.word_codes
        return self.array.vmacs == codes and self.array.vmac.rows % codes == 0


def _array(
    pair: FormatPair, *, lanes: int, vmacs: int, rows: int, max_depth: int = 64
) -> VmacArrayConfig:
    vmac = VmacConfig(pair=pair, lanes=lanes, rows=rows, max_depth=max_depth)
    return VmacArrayConfig(vmac=vmac, vmacs=vmacs)


def _machine(
    main: VmacArrayConfig, attention: VmacArrayConfig | None = None, *, words: int = 512
) -> MachineConfig:
    scratchpad = ScratchpadConfig(word_width=32, words=words, banks=4, address_width=10)
    return MachineConfig(
        main=main, attention=attention, scratchpad=scratchpad, axi=AxiConfig(data_width=32)
    )


_TINY = _machine(_array(PAIRS["adaptivfloat8_3"], lanes=4, vmacs=4, rows=12))
# V = 4W, weights of 2 bits, blocks of rows that are no whole words; attention: V = 2W, C = W/2
_SPLIT = _machine(
    _array(PAIRS["ternary"], lanes=16, vmacs=4, rows=6),
    _array(PAIRS["int8"], lanes=8, vmacs=2, rows=5),
)
# V = 3W, beats of two words with room to spare, C = W/4
_NARROW = _machine(_array(PAIRS["adaptivfloat4_2"], lanes=12, vmacs=1, rows=3))
_EDGE = MachineConfig(
    main=_array(PAIRS["adaptivfloat8_3"], lanes=16, vmacs=16, rows=64, max_depth=4096),
    scratchpad=ScratchpadConfig(word_width=128, words=4096, banks=8, address_width=12),
    axi=AxiConfig(data_width=64),
)

ENGINES = {
    "tiny": EngineUnderTest(_TINY, 0),
    "ternary": EngineUnderTest(_SPLIT, 0),
    "attention": EngineUnderTest(_SPLIT, 1),
    "narrow": EngineUnderTest(_NARROW, 0),
    "edge": EngineUnderTest(_EDGE, 0),
}
