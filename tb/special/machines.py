"""Machines of the special engines' tests, by name on both sides of a simulation."""

from __future__ import annotations

from alembert.config import VmacArrayConfig, VmacConfig
from alembert.config.axi import AxiConfig
from alembert.config.machine import MachineConfig
from alembert.config.memory import ScratchpadConfig
from support.formats import PAIRS

__all__ = ["FORMATS", "MACHINES", "machine"]


def machine(
    pair: str, *, word_width: int, words: int, banks: int, longest_row: int, max_classes: int
) -> MachineConfig:
    """A machine whose matrix unit is as small as it can be."""
    codes = word_width // 8
    vmac = VmacConfig(pair=PAIRS[pair], lanes=codes, rows=4, max_depth=64)
    return MachineConfig(
        main=VmacArrayConfig(vmac=vmac, vmacs=1),
        scratchpad=ScratchpadConfig(
            word_width=word_width,
            words=words,
            banks=banks,
            address_width=(words - 1).bit_length() + 1,
        ),
        axi=AxiConfig(data_width=32),
        longest_row=longest_row,
        max_classes=max_classes,
    )


_TINY = {"word_width": 32, "words": 512, "banks": 4, "longest_row": 37, "max_classes": 20}

MACHINES = {
    "adaptivfloat": machine("adaptivfloat8_3", **_TINY),
    "int8": machine("int8", **_TINY),
    # codes of 4 bits in bytes, records of one word
    "narrow": machine("adaptivfloat4_2", **(_TINY | {"word_width": 64})),
    "edge": machine(
        "adaptivfloat8_3", word_width=128, words=4096, banks=8, longest_row=512, max_classes=64
    ),
}

FORMATS = {name: config.special.fmt for name, config in MACHINES.items()}
"""Of their codes."""
