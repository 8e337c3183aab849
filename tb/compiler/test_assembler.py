"""The assembler: text to instructions, instructions to text and to bytes, and back."""

from __future__ import annotations

import re

import pytest
from alembert.config.isa import FORMATS, Instruction, Opcode
from alembert_compiler.assembler import (
    ProgramError,
    assemble,
    disassemble,
    from_bytes,
    to_bytes,
)
from hypothesis import given
from hypothesis import strategies as st
from support.programs import any_instruction

PROGRAM = """
# embeddings, then passes
    gather rows=LENGTH columns=8 o_address=0x100 o_stride=8 index_base=INPUT index_limit=591
pass: again:
    softmax rows=LENGTH columns=LENGTH a_stride=4 exponent=-15   # one head
    gelu rows=TARGETS columns=64 kind=WIDE
    exit target=out
    loop target=pass count=12
out: halt
"""


def test_a_program_by_hand():
    assert assemble(PROGRAM) == [
        Instruction(
            Opcode.GATHER,
            {"columns": 8, "o_address": 256, "o_stride": 8, "index_base": 1, "index_limit": 591},
        ),
        Instruction(Opcode.SOFTMAX, {"a_stride": 4, "exponent": -15}),
        Instruction(Opcode.GELU, {"rows": 65535, "columns": 64, "kind": 1}),
        Instruction(Opcode.EXIT, {"target": 5}),
        Instruction(Opcode.LOOP, {"target": 1, "count": 12}),
        Instruction(Opcode.HALT),
    ]


@given(st.lists(any_instruction(), max_size=8))
def test_text_and_bytes_are_lossless(program):
    assert assemble(disassemble(program)) == program
    image = to_bytes(program)
    assert len(image) == 32 * len(program)
    assert from_bytes(image) == program


def test_bytes_are_little_endian():
    image = to_bytes([Instruction(Opcode.LOOP, {"target": 0x1234, "count": 12})])
    assert image == bytes([0x03, 0x34, 0x12, 12, 0]) + bytes(27)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "jump target=1",
            "line 1: an instruction must be one of "
            f"{', '.join(fmt.mnemonic for fmt in FORMATS.values())}, not 'jump'",
        ),
        ("\nhalt now", "line 2: an operand must be name=value, not 'now'"),
        ("loop count=1 count=2", "line 1: operand 'count' is given twice"),
        (
            "loop target=out",
            "line 1: target must be a number or a name it knows, not 'out'",
        ),
        ("halt rows=1", "line 1: halt has no operand 'rows', but none at all"),
        ("gelu kind=TALL", "line 1: kind must be a number or a name it knows, not 'TALL'"),
        ("loop count=LENGTH", "line 1: count must be a number or a name it knows, not 'LENGTH'"),
        ("gelu rows=99999", "line 1: gelu: rows must be between 0 and 65535, not 99999"),
        ("a: a: halt", "line 1: label 'a' is given twice"),
        ("1a: halt", "line 1: a label must be a name, not '1a'"),
    ],
)
def test_bad_text_is_refused_by_line(text, message):
    with pytest.raises(ProgramError, match=f"^{re.escape(message)}$"):
        assemble(text)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (bytes(33), "a program must be whole instructions of 32 bytes, not 33 bytes"),
        (
            to_bytes([Instruction(Opcode.HALT)]) + bytes(32),
            "instruction 1: opcode must be that of an instruction, not 0x00",
        ),
    ],
)
def test_bad_bytes_are_refused_by_instruction(image, message):
    with pytest.raises(ProgramError, match=f"^{re.escape(message)}$"):
        from_bytes(image)
