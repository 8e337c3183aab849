"""Codes and scales of GGUF's blocks whose weights are a code times one scale.

Sources: the GGUF specification; the types Q8_0, TQ1_0 and TQ2_0 of the ggml library.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CODED_TYPES", "unpack_blocks"]

CODED_TYPES = ("Q8_0", "TQ1_0", "TQ2_0")
"""Types of which codes and scales are kept."""

Bytes = NDArray[np.uint8]
Int8 = NDArray[np.int8]

_TQ1_SPANS = ((0, 32, 5), (32, 48, 5), (48, 52, 4))
"""First byte, end byte, trits a byte."""


def unpack_blocks(kind: str, blocks: Bytes) -> tuple[Int8, NDArray[np.float32]]:
    """Codes [..., weights] and scales [...] of blocks [..., bytes]: weight = code · scale.

    The product is exact in float32: a code has 8 bits, and a scale, stored in float16, 11. A
    type's scales are as they are stored, so they may be negative, zero, infinite or NaN.

    Parameters
    ----------
    kind : str
        "Q8_0": float16, then 32 int8. "TQ2_0": weight 128·g + 32·f + j less −1 is field f, two
        bits, of byte 32·g + j; float16. "TQ1_0": a byte q is a fraction q/256 whose digits in
        base 3 are five weights plus 1, or four in the last four bytes; float16. TQ2_0 has a field
        for a code 2, which no ternary weight has.
    blocks : array of uint8

    Raises
    ------
    ValueError
        The type is not one of :data:`CODED_TYPES`.
    """
    match kind:
        case "Q8_0":
            return blocks[..., 2:].view(np.int8), _scales(blocks[..., :2])
        case "TQ1_0":
            return _trits(blocks[..., :52]), _scales(blocks[..., 52:])
        case "TQ2_0":
            return _fields(blocks[..., :64]), _scales(blocks[..., 64:])
        case _:
            raise ValueError(
                f"codes and scales are kept of types {', '.join(CODED_TYPES)}, not of {kind}"
            )


def _scales(stored: Bytes) -> NDArray[np.float32]:
    """[..., 2] bytes to [...]."""
    halves = np.ascontiguousarray(stored).view("<f2")
    return halves[..., 0].astype(np.float32)


def _fields(stored: Bytes) -> Int8:
    """Two bits each: the lowest of 32 bytes, then the next of the same bytes."""
    groups = stored.reshape(*stored.shape[:-1], 2, 1, 32)
    fields = groups >> np.arange(0, 8, 2, dtype=np.uint8)[:, np.newaxis] & 3
    return fields.reshape(*stored.shape[:-1], 256).astype(np.int8) - np.int8(1)


def _trits(stored: Bytes) -> Int8:
    """The first digit of all bytes of a span, then the second.

    A digit is what goes over 256 when the byte is multiplied by 3; what is left has the others.
    """
    spans = []
    for first, end, count in _TQ1_SPANS:
        rest = stored[..., first:end].astype(np.uint16)
        for _ in range(count):
            tripled = rest * 3
            spans.append((tripled >> 8).astype(np.int8) - np.int8(1))
            rest = tripled & 255
    return np.concatenate(spans, axis=-1)
