"""One tensor of a GGUF file: as it is stored, in float32, and as codes and scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .gguf_blocks import CODED_TYPES, unpack_blocks
from .gguf_library import block_of, gguf_library

__all__ = ["GgufTensor"]

_TERNARY_TYPES = ("TQ1_0", "TQ2_0")


@dataclass(frozen=True, kw_only=True, eq=False)
class GgufTensor:
    """Blocks of bytes, and what they stand for.

    Parameters
    ----------
    name : str
        In the file.
    kind : str
        ggml's name of its type; of :data:`alembert_compiler.gguf_library.TYPES`.
    shape : tuple of int
        Rows first, as in numpy; a file has the row's length first.
    blocks : array of uint8, [..., blocks of a row, bytes of a block]
        As stored.

    Raises
    ------
    TypeError
        The blocks are not of uint8.
    ValueError
        The type is not supported, or the blocks are not those of the shape.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    blocks: NDArray[np.uint8]

    def __post_init__(self) -> None:
        weights, size = block_of(self.kind)
        if self.blocks.dtype != np.uint8:
            raise TypeError(f"blocks of {self.name} must be of uint8, not {self.blocks.dtype}")
        row = self.shape[-1] if self.shape else 0
        if row % weights or self.blocks.shape != (*self.shape[:-1], row // weights, size):
            raise ValueError(
                f"blocks of {self.name} must be those of {self.shape} in {self.kind}, "
                f"not {self.blocks.shape}"
            )

    @property
    def values(self) -> NDArray[np.float32]:
        """Dequantised, of ``shape``; read-only. Scales that are NaN or infinite go through."""
        library = gguf_library()
        rows = self.blocks.reshape(*self.shape[:-1], -1)
        with np.errstate(all="ignore"):
            values = library.dequantize(rows, library.GGMLQuantizationType[self.kind])
        values.flags.writeable = False
        return values

    @property
    def codes(self) -> NDArray[np.int8]:
        """Of Q8_0, TQ1_0 and TQ2_0, of ``shape``: value = code · scale of its block, exactly.

        Raises
        ------
        ValueError
            The type has other weights.
        """
        return self._unpacked()[0].reshape(self.shape)

    @property
    def scales(self) -> NDArray[np.float32]:
        """Likewise, [..., blocks of a row], as stored: not derived from values.

        Raises
        ------
        ValueError
            As of ``codes``.
        """
        return self._unpacked()[1]

    def ternary_codes(self) -> tuple[NDArray[np.int8], float]:
        """Codes −1, 0, +1 of ``shape`` and their one scale, as of BitNet b1.58.

        What :func:`alembert_golden.ternary.absmean` returns, but for the scale's rounding to
        float16: a tensor of zeros has the scale 1. The scale of a block of zeros does not count:
        who takes a block's scale from its largest weight stores 0 there.

        Raises
        ------
        ValueError
            The type is not TQ1_0 or TQ2_0, a code is 2, a scale is not positive and finite, or
            blocks have different scales.
        """
        if self.kind not in _TERNARY_TYPES:
            raise ValueError(
                f"{self.name} must be of type {' or '.join(_TERNARY_TYPES)}, not {self.kind}"
            )
        codes, scales = self._unpacked()
        flat = codes.reshape(self.shape)
        if (flat > 1).any():
            where = np.argwhere(flat > 1)[0].tolist()
            raise ValueError(f"{self.name} must hold weights -1, 0 and +1, not 2 at {where}")
        used = np.unique(scales[codes.any(axis=-1)])
        if not used.size:
            return flat, 1.0
        for scale in (used[0], used[-1]):  # NaN is sorted to the end
            if not 0 < scale < np.inf:
                raise ValueError(f"{self.name} must have a positive finite scale, not {scale}")
        if used.size > 1:
            raise ValueError(
                f"{self.name} must have one scale, not {used.size} from {used[0]} to {used[-1]}"
            )
        return flat, float(used[0])

    def channel_codes(self) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
        """Codes [out, in] of a matrix and their scale, [] or [out], if its blocks agree on one.

        Blocks of zeros do not count, as in :meth:`ternary_codes`; a row of nothing else has the
        largest scale of the others. None if the type has no codes, blocks of a row have different
        scales, all codes are 0, a scale is not finite, or one that counts is not positive.
        """
        if self.kind not in CODED_TYPES or len(self.shape) != 2:
            return None
        codes, scales = self._unpacked()
        counts = codes.any(axis=-1)
        used = scales[counts]
        if not used.size or not np.isfinite(scales).all() or used.min() <= 0:
            return None
        largest = np.where(counts, scales, np.float32(0)).max(axis=1)
        if (counts & (scales != largest[:, np.newaxis])).any():
            return None
        flat = codes.reshape(self.shape)
        if (used == used[0]).all():
            return flat, used[0].reshape(())
        return flat, np.where(largest > 0, largest, largest.max())

    def _unpacked(self) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        if self.kind not in CODED_TYPES:
            raise ValueError(
                f"{self.name} must be of type {', '.join(CODED_TYPES)} to have codes, "
                f"not {self.kind}"
            )
        return unpack_blocks(self.kind, self.blocks)
