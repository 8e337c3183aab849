"""The machines that the command processor is tested in."""

from __future__ import annotations

from alembert.config import (
    AdaptivFloatFormat,
    FormatPair,
    IntegerFormat,
    TernaryFormat,
    VmacArrayConfig,
    VmacConfig,
)
from alembert.config.axi import AxiConfig
from alembert.config.command import FetcherConfig
from alembert.config.machine import MachineConfig
from alembert.config.memory import ScratchpadConfig

__all__ = ["FETCHERS", "MACHINES"]

_INT8 = FormatPair(activation=IntegerFormat(), weight=IntegerFormat())
_ADAPTIVFLOAT = FormatPair(activation=AdaptivFloatFormat(), weight=AdaptivFloatFormat())
_TERNARY = FormatPair(activation=IntegerFormat(), weight=TernaryFormat())


def _array(pair: FormatPair, lanes: int, vmacs: int, max_depth: int) -> VmacArrayConfig:
    return VmacArrayConfig(
        vmac=VmacConfig(pair=pair, lanes=lanes, rows=8, max_depth=max_depth), vmacs=vmacs
    )


MACHINES = {
    # eight words an instruction, no attention array, a scratchpad that is no power of two
    "tiny": MachineConfig(
        main=_array(_INT8, 4, 4, 100),
        scratchpad=ScratchpadConfig(word_width=32, words=300, banks=4),
        axi=AxiConfig(address_width=24, data_width=32),
        longest_row=40,
        max_classes=17,
    ),
    # codes in which no row has a scale of its own
    "adaptivfloat": MachineConfig(
        main=_array(_ADAPTIVFLOAT, 4, 4, 100),
        scratchpad=ScratchpadConfig(word_width=32, words=300, banks=4),
        axi=AxiConfig(address_width=24, data_width=32),
        longest_row=40,
        max_classes=17,
    ),
    "pair": MachineConfig(
        main=_array(_TERNARY, 16, 8, 200),
        attention=_array(_INT8, 8, 8, 90),
        scratchpad=ScratchpadConfig(word_width=64, words=4096, banks=8),
        axi=AxiConfig(address_width=32, data_width=64),
        longest_row=1024,
        max_classes=1024,
        queue_depth=1,
    ),
}

FETCHERS = {
    # an address space that ends within reach of a jump
    "narrow": (AxiConfig(address_width=16, data_width=32), FetcherConfig(word_width=32)),
    "wide": (
        AxiConfig(address_width=32, data_width=128),
        FetcherConfig(word_width=512, burst=2, bursts=3),
    ),
}
