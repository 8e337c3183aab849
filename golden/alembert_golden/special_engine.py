"""SOFTMAX, GELU, LAYERNORM, TANH and RESCALE: rows of the scratchpad through special functions.

The functions are :mod:`alembert_golden.softmax`, :mod:`alembert_golden.gelu`,
:mod:`alembert_golden.residual` and :mod:`alembert_golden.layernorm`, :mod:`alembert_golden.tanh`,
:mod:`alembert_golden.rescale`. Their values leave as codes (``kind`` CODES:
:func:`alembert_golden.quick_special.encode_special`), or saturated to 16 bits (WIDE), or then
scaled row by row (TOKEN: :func:`alembert_golden.activation_quantiser.absmax_quantise`). Codes and
wide numbers fill the last word of a row up with zeros.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from alembert.config import AdaptivFloatFormat
from alembert.config.isa import ResultKind
from alembert.config.machine import MachineConfig, SpecialFunctionConfig
from numpy.typing import NDArray

from .activation_quantiser import absmax_quantise
from .adaptivfloat import significand
from .decoder import Resolved
from .memory_image import WIDE, rows_of
from .quick_special import (
    EXPONENT_MAX,
    EXPONENT_MIN,
    code_table,
    gelu_table,
    layernorm_unclipped,
    quick_softmax,
    tanh_table,
)
from .rescale import rescale
from .saturation import WIDE_MAX, WIDE_MIN, clip_and_count
from .scaler import scale

__all__ = ["SpecialEngine"]

_BLOCK = 1 << 17
"""Values worked on at a time, so that what is in between stays in the cache."""


class SpecialEngine:
    """Executes special functions.

    Parameters
    ----------
    machine : MachineConfig
        What executes the instructions.
    """

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        self._fmt = machine.special.fmt

    def execute(self, instruction: Resolved, scratchpad: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Execute a special function, resolved, on [batch, words, W] in place.

        All of a sentence's operands are read before anything is written. Returns how many wide
        numbers of each sentence were saturated: sums and results of LAYERNORM, results of RESCALE.
        """
        saturated = np.zeros(len(scratchpad), dtype=np.int64)
        step = max(1, _BLOCK // (instruction["rows"] * instruction["columns"]))
        run = getattr(self, f"_{instruction.opcode.name.lower()}")
        for start in range(0, len(scratchpad), step):
            some = scratchpad[start : start + step]
            values = run(instruction, some, saturated[start : start + step])
            rows = instruction.places["o"]
            o = rows_of(some, rows, wide=instruction["kind"] == ResultKind.WIDE)
            o[..., : values.shape[-1]], o[..., values.shape[-1] :] = values, 0
        return saturated

    def _wide(self, instruction: Resolved, scratchpad: NDArray[np.uint8]) -> NDArray[np.int16]:
        rows = instruction.places["a"]
        return rows_of(scratchpad, rows, wide=True)[..., : instruction["columns"]]

    def _parameters(
        self, instruction: Resolved, scratchpad: NDArray[np.uint8]
    ) -> NDArray[np.int64]:
        """All parameters from ``p_address`` on, as numbers of 16 bits, [batch, 1, n]."""
        rows = instruction.places["p"]
        return rows_of(scratchpad, rows, wide=True).astype(np.int64)

    def _leave(self, values: NDArray, instruction: Resolved) -> NDArray:
        """Values of −2^15…2^15 as the instruction wants them: codes, or 16 bits, or a row's codes
        with zeros behind them and its largest magnitude."""
        if instruction["kind"] == ResultKind.CODES:
            return code_table(instruction["exponent"], self._fmt).take(values, mode="wrap")
        wide = np.minimum(values, (1 << 15) - 1)
        if instruction["kind"] == ResultKind.WIDE:
            return wide
        codes, largest = absmax_quantise(wide, self._machine.special.quantiser)
        behind = (instruction.places["o"].words - 1) * self._machine.word_codes
        row = np.zeros((*codes.shape[:-1], behind + WIDE.itemsize), dtype=np.uint8)
        row[..., : codes.shape[-1]] = codes.astype(np.int8).view(np.uint8)
        row[..., behind:] = largest.astype("<u2")[..., np.newaxis].view(np.uint8)
        return row

    def _softmax(
        self,
        instruction: Resolved,
        scratchpad: NDArray[np.uint8],
        saturated: NDArray[np.int64],
    ) -> NDArray:
        """Position j of row r exists if ``span`` is 0 or |r − j| < ``span``."""
        rows, columns, span = (instruction[name] for name in ("rows", "columns", "span"))
        keep = None
        if span:
            distance = np.abs(np.arange(rows)[:, np.newaxis] - np.arange(columns))
            keep = distance < span
        scores, config = self._wide(instruction, scratchpad), self._machine.special.softmax
        probabilities = quick_softmax(scores, config, keep, instruction["a_shift"])
        return self._leave(probabilities, instruction)

    def _gelu(
        self,
        instruction: Resolved,
        scratchpad: NDArray[np.uint8],
        saturated: NDArray[np.int64],
    ) -> NDArray:
        """Column c is encoded with ``exponent`` plus its lift, word ``p_address`` + c div L."""
        place = self._wide(instruction, scratchpad).view(np.uint16)
        table = gelu_table(self._machine.special.gelu, instruction["a_shift"])
        if instruction["kind"] != ResultKind.CODES or not instruction["has_lifts"]:
            return self._leave(table.take(place), instruction)
        exponent = instruction["exponent"]
        lifts = self._parameters(instruction, scratchpad)[..., : instruction["columns"]]
        one = lifts[:1] if (lifts == lifts[:1]).all() else lifts
        which, tables = _lifted_gelu(
            one.tobytes(), exponent, instruction["a_shift"], self._machine.special
        )
        return tables.take(place + which.reshape(one.shape))

    def _tanh(
        self,
        instruction: Resolved,
        scratchpad: NDArray[np.uint8],
        saturated: NDArray[np.int64],
    ) -> NDArray:
        place = self._wide(instruction, scratchpad).view(np.uint16)
        return self._leave(tanh_table(self._machine.special.tanh).take(place), instruction)

    def _rescale(
        self,
        instruction: Resolved,
        scratchpad: NDArray[np.uint8],
        saturated: NDArray[np.int64],
    ) -> NDArray:
        """Row r's max is in the lower 16 bits of its word of b; column c's bias is in word
        ``p_address`` + c div L."""
        wide, largest = self._wide(instruction, scratchpad), np.int64(1)
        if instruction["has_b"]:
            rows = rows_of(scratchpad, instruction.places["b"], wide=True)
            largest = rows[..., 0].view(np.uint16)
        values = rescale(
            wide,
            np.broadcast_to(largest, wide.shape[:-1]),
            instruction["multiplier"],
            instruction["shift"],
            self._machine.special.rescale,
        )
        if instruction["has_bias"]:
            values += self._parameters(instruction, scratchpad)[..., : instruction["columns"]]
        saturated += clip_and_count(values, WIDE_MIN, WIDE_MAX)
        return self._leave(values, instruction)

    def _layernorm(
        self,
        instruction: Resolved,
        scratchpad: NDArray[np.uint8],
        saturated: NDArray[np.int64],
    ) -> NDArray:
        """Beat k's γ are word ``p_address`` + 2k, its β the next one."""
        machine, columns = self._machine, instruction["columns"]
        sums = np.zeros((len(scratchpad), instruction["rows"], columns))
        if instruction["has_a"]:
            sums += self._wide(instruction, scratchpad)
        if instruction["has_b"]:
            rows = instruction.places["b"]
            codes = rows_of(scratchpad, rows)[..., :columns]
            sums += self._scaled_codes(instruction).take(codes)
            half = 1 << (machine.special.residual.out_width - 1)
            saturated += clip_and_count(sums, -half, half - 1)
        parameters = self._parameters(instruction, scratchpad)
        beats = parameters.reshape(len(scratchpad), 1, -1, 2, machine.word_wides)
        gamma, beta = (
            beats[..., which, :].reshape(len(scratchpad), 1, -1)[..., :columns] for which in (0, 1)
        )
        values = layernorm_unclipped(
            sums, gamma, beta, instruction["epsilon"], machine.special.layernorm
        )
        saturated += clip_and_count(values, WIDE_MIN, WIDE_MAX)
        return self._leave(values.astype(np.int16), instruction)

    def _scaled_codes(self, instruction: Resolved) -> NDArray[np.float64]:
        """What each of the 256 codes of operand b adds to a."""
        codes = np.arange(256)
        if isinstance(self._fmt, AdaptivFloatFormat):
            numbers = significand(codes & ((1 << self._fmt.width) - 1), self._fmt)
        else:
            numbers = (codes ^ 128) - 128
        scaled = scale(numbers, instruction["b_multiplier"], instruction["shift"], 48)
        return scaled.astype(np.float64)


@lru_cache(maxsize=256)
def _lifted_gelu(
    lifts: bytes, exponent: int, shift: int, special: SpecialFunctionConfig
) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Codes of every value's GELU for each lift that occurs; and where a lift's codes begin."""
    lifted = np.clip(exponent + np.frombuffer(lifts, np.int64), EXPONENT_MIN, EXPONENT_MAX)
    exponents, which = np.unique(lifted, return_inverse=True)
    table = gelu_table(special.gelu, shift)
    tables = [code_table(int(each), special.fmt).take(table, mode="wrap") for each in exponents]
    return which.astype(np.intp) * len(table), np.concatenate(tables)
