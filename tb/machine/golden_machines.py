"""Small machines of the golden machine's tests, and programs for them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from alembert.config import FormatPair, VmacArrayConfig, VmacConfig
from alembert.config.axi import AxiConfig
from alembert.config.isa import Instruction, MemoryBase
from alembert.config.machine import MachineConfig
from alembert.config.memory import ScratchpadConfig
from alembert_golden.decoder import Resolved, resolve
from alembert_golden.memory_image import ExternalMemory
from numpy.typing import NDArray
from support.formats import PAIRS

__all__ = ["MACHINES", "machine", "memory_of", "random_scratchpad", "resolved"]


def _array(pair: FormatPair, lanes: int, vmacs: int, rows: int) -> VmacArrayConfig:
    vmac = VmacConfig(pair=pair, lanes=lanes, rows=rows, max_depth=64)
    return VmacArrayConfig(vmac=vmac, vmacs=vmacs)


def machine(
    main: VmacArrayConfig,
    attention: VmacArrayConfig | None = None,
    *,
    word_width: int = 32,
    words: int = 512,
) -> MachineConfig:
    """A machine with a scratchpad of ``words`` words, rows of 32 values, 20 classes."""
    return MachineConfig(
        main=main,
        attention=attention,
        scratchpad=ScratchpadConfig(word_width=word_width, words=words, banks=4),
        axi=AxiConfig(data_width=32),
        longest_row=32,
        max_classes=20,
    )


MACHINES: Mapping[str, MachineConfig] = {
    "adaptivfloat": machine(_array(PAIRS["adaptivfloat8_3"], 4, 4, 8)),
    # V = 2W, C = W/2: a beat of weights is two words, a tile half a word
    "int8": machine(_array(PAIRS["int8"], 8, 2, 8)),
    # weights of 2 bits: a beat of 16 is one word
    "ternary": machine(_array(PAIRS["ternary"], 16, 4, 8), _array(PAIRS["int8"], 4, 4, 8)),
    # sums beyond float64 are possible; words of 64 bits
    "adaptivfloat8_4": machine(_array(PAIRS["adaptivfloat8_4"], 8, 8, 8), word_width=64),
    "adaptivfloat4_2": machine(_array(PAIRS["adaptivfloat4_2"], 12, 1, 8)),
}


def resolved(
    instruction: Instruction, config: MachineConfig, *, length: int = 5, targets: int = 2
) -> Resolved:
    """The instruction as the machine executes it."""
    return resolve(instruction.encode(), config, length=length, targets=targets)


def random_scratchpad(
    rng: np.random.Generator, config: MachineConfig, batch: int
) -> NDArray[np.uint8]:
    """A scratchpad full of anything."""
    shape = (batch, config.scratchpad.words, config.word_codes)
    return rng.integers(0, 256, shape, dtype=np.uint8)


def memory_of(
    config: MachineConfig,
    image: bytes = b"",
    regions: Mapping[MemoryBase, NDArray[np.uint8]] | None = None,
) -> ExternalMemory:
    """External memory with the given regions."""
    return ExternalMemory(np.frombuffer(image, np.uint8), dict(regions or {}), config.word_bytes)
