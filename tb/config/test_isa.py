"""The instruction set: every operand has its place, and survives the way there and back."""

from __future__ import annotations

import re

import pytest
from alembert.config.isa import (
    FORMATS,
    INSTRUCTION_WIDTH,
    OPERANDS,
    Instruction,
    Opcode,
    ResultKind,
    decode,
    operand,
)
from hypothesis import given
from support.programs import any_instruction


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=lambda fmt: fmt.mnemonic)
def test_operands_of_an_instruction_do_not_overlap(fmt):
    taken = set(range(8))
    for name in fmt.operands:
        place = OPERANDS[name]
        bits = set(range(place.low, place.low + place.width))
        assert not bits & taken, f"{fmt.mnemonic}: {name} overlaps another operand"
        taken |= bits
    assert max(taken) < INSTRUCTION_WIDTH
    assert fmt.used_bits == sum(1 << bit for bit in taken)


def test_every_opcode_has_a_format_and_every_operand_a_use():
    assert set(FORMATS) == set(Opcode)
    assert 0 not in set(Opcode), "zeroed memory must not be a program"
    assert set().union(*(fmt.operands for fmt in FORMATS.values())) == set(OPERANDS)


@given(any_instruction())
def test_decoding_inverts_encoding(instruction):
    assert decode(instruction.encode()) == instruction


@pytest.mark.parametrize("name", OPERANDS)
def test_extremes_of_an_operand_survive(name):
    place = OPERANDS[name]
    for value in (place.min, 0, place.max):
        assert place.extract(place.insert(value)) == value
        # and its neighbours stay as they are
        assert place.insert(value) & ~(((1 << place.width) - 1) << place.low) == 0
    for value in (place.min - 1, place.max + 1):
        message = f"{name} must be between {place.min} and {place.max}, not {value}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            place.insert(value)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (0, "opcode must be that of an instruction, not 0x00"),
        (0xFF, "opcode must be that of an instruction, not 0xff"),
        (0x01 | 1 << 8, "halt has no operand at bit 8"),
        (0x40 | 3 << 200, "entropy has no operand at bit 200"),
        (0x33 | 1 << 159, "tanh has no operand at bit 159"),
    ],
)
def test_what_is_no_instruction_is_refused(word, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        decode(word)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Instruction(Opcode.LOOP, {"rows": 1}),
            "loop has no operand 'rows', but target, count",
        ),
        (
            lambda: Instruction(Opcode.HALT, {"rows": 1}),
            "halt has no operand 'rows', but none at all",
        ),
        (
            lambda: Instruction(Opcode.SOFTMAX, {"rows": 65536}),
            "softmax: rows must be between 0 and 65535, not 65536",
        ),
        (
            lambda: operand("weight"),
            f"operand must be one of {', '.join(OPERANDS)}, not 'weight'",
        ),
    ],
)
def test_bad_operands_are_refused(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_operands_are_read_by_name():
    instruction = Instruction(Opcode.GELU, {"kind": ResultKind.WIDE, "exponent": -7})
    assert (instruction["kind"], instruction["exponent"], instruction["rows"]) == (1, -7, 0)
