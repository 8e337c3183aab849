"""The instruction set's page, and programs through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembert.cli import app
from alembert.config.isa import FORMATS, OPERANDS
from alembert.flows.instructions import markdown
from alembert_compiler.assembler import assemble, to_bytes
from typer.testing import CliRunner

PAGE = Path(__file__).resolve().parents[2] / "docs" / "instructions.md"
PROGRAM = "linear rows=LENGTH columns=64 depth=128 kind=WIDE a_stride=8\nhalt\n"


def _run(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_the_page_is_current() -> None:
    """`alembert instructions --output docs/instructions.md` writes it."""
    assert PAGE.read_text(encoding="utf-8") == markdown()


def test_the_page_has_every_instruction_and_operand() -> None:
    page = markdown()
    for fmt in FORMATS.values():
        assert f"\n## {fmt.mnemonic}\n" in page
        for name in fmt.operands:
            assert f"| `{name}` |" in page
    assert set(OPERANDS) == {
        line.split("`")[1]
        for line in page.splitlines()
        if "…" in line[:40] and line.startswith("| `")
    }


def test_a_program_there_and_back(tmp_path: Path) -> None:
    source, binary, again = (tmp_path / name for name in ("p.s", "p.bin", "q.s"))
    source.write_text(PROGRAM, encoding="utf-8")
    assert _run("assemble", str(source), "--output", str(binary)).exit_code == 0
    assert binary.read_bytes() == to_bytes(assemble(PROGRAM))
    assert _run("disassemble", str(binary), "--output", str(again)).exit_code == 0
    assert assemble(again.read_text(encoding="utf-8")) == assemble(PROGRAM)
    assert _run("disassemble", str(binary)).stdout == again.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "content", "message"),
    [
        ("assemble", b"halt now", "{}: line 1: an operand must be name=value, not 'now'"),
        ("disassemble", bytes(31), "{}: a program must be whole instructions of 32 bytes, "),
        ("disassemble", bytes(32), "{}: instruction 0: opcode must be that of an instruction, "),
        ("assemble", None, "cannot read {}: No such file or directory"),
        ("disassemble", None, "cannot read {}: No such file or directory"),
        ("assemble", b"\xff", "{}: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_bad_programs_are_refused(
    tmp_path: Path, command: str, content: bytes | None, message: str
) -> None:
    source, output = tmp_path / "p", tmp_path / "out"
    if content is not None:
        source.write_bytes(content)
    result = _run(command, str(source), "--output", str(output))
    assert result.exit_code == 2
    assert result.stderr.startswith("error: " + message.format(source))
    assert not output.exists()
