"""Where a model's tensors lie: words of rows, parameters as beats, and the image's data."""

from __future__ import annotations

import numpy as np
from alembert.config.machine import MachineConfig
from alembert_golden.weights_layout import pack_linear
from numpy.typing import NDArray

from .linear_layer import LinearLayer
from .norm_layer import NormLayer

__all__ = ["ImageData", "Words", "code_rows", "norm_words", "wide_rows"]


class Words:
    """How many words things take on one machine."""

    def __init__(self, machine: MachineConfig) -> None:
        self.machine = machine
        self.main_alignment = machine.main.vmac.lanes // machine.word_codes
        """Words that the main array reads side by side."""
        self.product_alignment = machine.products.vmac.lanes // machine.word_codes
        """The same of the array that multiplies activations."""

    def codes(self, count: int) -> int:
        """Words of a row of codes."""
        return -(-count // self.machine.word_codes)

    def wides(self, count: int) -> int:
        """Words of a row of wide numbers."""
        return -(-count // self.machine.word_wides)

    def bytes(self, count: int) -> int:
        """Words of bytes."""
        return -(-count // self.machine.word_bytes)

    @property
    def record(self) -> int:
        """Words of the record of an entropy test: 64 bits."""
        return self.bytes(8)


def code_rows(codes: NDArray[np.int64], words: Words) -> bytes:
    """Rows of codes, padded to whole words."""
    width = words.codes(codes.shape[1]) * words.machine.word_codes
    rows = np.zeros((len(codes), width), dtype=np.uint8)
    rows[:, : codes.shape[1]] = codes & 0xFF
    return rows.tobytes()


def wide_rows(values: NDArray[np.int64], words: Words) -> bytes:
    """Rows of wide numbers, padded to whole words."""
    width = words.wides(values.shape[1]) * words.machine.word_wides
    rows = np.zeros((len(values), width), dtype="<i2")
    rows[:, : values.shape[1]] = values
    return rows.tobytes()


def norm_words(norm: NormLayer, words: Words) -> bytes:
    """γ and β of a normalisation, a word of each in turn."""
    lanes = words.machine.word_wides
    pairs = np.zeros((2, words.wides(norm.columns) * lanes), dtype="<i2")
    pairs[0, : norm.columns], pairs[1, : norm.columns] = norm.gamma, norm.beta
    return pairs.reshape(2, -1, lanes).swapaxes(0, 1).tobytes()


class ImageData:
    """The IMAGE region as it grows; every part begins with a word."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> int:
        """Append a part; its offset in words."""
        offset, padding = self._size, -len(part) % self._words.machine.word_bytes
        self._parts += [part, bytes(padding)]
        self._size += self._words.bytes(len(part))
        return offset

    def add_layer(self, layer: LinearLayer) -> int:
        """Append a linear layer's weights and parameters; their offset in words."""
        machine = self._words.machine
        return self.add(pack_linear(layer.codes, layer.parameters, machine.main, machine))

    @property
    def content(self) -> bytes:
        """Everything so far."""
        return b"".join(self._parts)
