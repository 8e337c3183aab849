"""What is exported says what the description says: read back by a C compiler and by SystemRDL's."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from alembert.cli import app
from alembert.config.register_fields import Access, Field, Register, single
from alembert.config.register_map import Group, RegisterMap
from alembert.config.registers import REGISTERS, registers_of
from alembert.flows.registers import EXPORTS, c_header, markdown, systemrdl
from registers.model import ODD_MAP, machine
from systemrdl.compiler import RDLCompiler
from systemrdl.rdltypes.builtin_enums import OnWriteType
from typer.testing import CliRunner, Result

PAGE = Path(__file__).resolve().parents[2] / "docs" / "registers.md"
MAPS = {"machine": REGISTERS, "filled": registers_of(machine()), "odd": ODD_MAP}
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]


def _expected_constants(registers: RegisterMap) -> dict[str, int]:
    prefix, found = registers.name.upper(), {}
    for register in registers.registers:
        found[f"{prefix}_{register.name}_OFFSET"] = register.offset
        for field in register.fields:
            stem = f"{prefix}_{register.name}_{field.name.upper()}"
            found[f"{stem}_SHIFT"] = field.low
            found[f"{stem}_MASK"] = ((1 << field.width) - 1) << field.low
            if field.reset is not None and field.access in (Access.CONSTANT, Access.RW):
                found[f"{stem}_RESET"] = field.reset
            names = {"MachineFault": "MACHINE_FAULT", "FormatKind": "FORMAT_KIND"}
            for choice in field.choices or ():
                kind = (field.choices or type(choice)).__name__
                found[f"{prefix}_{names.get(kind, kind.upper())}_{choice.name}"] = choice.value
    return found


@pytest.mark.parametrize("registers", MAPS.values(), ids=MAPS)
def test_c_header_says_the_same(registers: RegisterMap, tmp_path: Path) -> None:
    """Compiled without a warning, included twice, every name printed: as described, and no more."""
    header = c_header(registers)
    expected = _expected_constants(registers)
    (tmp_path / "registers.h").write_text(header, encoding="utf-8")
    prints = "\n".join(f'    printf("{n} %lu\\n", (unsigned long){n});' for n in expected)
    source = '#include <stdio.h>\n#include "registers.h"\n#include "registers.h"\n'
    source += f"int main(void) {{\n{prints}\n    return 0;\n}}\n"
    (tmp_path / "main.c").write_text(source, encoding="utf-8")
    for command in (["gcc", *FLAGS, "main.c", "-o", "main"], ["./main"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    found = dict(line.split() for line in done.stdout.splitlines())
    assert {name: int(value) for name, value in found.items()} == expected
    defined = {line.split()[1] for line in header.splitlines() if line.startswith("#define")}
    guard = f"{registers.name.upper()}_REGISTERS_H"
    assert defined - expected.keys() == {guard}


def _compiled(text: str, path: Path) -> Any:
    path.write_text(text, encoding="utf-8")
    compiler = RDLCompiler()
    compiler.compile_file(str(path))
    return compiler.elaborate().top


def _check_field(node: Any, field: Field) -> None:
    assert (node.inst_name, node.low, node.width) == (field.name, field.low, field.width)
    assert node.get_property("desc") == field.doc
    assert bool(node.get_property("locked")) == field.is_locked
    readable, writable = field.access is not Access.PULSE, field.access not in _READ_ONLY
    assert (node.is_sw_readable, node.is_sw_writable) == (readable, writable)
    clears = field.access is Access.W1C
    assert node.get_property("onwrite") == (OnWriteType.woclr if clears else None)
    assert bool(node.get_property("hwset")) == clears
    assert bool(node.get_property("singlepulse")) == (field.access is Access.PULSE)
    is_reported = field.access is Access.RO or field.reset is None
    assert node.is_hw_writable == is_reported
    assert node.get_property("reset") == (None if is_reported else field.reset)
    choices = node.get_property("encode")
    if field.choices is None:
        assert choices is None
    else:
        assert {c.name: c.value for c in choices} == {c.name: c.value for c in field.choices}
        assert choices.type_name == field.choices.__name__


_READ_ONLY = (Access.CONSTANT, Access.RO)


@pytest.mark.parametrize("registers", MAPS.values(), ids=MAPS)
def test_systemrdl_says_the_same(registers: RegisterMap, tmp_path: Path) -> None:
    """Compiled back: register by register, field by field."""
    top = _compiled(systemrdl(registers), tmp_path / "registers.rdl")
    assert top.inst_name == registers.name
    nodes = list(top.registers())
    expected = sorted(registers.registers, key=lambda register: register.offset)
    assert len(nodes) == len(expected)
    for node, register in zip(nodes, expected):
        assert (node.inst_name, node.absolute_address) == (register.name, register.offset)
        assert node.get_property("regwidth") == 32
        assert node.get_property("desc") == register.doc
        fields = list(node.fields())
        assert len(fields) == len(register.fields)
        for found, field in zip(fields, register.fields):
            _check_field(found, field)


def test_text_is_quoted(tmp_path: Path) -> None:
    said = 'A "quoted" \\ word'
    registers = RegisterMap("m", (Group("G", "", (single("R", 0, Access.RW, said),)),))
    top = _compiled(systemrdl(registers), tmp_path / "registers.rdl")
    assert next(iter(top.registers())).get_property("desc") == said


def test_one_name_for_two_things_is_refused() -> None:
    def bit(name: str, low: int) -> Field:
        return Field(name, low, 1, Access.RW, "Bit.")

    registers = RegisterMap(
        "m",
        (
            Group(
                "G",
                "",
                (
                    Register("A", 0, "", (bit("b_c", 0),)),
                    Register("A_B", 4, "", (bit("c", 0),)),
                ),
            ),
        ),
    )
    message = r"^names in the C header must be unique, not M_A_B_C_SHIFT twice$"
    with pytest.raises(ValueError, match=message):
        c_header(registers)


def test_page_is_up_to_date() -> None:
    """`alembert registers --format markdown --output docs/registers.md` writes it."""
    assert PAGE.read_text(encoding="utf-8") == markdown(REGISTERS)


def test_page_names_every_register_and_field() -> None:
    lines = markdown(REGISTERS).splitlines()
    for register in REGISTERS.registers:
        if register.name.endswith("_HI"):
            continue
        row = next(i for i, line in enumerate(lines) if f"| `{register.name}`" in line)
        assert lines[row].startswith(f"| `{register.offset:#05x}` | ")
        if len(register.fields) > 1:
            rows = lines[row + 1 : row + 1 + len(register.fields)]
            assert [line.split("|")[4].strip() for line in rows] == [
                f"`{field.name}`" for field in register.fields
            ]


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["registers", *map(str, arguments)])


@pytest.mark.parametrize("form", EXPORTS)
def test_command_writes_each_format(form: str, tmp_path: Path) -> None:
    printed = _run("--format", form)
    assert (printed.exit_code, printed.stdout) == (0, EXPORTS[form](REGISTERS))
    path = tmp_path / "out"
    written = _run("--format", form, "--output", path)
    assert (written.exit_code, written.stdout) == (0, "")
    assert path.read_text(encoding="utf-8") == printed.stdout


def test_command_refuses_in_one_line(tmp_path: Path) -> None:
    result = _run("--format", "pdf")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: format must be one of c, rdl, markdown, not 'pdf'\n"
    result = _run("--format", "c", "--output", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: cannot write to {tmp_path}: Is a directory\n"
