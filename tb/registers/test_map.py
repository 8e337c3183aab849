"""The description of the registers: what it refuses, and what the machine's says."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from alembert import __version__
from alembert.config.command import PC_WIDTH, MachineFault
from alembert.config.early_exit import EntropyConfig
from alembert.config.isa import ISA_VERSION, Unit
from alembert.config.register_fields import Access, Field, Half, Register, register_pair, single
from alembert.config.register_map import Group, RegisterMap
from alembert.config.registers import COUNTERS, REGISTERS, registers_of
from alembert.config.status import FormatKind, State
from hypothesis import given
from hypothesis import strategies as st
from registers.model import ODD_MAP, machine


class _Large(enum.IntEnum):
    EIGHT = 8


def _field(**given: Any) -> Field:
    return Field(**{"name": "f", "low": 0, "width": 4, "access": Access.RW, "doc": "", **given})


def _register(*fields: Field, **given: Any) -> Register:
    return Register(**{"name": "R", "offset": 0, "doc": "", "fields": fields, **given})


def _map(*registers: Register, **given: Any) -> RegisterMap:
    return RegisterMap("m", (Group("G", "", registers),), **given)


_LO, _HI = register_pair("P", 8, Access.RO, "P")
_NAME = "name of a field must be a lower-case identifier that no language reserves, not "

REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "field-name": (lambda: _field(name="Start"), ValueError, _NAME + "'Start'"),
    "field-python": (lambda: _field(name="class"), ValueError, _NAME + "'class'"),
    "field-rdl": (lambda: _field(name="level"), ValueError, _NAME + "'level'"),
    "field-low": (
        lambda: _field(low=32),
        ValueError,
        "lowest bit of field f must be between 0 and 31, not 32",
    ),
    "field-low-type": (
        lambda: _field(low="0"),
        TypeError,
        "lowest bit of field f must be an int, not '0'",
    ),
    "field-width": (
        lambda: _field(low=30, width=3),
        ValueError,
        "width of field f must be between 1 and 2, not 3",
    ),
    "field-access": (
        lambda: _field(access="RW"),
        TypeError,
        "access of field f must be an Access, not 'RW'",
    ),
    "field-reset": (
        lambda: _field(reset=16),
        ValueError,
        "reset of field f must be between 0 and 15, not 16",
    ),
    "field-unknown": (
        lambda: _field(reset=None),
        ValueError,
        "reset of field f must be a number, unless it is a constant",
    ),
    "field-report-reset": (
        lambda: _field(access=Access.RO, reset=1),
        ValueError,
        "reset of field f must be 0 for RO, not 1",
    ),
    "field-pulse": (
        lambda: _field(access=Access.PULSE),
        ValueError,
        "width of field f must be 1 for a pulse, not 4",
    ),
    "field-locked": (
        lambda: _field(access=Access.W1C, is_locked=True),
        ValueError,
        "field f must be RW or a pulse to be locked, not W1C",
    ),
    "field-choices": (
        lambda: _field(width=3, choices=_Large),
        ValueError,
        "largest choice of field f must be between 0 and 7, not 8",
    ),
    "register-name": (
        lambda: _register(_field(), name="a"),
        ValueError,
        "name of a register must be an upper-case identifier, not 'a'",
    ),
    "register-offset": (
        lambda: _register(_field(), offset=6),
        ValueError,
        "offset of R must be a multiple of 4, not 6",
    ),
    "register-offset-type": (
        lambda: _register(_field(), offset=4.0),
        TypeError,
        "offset of R must be an int, not 4.0",
    ),
    "register-empty": (_register, ValueError, "R must have a field"),
    "register-twice": (
        lambda: _register(_field(), _field(low=4)),
        ValueError,
        "names of the fields of R must be unique, not f twice",
    ),
    "register-overlap": (
        lambda: _register(_field(), _field(name="g", low=3)),
        ValueError,
        "fields of R must not overlap and rise, not f and g",
    ),
    "register-access": (
        lambda: _register(_field(), _field(name="g", low=4, access=Access.RO)),
        ValueError,
        "fields of R must be of one access, or RO and W1C, not RO, RW",
    ),
    "register-half": (
        lambda: _register(_field(), half=Half.LOW),
        ValueError,
        "name of a LO half must say so, not R",
    ),
    "map-name": (
        lambda: RegisterMap("M", ()),
        ValueError,
        "name of a register map must be a lower-case identifier, not 'M'",
    ),
    "map-width": (
        lambda: _map(address_width=17),
        ValueError,
        "address width of a register map must be between 3 and 16, not 17",
    ),
    "map-names": (
        lambda: _map(_register(_field()), _register(_field(), offset=4)),
        ValueError,
        "names of registers must be unique, not R twice",
    ),
    "map-offsets": (
        lambda: _map(_register(_field()), _register(_field(), name="S")),
        ValueError,
        "offsets of registers must be unique, not 0x0 twice",
    ),
    "map-ports": (
        lambda: _map(_register(_field(), name="P"), _LO, _HI),
        ValueError,
        "ports of registers must be unique, not p twice",
    ),
    "map-outside": (
        lambda: _map(_register(_field(), offset=16), address_width=4),
        ValueError,
        "offset of R must be below 0x10, not 0x10",
    ),
    "map-half": (
        lambda: _map(_LO),
        ValueError,
        "P_LO must be half of 64 bits of one access, aligned to 8 bytes",
    ),
    "map-other-half": (
        lambda: _map(_LO, register_pair("Q", 8, Access.RO, "Q")[1]),
        ValueError,
        "P_LO must be half of 64 bits of one access, aligned to 8 bytes",
    ),
    "map-alignment": (
        lambda: _map(*register_pair("P", 4, Access.RO, "P")),
        ValueError,
        "P_LO must be half of 64 bits of one access, aligned to 8 bytes",
    ),
    "filled-missing": (
        lambda: _map(single("C", 0, Access.CONSTANT, "", reset=None)).filled({}),
        ValueError,
        "constants must be given for all unknown fields alone: C.value",
    ),
    "filled-width": (
        lambda: _map(single("C", 0, Access.CONSTANT, "", width=2, reset=None)).filled(
            {"C.value": 4}
        ),
        ValueError,
        "reset of field value must be between 0 and 3, not 4",
    ),
}


@pytest.mark.parametrize(("make", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_descriptions_are_refused(
    make: Callable[[], Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        make()


@given(st.data())
def test_no_two_fields_share_a_bit(data: st.DataObject) -> None:
    """A register is refused if and only if two of its fields overlap or do not rise."""
    places = data.draw(st.lists(st.tuples(st.integers(0, 31), st.integers(1, 8)), min_size=1))
    places = [(low, min(width, 32 - low)) for low, width in places][:6]
    fields = [_field(name=f"f{i}", low=low, width=w) for i, (low, w) in enumerate(places)]
    masks = [field.mask for field in fields]
    fits = sum(masks) < 1 << 32 and all(a < b & -b for a, b in pairwise(masks))
    if fits:
        assert _register(*fields).reset == 0
    else:
        with pytest.raises(ValueError, match=r"^fields of R must not overlap and rise, not "):
            _register(*fields)


def test_offsets_of_the_machine_are_stable() -> None:
    """What drivers have compiled in: a register that moves breaks them."""
    stable = {
        "ID": 0x000, "VERSION": 0x004, "ISA_VERSION": 0x008, "WORD": 0x010, "MAIN_ARRAY": 0x020,
        "ATTENTION_ARRAY": 0x028, "ACTIVATION_FORMAT": 0x030, "MAX_CLASSES": 0x03C, "BUS": 0x040,
        "CONTROL": 0x100, "STATUS": 0x104, "ERROR": 0x108, "ERROR_PC": 0x10C,
        "ERROR_ADDRESS_LO": 0x110, "INTERRUPT_ENABLE": 0x118, "INTERRUPT_STATUS": 0x11C,
        "WATCHDOG": 0x120, "PROGRAM": 0x180, "IMAGE_BASE_LO": 0x188, "INPUT_BASE_LO": 0x190,
        "OUTPUT_BASE_LO": 0x198, "SCRATCH_BASE_LO": 0x1A0, "LENGTH": 0x1A8, "TARGETS": 0x1AC,
        "THRESHOLD": 0x1B0, "MAX_PASSES": 0x1B4, "PASSES": 0x200, "EXITED": 0x204,
        "PREDICTED_CLASS": 0x208, "ENTROPY": 0x20C, "CYCLES_LO": 0x300,
        "READ_BEATS_LO": 0x308, "WRITE_BEATS_LO": 0x310,
        "DMA_BUSY_LO": 0x340, "MATRIX_BUSY_LO": 0x360, "MATRIX_STALL_LO": 0x368,
        "MATRIX_INSTRUCTIONS_LO": 0x370, "MATRIX_ISSUES_LO": 0x378, "ATTENTION_BUSY_LO": 0x380,
        "SPECIAL_BUSY_LO": 0x3A0, "ENTROPY_BUSY_LO": 0x3C0,
    }  # fmt: skip
    assert {name: REGISTERS[name].offset for name in stable} == stable


def test_the_machine_is_as_it_says() -> None:
    """Constants against the configuration, and widths against who uses them."""
    config = machine()
    registers = registers_of(config)
    assert not registers.unknown

    def value(name: str, field: str = "value") -> int | None:
        return registers[name].field(field).reset

    assert value("ID") == 0x414C424D
    version = ".".join(str(value("VERSION", part)) for part in ("major", "minor", "patch"))
    assert version == __version__
    assert value("ISA_VERSION") == ISA_VERSION
    assert (value("WORD", "width"), value("WORD", "codes")) == (128, 16)
    assert (value("SCRATCHPAD_WORDS"), value("SCRATCHPAD_BANKS")) == (8192, 4)
    assert (value("MAIN_ARRAY", "lanes"), value("MAIN_ARRAY", "vmacs")) == (64, 16)
    assert (value("ATTENTION_ARRAY", "lanes"), value("ATTENTION_ARRAY", "vmacs")) == (16, 8)
    for name in ("MAIN_DEPTH", "ATTENTION_DEPTH"):
        assert (value(name, "rows"), value(name, "max_depth")) == (32, 3000)
    assert value("ACTIVATION_FORMAT", "kind") == FormatKind.INTEGER
    assert value("WEIGHT_FORMAT", "kind") == FormatKind.TERNARY
    assert (value("WEIGHT_FORMAT", "width"), value("WEIGHT_FORMAT", "exponent_width")) == (2, 0)
    assert (value("SPECIAL", "lanes"), value("SPECIAL", "longest_row")) == (8, 768)
    assert value("MAX_CLASSES") == 500
    assert (value("BUS", "data_width"), value("BUS", "address_width")) == (64, 40)
    without = registers_of(machine(attention=False))
    for name in ("ATTENTION_ARRAY", "ATTENTION_DEPTH"):
        assert without[name].reset == 0
    for name in ("THRESHOLD", "ENTROPY"):
        assert registers[name].field("value").width == EntropyConfig.ENTROPY_WIDTH


def test_locked_are_doorbell_and_run_registers() -> None:
    locked = {
        f"{register.name}.{field.name}"
        for register in REGISTERS.registers
        for field in register.fields
        if field.is_locked
    }
    run = {f"{r.name}.value" for r in REGISTERS.registers if 0x180 <= r.offset < 0x200}
    assert locked == run | {"CONTROL.start"}
    assert max(REGISTERS["STATUS"].field("state").choices or []) == State.DRAINING


def test_every_unit_is_counted() -> None:
    units = [unit.name.lower() for unit in Unit if unit is not Unit.CONTROL]
    per_unit = {f"{unit}_{what}" for unit in units for what in ("busy", "stall", "instructions")}
    others = {"cycles", "read_beats", "write_beats", "matrix_issues", "attention_issues"}
    assert set(COUNTERS) == per_unit | others
    assert len(COUNTERS) == 20


def test_error_says_what_the_command_processor_does() -> None:
    error = REGISTERS["ERROR"]
    assert error.field("code").choices is MachineFault
    assert error.field("unit").choices is Unit
    assert REGISTERS["ERROR_PC"].field("value").width == PC_WIDTH


def test_ranges_of_the_map() -> None:
    assert ODD_MAP.at(0x004) is None
    assert ODD_MAP["MIXED"].reset == 1 | 1 << 5 | 1 << 15 | 1 << 20
    with pytest.raises(KeyError):
        ODD_MAP["NOTHING"]
