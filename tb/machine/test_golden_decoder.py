"""Which instructions the golden machine refuses, by name and reason."""

from __future__ import annotations

import re

import pytest
from alembert.config import VmacArrayConfig, VmacConfig
from alembert.config.isa import Instruction, Opcode
from alembert.config.machine import MachineConfig
from alembert_golden.decoder import resolve
from alembert_golden.machine_fault import InstructionError
from machine.golden_machines import MACHINES, machine, resolved
from support.formats import PAIRS

CONFIG, INT8 = MACHINES["adaptivfloat"], MACHINES["int8"]
LEGAL: dict[Opcode, dict[str, int]] = {
    Opcode.LOAD: {"columns": 4, "o_stride": 4},
    Opcode.GATHER: {"columns": 4, "o_stride": 4},
    Opcode.STORE: {"columns": 4, "a_stride": 4, "memory_base": 2},
    Opcode.LINEAR: {"columns": 9, "depth": 10, "o_stride": 3, "a_stride": 3},
    Opcode.MATMUL: {"columns": 9, "depth": 10, "o_stride": 3, "a_stride": 3, "b_stride": 3},
    Opcode.SOFTMAX: {"columns": 9, "o_stride": 3, "a_stride": 5},
    Opcode.GELU: {"columns": 9, "o_stride": 3, "a_stride": 5, "has_lifts": 1},
    Opcode.LAYERNORM: {
        "columns": 9,
        "o_stride": 3,
        "has_a": 1,
        "a_stride": 5,
        "has_b": 1,
        "b_stride": 3,
    },
    Opcode.TANH: {"columns": 9, "o_stride": 3, "a_stride": 5},
    Opcode.RESCALE: {
        "columns": 9,
        "o_stride": 3,
        "a_stride": 5,
        "has_b": 1,
        "b_stride": 1,
        "has_bias": 1,
    },
    Opcode.ENTROPY: {"columns": 9, "o_stride": 2, "a_stride": 5},
}


def refusal_of(opcode: Opcode, changes: dict[str, int], config: MachineConfig = CONFIG) -> str:
    operands = LEGAL[opcode] | {"rows": 6} | changes
    try:
        resolved(Instruction(opcode, operands), config, length=0, targets=40)
    except InstructionError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("opcode", LEGAL)
def test_dimensions_and_strides(opcode: Opcode) -> None:
    mnemonic = opcode.name.lower()
    config = INT8 if opcode is Opcode.RESCALE else CONFIG

    def refusal(opcode: Opcode, changes: dict[str, int]) -> str:
        return refusal_of(opcode, changes, config)

    assert not refusal(opcode, {})
    for name in ("rows", "columns", "depth"):
        if name != "depth" or "depth" in LEGAL[opcode]:
            message = f"OPERAND: {mnemonic}: {name} must be at least 1, not 0"
            assert refusal(opcode, {name: 0}) == message
    for name, stride in LEGAL[opcode].items():
        if not name.endswith("stride"):
            continue
        short = f"OPERAND: {mnemonic}: {name} must be at least the {stride} words of a row, "
        assert refusal(opcode, {name: stride - 1}) == f"{short}not {stride - 1}"
        if not (name == "b_stride" and opcode is Opcode.MATMUL):
            assert not refusal(opcode, {"rows": 1, name: 0})  # of one row it means nothing
        tensor = name[0]
        rows = 9 if name == "b_stride" and opcode is Opcode.MATMUL else 6
        last = 512 - rows * stride
        assert not refusal(opcode, {f"{tensor}_address": last})
        message = (
            f"ADDRESS: {mnemonic}: {tensor} must end within the scratchpad's 512 words, not at 513"
        )
        assert refusal(opcode, {f"{tensor}_address": last + 1}) == message
        # all of the last row's stride counts
        wider = {f"{tensor}_address": last, name: stride + 1}
        assert refusal(opcode, wider).endswith(f"not at {512 + rows}")
        if rows == 6:
            assert not refusal(opcode, {"rows": 1, f"{tensor}_address": 512 - stride, name: 0})
            beyond = {f"{tensor}_address": 513 - stride, name: 0}
            assert refusal(opcode, {"rows": 1} | beyond).startswith("ADDRESS")


@pytest.mark.parametrize(
    ("opcode", "changes", "message"),
    [
        (
            Opcode.STORE,
            {"memory_base": 1},
            "OPERAND: store: memory_base must be OUTPUT or SCRATCH, not INPUT",
        ),
        (Opcode.STORE, {"memory_base": 3}, ""),
        *(
            case
            for opcode in (Opcode.LOAD, Opcode.STORE)
            for case in (
                (opcode, {"pitch": 24}, ""),
                (
                    opcode,
                    {"pitch": 23},
                    f"OPERAND: {opcode.name.lower()}: rows · columns must be at most the pitch of "
                    f"23 words, not 24",
                ),
                (opcode, {"rows": 65535, "pitch": 160}, ""),  # TARGETS
                (
                    opcode,
                    {"rows": 65535, "pitch": 159},
                    f"OPERAND: {opcode.name.lower()}: rows · columns must be at most the pitch of "
                    f"159 words, not 160",
                ),
            )
        ),
        (Opcode.LINEAR, {"unit": 1}, "OPERAND: linear: unit must be 0, not 1"),
        (Opcode.MATMUL, {"unit": 1}, "OPERAND: matmul: unit must be one that there is, not 1"),
        (
            Opcode.LINEAR,
            {"depth": 65, "a_stride": 17},
            "OPERAND: linear: depth must be at most 64, not 65",
        ),
        (Opcode.LINEAR, {"depth": 64, "a_stride": 16}, ""),
        (Opcode.SOFTMAX, {"kind": 2}, "OPERAND: softmax: kind must be CODES or WIDE, not COLUMNS"),
        (
            Opcode.GELU,
            {"columns": 33, "o_stride": 9, "a_stride": 17},
            "OPERAND: gelu: columns must be at most 32, not 33",
        ),
        (
            Opcode.ENTROPY,
            {"columns": 1},
            "OPERAND: entropy: columns must be at least 2, not 1",
        ),
        (
            Opcode.ENTROPY,
            {"columns": 21, "a_stride": 11},
            "OPERAND: entropy: columns must be at most 20, not 21",
        ),
        (Opcode.GELU, {"p_address": 503}, ""),
        (
            Opcode.GELU,
            {"p_address": 504},
            "ADDRESS: gelu: p must end within the scratchpad's 512 words, not at 513",
        ),
        (Opcode.GELU, {"p_address": 512 + 9, "has_lifts": 0}, ""),
        (Opcode.LAYERNORM, {"p_address": 502}, ""),
        (
            Opcode.LAYERNORM,
            {"p_address": 503},
            "ADDRESS: layernorm: p must end within the scratchpad's 512 words, not at 513",
        ),
        (Opcode.LAYERNORM, {"has_a": 0, "a_address": 600, "a_stride": 0}, ""),
        (Opcode.LAYERNORM, {"has_b": 0, "b_address": 600, "b_stride": 0}, ""),
        (Opcode.LINEAR, {"kind": 2, "o_stride": 2, "o_address": 512 - 18}, ""),
        (
            Opcode.LINEAR,
            {"kind": 2, "o_stride": 1},
            "OPERAND: linear: o_stride must be at least the 2 words of a row, not 1",
        ),
        (
            Opcode.LINEAR,
            {"kind": 1, "o_stride": 4},
            "OPERAND: linear: o_stride must be at least the 5 words of a row, not 4",
        ),
        (
            Opcode.LINEAR,
            {"kind": 2, "o_stride": 2, "o_address": 512 - 17},
            "ADDRESS: linear: o must end within the scratchpad's 512 words, not at 513",
        ),
        # what is looked for first is found first
        (
            Opcode.SOFTMAX,
            {"a_address": 600, "o_stride": 0},
            "OPERAND: softmax: o_stride must be at least the 3 words of a row, not 0",
        ),
    ],
)
def test_what_is_illegal(opcode: Opcode, changes: dict[str, int], message: str) -> None:
    assert refusal_of(opcode, changes) == message


def test_parameters_are_reserved_by_columns() -> None:
    """An even number of words for a normalisation, though nine columns need but six of them."""
    config = MACHINES["adaptivfloat8_4"]
    assert not refusal_of(Opcode.LAYERNORM, {"p_address": 502}, config)
    assert refusal_of(Opcode.LAYERNORM, {"p_address": 503}, config) == (
        "ADDRESS: layernorm: p must end within the scratchpad's 512 words, not at 513"
    )
    assert not refusal_of(Opcode.GELU, {"p_address": 503}, config)


@pytest.mark.parametrize(
    ("name", "opcode", "changes", "message"),
    [
        (
            "ternary",
            Opcode.MATMUL,
            {},
            "UNIT: matmul: weights of the unit must be INT8, not ternary",
        ),
        ("ternary", Opcode.MATMUL, {"unit": 1, "kind": 2, "o_stride": 2}, ""),
        (
            "int8",
            Opcode.LINEAR,
            {"kind": 2},
            "UNIT: linear: columns need a unit of 4 VMACs with whole words of rows, "
            "not 2 VMACs with 8 rows",
        ),
        (
            "int8",
            Opcode.LINEAR,
            {"columns": 65_534, "o_stride": 16384, "rows": 1},
            "",
        ),
    ],
)
def test_what_a_unit_refuses(name: str, opcode: Opcode, changes, message: str) -> None:
    if "columns" in changes:  # too many weights: 65534 · (⌈2000/8⌉ · 2 + 4) words
        vmac = VmacConfig(pair=PAIRS["int8"], lanes=8, rows=8, max_depth=4096)
        config = machine(VmacArrayConfig(vmac=vmac, vmacs=2), words=1 << 17)
        operands = {"rows": 1, "columns": 65534, "depth": 2000}
        with pytest.raises(
            InstructionError,
            match=r"^UNIT: linear: weights must be at most 16777215 words, not 33029136$",
        ):
            resolved(Instruction(Opcode.LINEAR, operands), config)
        return
    assert refusal_of(opcode, changes, MACHINES[name]) == message


_INT8_KINDS = "kind must be CODES, WIDE or TOKEN, not"
_MATRIX_KINDS = "kind must be CODES, WIDE or COLUMNS, not"


@pytest.mark.parametrize(
    ("name", "opcode", "changes", "message"),
    [
        ("int8", Opcode.GELU, {"kind": 3, "o_stride": 4}, ""),
        ("ternary", Opcode.SOFTMAX, {"kind": 3, "o_stride": 4}, ""),
        ("int8", Opcode.TANH, {"kind": 2}, f"OPERAND: tanh: {_INT8_KINDS} COLUMNS"),
        ("int8", Opcode.LINEAR, {"kind": 3}, f"OPERAND: linear: {_MATRIX_KINDS} TOKEN"),
        ("adaptivfloat", Opcode.MATMUL, {"kind": 3}, f"OPERAND: matmul: {_MATRIX_KINDS} TOKEN"),
        (
            "adaptivfloat",
            Opcode.LAYERNORM,
            {"kind": 3},
            "OPERAND: layernorm: kind must be CODES or WIDE, not TOKEN",
        ),
        (
            "adaptivfloat8_4",
            Opcode.RESCALE,
            {},
            "OPERAND: rescale: codes must be INT8, not AdaptivFloat<8,4>",
        ),
        # a word more than the codes take
        (
            "int8",
            Opcode.RESCALE,
            {"kind": 3},
            "OPERAND: rescale: o_stride must be at least the 4 words of a row, not 3",
        ),
        ("int8", Opcode.RESCALE, {"kind": 3, "o_stride": 4, "o_address": 488}, ""),
        (
            "int8",
            Opcode.RESCALE,
            {"kind": 3, "o_stride": 4, "o_address": 489},
            "ADDRESS: rescale: o must end within the scratchpad's 512 words, not at 513",
        ),
        ("int8", Opcode.RESCALE, {"has_b": 0, "b_stride": 0, "b_address": 600}, ""),
        ("int8", Opcode.RESCALE, {"p_address": 503}, ""),
        (
            "int8",
            Opcode.RESCALE,
            {"p_address": 504},
            "ADDRESS: rescale: p must end within the scratchpad's 512 words, not at 513",
        ),
        ("int8", Opcode.RESCALE, {"has_bias": 0, "p_address": 600}, ""),
    ],
)
def test_rows_with_a_scale_of_their_own(name: str, opcode: Opcode, changes, message: str) -> None:
    """Kind TOKEN, and RESCALE: where codes are INT8."""
    assert refusal_of(opcode, changes, MACHINES[name]) == message


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (0x00, "ILLEGAL_OPCODE: opcode must be that of an instruction, not 0x00"),
        (0xFF << 8 | 0x99, "ILLEGAL_OPCODE: opcode must be that of an instruction, not 0x99"),
        (0x01 | 1 << 200, "OPERAND: halt has no operand at bit 200"),
        (0x33 | 1 << 159, "OPERAND: tanh has no operand at bit 159"),
    ],
)
def test_bits_that_mean_nothing(word: int, message: str) -> None:
    with pytest.raises(InstructionError, match=f"^{re.escape(message)}$"):
        resolve(word, CONFIG, length=1, targets=1)


def test_registers_stand_for_dimensions() -> None:
    one = resolved(
        Instruction(Opcode.SOFTMAX, {"columns": 0xFFFF, "o_stride": 9, "a_stride": 9}),
        CONFIG,
        length=7,
        targets=9,
    )
    assert (one["rows"], one["columns"]) == (7, 9)
