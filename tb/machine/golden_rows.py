"""Rows of special functions' results, and where their tensors lie."""

from __future__ import annotations

import numpy as np
from alembert.config.isa import ResultKind
from alembert_golden.activation_quantiser import absmax_quantise
from machine.golden_oracle import special_code

__all__ = ["exponent_of", "kind_on", "leave", "place_all", "words_of"]


def leave(values, exponents, kind: ResultKind, config) -> list[int]:
    """A row of values as the instruction writes it."""
    if kind is ResultKind.WIDE:
        return [min(int(v), 32767) & 0xFFFF for v in values]
    if kind is ResultKind.TOKEN:
        codes, largest = absmax_quantise(np.minimum(values, 32767), config.special.quantiser)
        return [*codes.tolist(), int(largest)]
    return [special_code(int(v), int(e), config) for v, e in zip(values, exponents)]


def words_of(kind: ResultKind, columns: int, config) -> int:
    """Words of a row of results."""
    per_word = config.word_wides if kind is ResultKind.WIDE else config.word_codes
    return -(-columns // per_word) + (kind is ResultKind.TOKEN)


def kind_on(kind: ResultKind, name: str) -> ResultKind:
    """The kind, or one that every machine has."""
    return kind if name in ("int8", "ternary") else ResultKind(kind is ResultKind.WIDE)


def place_all(rng, shapes: dict[str, tuple[int, int]]) -> dict[str, int]:
    """Addresses and strides of tensors (rows, words) that do not touch."""
    found, place = {}, int(rng.integers(0, 4))
    for name in rng.permutation(list(shapes)):
        rows, words = shapes[name]
        found[f"{name}_address"] = place
        if name != "p":
            found[f"{name}_stride"] = words + int(rng.integers(0, 3))
            place += rows * found[f"{name}_stride"]
        else:
            place += words
    return found


def exponent_of(rng) -> int:
    """Mostly such that codes are neither 0 nor saturated."""
    return int(rng.integers(-14, 0) if rng.random() < 0.8 else rng.integers(-512, 512))
