"""Instructions by definition, one value at a time, in exact fractions: nothing is shared with the
golden machine but the functions of a special function's row, which are tested on their own."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from adaptivfloat.oracle import nearest_code, value_of
from alembert.config import AdaptivFloatFormat, Format
from alembert.config.isa import ResultKind
from alembert.config.machine import MachineConfig
from alembert_golden.postprocess import ChannelParameters

__all__ = [
    "code_integer",
    "product",
    "product_result",
    "read_codes",
    "read_wides",
    "special_code",
    "write_results",
]


def code_integer(code: int, fmt: Format) -> int:
    """What a byte stands for, in units of 2^(b − m) if it is AdaptivFloat."""
    code &= (1 << fmt.width) - 1
    if isinstance(fmt, AdaptivFloatFormat):
        return int(value_of(code, fmt) * 2**fmt.mantissa_width)
    return code - (1 << fmt.width) if code >> (fmt.width - 1) else code


def read_codes(words: np.ndarray, address: int, count: int) -> list[int]:
    """Bytes from the beginning of a word on; words [words, W]."""
    width = words.shape[1]
    return [int(words[address + k // width, k % width]) for k in range(count)]


def read_wides(words: np.ndarray, address: int, count: int) -> list[int]:
    """Signed numbers of two bytes from the beginning of a word on."""
    data = read_codes(words, address, 2 * count)
    pairs = zip(data[::2], data[1::2])
    return [low + 256 * high - (65536 if high >= 128 else 0) for low, high in pairs]


def write_results(
    words: np.ndarray, results: Sequence[Sequence[int]], kind: int, address: int, stride: int
) -> None:
    """Rows of results, as 8 or 16 bits each, the rest of a row's last word 0.

    Of kind TOKEN the last result of a row is its largest magnitude, in a word of its own.
    """
    width = words.shape[1]
    if kind == ResultKind.COLUMNS:
        results = list(zip(*results))
    for r, row in enumerate(results):
        data = []
        for value in row[:-1] if kind == ResultKind.TOKEN else row:
            data += [value & 255, value >> 8 & 255] if kind == ResultKind.WIDE else [value & 255]
        data += [0] * (-len(data) % width)
        if kind == ResultKind.TOKEN:
            data += [row[-1] & 255, row[-1] >> 8, *[0] * (width - 2)]
        for k, byte in enumerate(data):
            words[address + r * stride + k // width, k % width] = byte


def _saturate(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def product_result(total: int, parameters: ChannelParameters, channel: int, fmt: Format) -> int:
    """The bits of a result: 16 of a wide number, or a code; ``total`` is a sum of products."""
    field = {name: int(values[channel]) for name, values in vars(parameters).items()}
    t = total + field["bias"]
    if field["relu"] and t < 0:
        t = 0
    if isinstance(fmt, AdaptivFloatFormat):
        if field["wide"]:
            return _saturate(round(Fraction(t, 2 ** field["exponent"])), -32768, 32767) & 0xFFFF
        return nearest_code(t * Fraction(2) ** field["exponent"], fmt)
    scaled = round(Fraction(t * field["multiplier"], 2 ** field["shift"]))
    if field["wide"]:
        return _saturate(scaled, -32768, 32767) & 0xFFFF
    return _saturate(scaled, -128, 127) & 0xFF


def product(
    a: Sequence[Sequence[int]],
    columns: Sequence[Sequence[int]],
    parameters: ChannelParameters,
    fmt: Format,
) -> list[list[int]]:
    """Results of rows a and columns of integers."""
    return [
        [
            product_result(sum(x * y for x, y in zip(row, column)), parameters, n, fmt)
            for n, column in enumerate(columns)
        ]
        for row in a
    ]


def special_code(value: int, exponent: int, config: MachineConfig) -> int:
    """What a special function's value becomes as a code."""
    fmt = config.fmt
    if isinstance(fmt, AdaptivFloatFormat):
        return nearest_code(value * Fraction(2) ** _saturate(exponent, -512, 511), fmt)
    scaled = round(value * Fraction(2) ** _saturate(exponent, -63, 0))
    return _saturate(scaled, -127, 127) & 0xFF
