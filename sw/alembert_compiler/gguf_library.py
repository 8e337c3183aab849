"""The gguf library, which is needed only where a GGUF file is read, and the types taken from it."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["TYPES", "block_of", "gguf_library", "type_name"]

TYPES = (
    *("F32", "F16", "BF16"),
    *("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"),
    *("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"),
    *("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS"),
    *("TQ1_0", "TQ2_0", "MXFP4"),
)
"""Types of tensors that are read, by ggml's names."""


def gguf_library() -> Any:
    """The module ``gguf``.

    Raises
    ------
    ImportError
        It is not installed.
    """
    try:
        return importlib.import_module("gguf")
    except ImportError as error:
        raise ImportError(
            "GGUF files need the gguf library: pip install 'alembert[gguf]' brings it"
        ) from error


def type_name(number: int) -> str:
    """ggml's name of a type; the number itself where the library knows no name."""
    try:
        return gguf_library().GGMLQuantizationType(number).name
    except ValueError:
        return str(number)


def block_of(kind: str) -> tuple[int, int]:
    """Weights of one block of a type, and the bytes that hold them.

    Raises
    ------
    ValueError
        The type is not one of :data:`TYPES`.
    """
    if kind not in TYPES:
        raise ValueError(f"GGUF type must be one of {', '.join(TYPES)}, not {kind}")
    library = gguf_library()
    weights, size = library.GGML_QUANT_SIZES[library.GGMLQuantizationType[kind]]
    return weights, size
