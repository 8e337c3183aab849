"""TANH, RESCALE and results of kind TOKEN of the golden machine."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from alembert.config.isa import Instruction, Opcode, ResultKind
from alembert_golden.special_engine import SpecialEngine
from alembert_golden.tanh import tanh
from hypothesis import given, settings
from hypothesis import strategies as st
from machine.golden_machines import MACHINES, random_scratchpad, resolved
from machine.golden_oracle import read_wides, write_results
from machine.golden_rows import exponent_of, kind_on, leave, place_all, words_of

NAMES, INT8_NAMES = st.sampled_from(sorted(MACHINES)), st.sampled_from(["int8", "ternary"])
KINDS = st.sampled_from([ResultKind.CODES, ResultKind.WIDE, ResultKind.TOKEN])
ROWS, COLUMNS = st.integers(1, 7), st.integers(1, 32)
SEED = st.integers(0, 2**32 - 1)


@settings(max_examples=40)
@given(NAMES, ROWS, COLUMNS, KINDS, SEED)
def test_tanh(name: str, rows: int, columns: int, kind: ResultKind, seed: int) -> None:
    config, rng = MACHINES[name], np.random.default_rng(seed)
    kind, exponent = kind_on(kind, name), exponent_of(rng)
    shapes = {
        "a": (rows, -(-columns // config.word_wides)),
        "o": (rows, words_of(kind, columns, config)),
    }
    where = place_all(rng, shapes)
    operands = {"rows": rows, "columns": columns, "exponent": exponent, "kind": kind}
    instruction = resolved(Instruction(Opcode.TANH, operands | where), config)
    scratchpad = random_scratchpad(rng, config, 2)
    scratchpad.view("<i2")[:] >>= int(rng.integers(0, 5))
    expected = scratchpad.copy()
    for memory in expected:
        results = []
        for r in range(rows):
            row = read_wides(memory, where["a_address"] + r * where["a_stride"], columns)
            values = tanh(row, config.special.tanh)
            assert np.abs(values / 2048 - np.tanh(np.array(row) / 2048)).max() < 1.1 / 2048
            results.append(leave(values, [exponent] * columns, kind, config))
        write_results(memory, results, kind, where["o_address"], where["o_stride"])
    SpecialEngine(config).execute(instruction, scratchpad)
    np.testing.assert_array_equal(scratchpad, expected)


def rescaled(value: int, largest: int, multiplier: int, shift: int, bias: int) -> int:
    """The formula in exact fractions, and how far it is from what it stands for."""
    total = multiplier * largest
    excess = max(0, total.bit_length() - 16)
    factor = (Fraction(total, 1 << excess) + Fraction(1, 2)).__floor__()
    result = round(value * factor * Fraction(2) ** (excess - shift)) + bias
    real = Fraction(value * total, 1 << shift)
    assert abs(result - bias - real) <= Fraction(1, 2) + abs(real) / (1 << 16)
    return min(max(result, -32768), 32767)


@settings(max_examples=100)
@given(INT8_NAMES, ROWS, COLUMNS, KINDS, st.booleans(), st.booleans(), SEED)
def test_rescale(
    name: str, rows: int, columns: int, kind: ResultKind, has_b: bool, has_bias: bool, seed: int
) -> None:
    config, rng = MACHINES[name], np.random.default_rng(seed)
    exponent = exponent_of(rng)
    shapes = {
        "a": (rows, -(-columns // config.word_wides)),
        "b": (rows, 1),
        "p": (1, columns),
        "o": (rows, words_of(kind, columns, config)),
    }
    where = place_all(rng, shapes)
    operands = {
        "rows": rows,
        "columns": columns,
        "exponent": exponent,
        "kind": kind,
        "has_b": has_b,
        "has_bias": has_bias,
        "multiplier": int(rng.integers(0, 1 << 32) >> rng.integers(0, 33)),
        # most scales near 1, all others too
        "shift": int(rng.integers(0, 64) if rng.random() < 0.3 else rng.integers(28, 50)),
    }
    instruction = resolved(Instruction(Opcode.RESCALE, operands | where), config)
    scratchpad = random_scratchpad(rng, config, 2)
    scratchpad[:, ::7] = 0
    expected = scratchpad.copy()
    for memory in expected:
        bias = read_wides(memory, where["p_address"], columns) if has_bias else [0] * columns
        results = []
        for r in range(rows):
            row = read_wides(memory, where["a_address"] + r * where["a_stride"], columns)
            (largest,) = read_wides(memory, where["b_address"] + r * where["b_stride"], 1)
            scale = largest & 0xFFFF if has_b else 1
            values = [
                rescaled(v, scale, operands["multiplier"], operands["shift"], plus)
                for v, plus in zip(row, bias)
            ]
            results.append(leave(values, [exponent] * columns, kind, config))
        write_results(memory, results, kind, where["o_address"], where["o_stride"])
    SpecialEngine(config).execute(instruction, scratchpad)
    np.testing.assert_array_equal(scratchpad, expected)


@settings(max_examples=40)
@given(INT8_NAMES, st.integers(1, 5), COLUMNS, SEED)
def test_codes_and_scales_of_tokens_are_the_values(
    name: str, rows: int, columns: int, seed: int
) -> None:
    """What TOKEN leaves is undone by RESCALE of its codes' products: here of the codes alone."""
    config, rng = MACHINES[name], np.random.default_rng(seed)
    words = -(-columns // config.word_codes) + 1
    values = rng.integers(-32768, 32768, (rows, columns)) >> rng.integers(0, 16, (rows, 1))
    scratchpad = random_scratchpad(rng, config, 1)
    beats = -(-columns // config.word_wides)
    rows_of_a = scratchpad[0, : rows * beats].view("<i2").reshape(rows, -1)
    rows_of_a[:, :columns] = values
    operands = {"rows": rows, "columns": columns, "a_stride": beats, "kind": ResultKind.TOKEN}
    operands |= {"o_address": 200, "o_stride": words, "multiplier": 1}
    SpecialEngine(config).execute(
        resolved(Instruction(Opcode.RESCALE, operands), config), scratchpad
    )
    found = scratchpad[0, 200 : 200 + rows * words].reshape(rows, words, -1)
    codes = found[:, :-1].reshape(rows, -1).view(np.int8)
    largest = found[:, -1].copy().view("<u2").astype(np.int64)
    np.testing.assert_array_equal(largest[:, 0], np.abs(values).max(axis=1))
    assert not largest[:, 1:].any() and not codes[:, columns:].any()
    exact = 127 * values / np.maximum(largest[:, :1], 1)
    assert np.abs(codes[:, :columns] - exact).max() < 0.5 + 2**-8
