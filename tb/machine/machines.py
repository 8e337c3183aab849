"""The machines that whole programs run on: all number formats, small."""

from __future__ import annotations

from dataclasses import replace

from alembert.config import FormatPair, IntegerFormat, TernaryFormat, preset
from alembert.config.machine import MachineConfig
from alembert.config.memory import ScratchpadConfig
from alembert.config.vmac import VmacArrayConfig, VmacConfig

__all__ = ["MACHINES"]

_INT8 = FormatPair(activation=IntegerFormat(), weight=IntegerFormat())
_TERNARY = FormatPair(activation=IntegerFormat(), weight=TernaryFormat())


def _array(pair: FormatPair, lanes: int, vmacs: int) -> VmacArrayConfig:
    return VmacArrayConfig(vmac=VmacConfig(pair=pair, lanes=lanes, rows=8), vmacs=vmacs)


_TINY = preset("tiny").machine

MACHINES: dict[str, MachineConfig] = {
    "adaptivfloat": _TINY,
    # a bus as wide as half a word, fewer banks
    "int8": replace(
        _TINY,
        main=_array(_INT8, 8, 8),
        scratchpad=ScratchpadConfig(word_width=64, words=4096, banks=2),
        queue_depth=1,
    ),
    # lanes of four words, and an array of its own for attention, as wide as half a word
    "ternary": replace(
        _TINY, main=_array(_TERNARY, 16, 4), attention=_array(_INT8, 4, 2), queue_depth=4
    ),
}
