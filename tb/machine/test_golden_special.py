"""SOFTMAX, GELU, LAYERNORM and ENTROPY of the golden machine."""

from __future__ import annotations

import numpy as np
from alembert.config import AdaptivFloatFormat
from alembert.config.isa import Instruction, Opcode, ResultKind
from alembert_golden.entropy import entropy
from alembert_golden.entropy_engine import execute_entropy
from alembert_golden.gelu import gelu
from alembert_golden.layernorm import layernorm
from alembert_golden.residual import residual_add
from alembert_golden.softmax import softmax
from alembert_golden.special_engine import SpecialEngine
from hypothesis import given, settings
from hypothesis import strategies as st
from machine.golden_machines import MACHINES, random_scratchpad, resolved
from machine.golden_oracle import (
    read_codes,
    read_wides,
    write_results,
)
from machine.golden_rows import exponent_of, kind_on, leave, place_all, words_of

NAMES = st.sampled_from(sorted(MACHINES))
KINDS = st.sampled_from([ResultKind.CODES, ResultKind.WIDE, ResultKind.TOKEN])
ROWS, COLUMNS = st.integers(1, 7), st.integers(1, 32)
SEED = st.integers(0, 2**32 - 1)


@settings(max_examples=80)
@given(NAMES, ROWS, COLUMNS, st.sampled_from([0, 0, 1, 3, 40]), KINDS, SEED)
def test_softmax(
    name: str, rows: int, columns: int, span: int, kind: ResultKind, seed: int
) -> None:
    config, rng = MACHINES[name], np.random.default_rng(seed)
    kind, exponent = kind_on(kind, name), exponent_of(rng)
    words = words_of(kind, columns, config)
    shapes = {"a": (rows, -(-columns // config.word_wides)), "o": (rows, words)}
    where = place_all(rng, shapes)
    operands = {"rows": rows, "columns": columns, "span": span, "exponent": exponent, "kind": kind}
    instruction = resolved(Instruction(Opcode.SOFTMAX, operands | where), config)
    scratchpad = random_scratchpad(rng, config, 2)
    if rng.random() < 0.5:  # scores that are close to each other
        scratchpad[..., 1::2] = rng.integers(0, 4, scratchpad[..., 1::2].shape)
    expected = scratchpad.copy()
    for memory in expected:
        results = []
        for r in range(rows):
            row = read_wides(memory, where["a_address"] + r * where["a_stride"], columns)
            keep = [span == 0 or abs(r - j) < span for j in range(columns)]
            values = softmax(row, config.special.softmax, keep=keep)
            results.append(leave(values, [exponent] * columns, kind, config))
        write_results(memory, results, kind, where["o_address"], where["o_stride"])
    SpecialEngine(config).execute(instruction, scratchpad)
    np.testing.assert_array_equal(scratchpad, expected)


@settings(max_examples=80)
@given(NAMES, ROWS, COLUMNS, st.booleans(), st.booleans(), KINDS, SEED)
def test_gelu(
    name: str, rows: int, columns: int, has_lifts: bool, same: bool, kind: ResultKind, seed: int
) -> None:
    config, rng = MACHINES[name], np.random.default_rng(seed)
    kind, exponent = kind_on(kind, name), exponent_of(rng)
    words = words_of(kind, columns, config)
    shapes = {"a": (rows, -(-columns // config.word_wides)), "o": (rows, words), "p": (1, columns)}
    where = place_all(rng, shapes)
    operands = {"rows": rows, "columns": columns, "exponent": exponent, "kind": kind}
    operands["has_lifts"] = has_lifts
    instruction = resolved(Instruction(Opcode.GELU, operands | where), config)
    scratchpad = random_scratchpad(rng, config, 3)
    if rng.random() < 0.7:
        lifts = scratchpad[:, where["p_address"] : where["p_address"] + columns].view("<i2")
        lifts[:] = rng.integers(-4, 5, lifts.shape)
        if same:
            lifts[1:] = lifts[:1]
    expected = scratchpad.copy()
    for memory in expected:
        lift = read_wides(memory, where["p_address"], columns) if has_lifts else [0] * columns
        results = []
        for r in range(rows):
            row = read_wides(memory, where["a_address"] + r * where["a_stride"], columns)
            values = gelu(row, config.special.gelu)
            results.append(leave(values, [exponent + each for each in lift], kind, config))
        write_results(memory, results, kind, where["o_address"], where["o_stride"])
    SpecialEngine(config).execute(instruction, scratchpad)
    np.testing.assert_array_equal(scratchpad, expected)


@settings(max_examples=80)
@given(NAMES, ROWS, COLUMNS, st.booleans(), st.booleans(), KINDS, SEED)
def test_layernorm(
    name: str, rows: int, columns: int, has_a: bool, has_b: bool, kind: ResultKind, seed: int
) -> None:
    config, rng = MACHINES[name], np.random.default_rng(seed)
    kind, exponent = kind_on(kind, name), exponent_of(rng)
    beats = -(-columns // config.word_wides)
    code_words = -(-columns // config.word_codes)
    shapes = {
        "a": (rows, beats),
        "b": (rows, code_words),
        "o": (rows, words_of(kind, columns, config)),
        "p": (1, 2 * beats),
    }
    where = place_all(rng, shapes)
    operands = {
        "rows": rows,
        "columns": columns,
        "exponent": exponent,
        "kind": kind,
        "has_a": has_a,
        "has_b": has_b,
        "epsilon": int(rng.integers(0, 1 << 32)),
        "b_multiplier": int(rng.integers(0, 1 << 16)),
        "shift": int(rng.integers(0, 64) if rng.random() < 0.2 else rng.integers(8, 20)),
    }
    instruction = resolved(Instruction(Opcode.LAYERNORM, operands | where), config)
    scratchpad = random_scratchpad(rng, config, 2)
    expected = scratchpad.copy()
    mask = (1 << config.fmt.width) - 1
    for memory in expected:
        parameters = read_wides(memory, where["p_address"], 2 * beats * config.word_wides)
        gamma, beta = [], []
        for k in range(0, len(parameters), 2 * config.word_wides):
            gamma += parameters[k : k + config.word_wides]
            beta += parameters[k + config.word_wides : k + 2 * config.word_wides]
        results = []
        for r in range(rows):
            a = read_wides(memory, where["a_address"] + r * where["a_stride"], columns)
            b = read_codes(memory, where["b_address"] + r * where["b_stride"], columns)
            if isinstance(config.fmt, AdaptivFloatFormat):
                b = [code & mask for code in b]
            else:
                b = [code - 256 if code > 127 else code for code in b]
            total = residual_add(
                b if has_b else [0] * columns,
                a if has_a else [0] * columns,
                operands["b_multiplier"],
                operands["shift"],
                config.special.residual,
            )
            values = layernorm(
                total,
                gamma[:columns],
                beta[:columns],
                operands["epsilon"],
                config.special.layernorm,
            )
            results.append(leave(values, [exponent] * columns, kind, config))
        write_results(memory, results, kind, where["o_address"], where["o_stride"])
    SpecialEngine(config).execute(instruction, scratchpad)
    np.testing.assert_array_equal(scratchpad, expected)


@settings(max_examples=50)
@given(NAMES, ROWS, st.integers(2, 20), st.sampled_from([0, 60_000, 120_000, (1 << 19) - 1]), SEED)
def test_entropy(name: str, rows: int, columns: int, threshold: int, seed: int) -> None:
    config, rng = MACHINES[name], np.random.default_rng(seed)
    record_words = -(-64 // config.scratchpad.word_width)
    shapes = {"a": (rows, -(-columns // config.word_wides)), "o": (rows, record_words)}
    where = place_all(rng, shapes)
    instruction = resolved(
        Instruction(Opcode.ENTROPY, {"rows": rows, "columns": columns} | where), config
    )
    scratchpad = random_scratchpad(rng, config, 3)
    scratchpad[..., 1::2] >>= int(rng.integers(0, 8))
    expected, exits = scratchpad.copy(), []
    for memory in expected:
        logits = [
            read_wides(memory, where["a_address"] + r * where["a_stride"], columns)
            for r in range(rows)
        ]
        exits.append([])
        for r, row in enumerate(logits):
            result = entropy([row], threshold, config.entropy)
            exits[-1].append(bool(result.exit[0]))
            record = row.index(max(row)) | exits[-1][-1] << 16 | int(result.entropy[0]) << 32
            data = record.to_bytes(record_words * config.word_bytes, "little")
            start = where["o_address"] + r * where["o_stride"]
            memory[start : start + record_words].reshape(-1)[:] = list(data)
    test = execute_entropy(instruction, scratchpad, config, threshold=threshold)
    np.testing.assert_array_equal(scratchpad, expected)
    assert test.exit_all.tolist() == [all(each) for each in exits]
    start = where["o_address"]
    for sentence, memory in enumerate(expected):
        record = int.from_bytes(memory[start : start + record_words].tobytes(), "little")
        assert test.first_class[sentence] == record & 0xFFFF
        assert test.first_entropy[sentence] == record >> 32 & 0x7FFFF


def test_entropy_record_by_hand() -> None:
    """Two equal logits: ln 2 nats; and a clear case."""
    config = MACHINES["adaptivfloat"]
    scratchpad = np.full((1, 512, 4), 7, dtype=np.uint8)
    logits = scratchpad.view("<i2")
    logits[0, 10], logits[0, 11] = [0, 0], [-20480, 20480]
    operands = {"rows": 2, "columns": 2, "a_address": 10, "a_stride": 1, "o_address": 20}
    instruction = resolved(Instruction(Opcode.ENTROPY, operands | {"o_stride": 3}), config)
    execute_entropy(instruction, scratchpad, config, threshold=1)
    words = scratchpad[0].view("<u4")[:, 0].tolist()
    assert words[20] == 0 and abs(words[21] - round(0.693147 * 65536)) <= 1
    assert words[22] == 0x07070707
    assert words[23:25] == [1 | 1 << 16, 0]
