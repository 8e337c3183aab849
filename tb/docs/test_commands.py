"""Commands in the documentation: they take the options that they are given, and do what is said."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from alembert.cli import app
from docs.pages import PAGES, ROOT, blocks, commands
from typer.testing import CliRunner, Result

GROUP: Any = typer.main.get_command(app)
FLOWS = PAGES["docs/flows.md"]


def _words(line: str) -> list[str]:
    """As a shell reads a line, up to what it redirects."""
    words = shlex.split(line, comments=True)
    return words[1 : words.index("<")] if "<" in words else words[1:]


def _run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize(("page", "line"), sorted(set(commands("alembert"))))
def test_options_exist(page: str, line: str) -> None:
    name, *words = _words(line)
    if name == "COMMAND":
        return
    assert name in GROUP.commands, f"{page} names a command {name}"
    known = {option for each in GROUP.commands[name].params for option in each.opts}
    named = {word for word in words if word.startswith("-")}
    assert named <= known | {"--help"}, f"{page}: {line}"


def _whole_lines() -> Iterator[str]:
    for page, text in PAGES.items():
        for block in re.findall(r"^```(?:sh)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if match := re.match(r" *(?:\$ )?(alembert .*)", line):
                    yield f"{page}: {match[1]}"


@pytest.mark.parametrize("line", sorted(set(_whole_lines())))
def test_lines_to_type_are_accepted(line: str) -> None:
    """Nothing is missing, and each value is of its kind; nothing is run."""
    name, *words = _words(line.partition(": ")[2])
    GROUP.commands[name].make_context(name, words)


def test_every_command_is_on_the_page_of_flows() -> None:
    missing = [name for name in GROUP.commands if f"alembert {name}" not in FLOWS]
    assert not missing


def test_options_of_the_compiler() -> None:
    page = PAGES["docs/modules/compiler.md"]
    table = page[page.index("| option | |") : page.index("## What it takes")]
    named = set(re.findall(r"--[a-z][a-z-]*", table))
    known = {option for each in GROUP.commands["compile"].params for option in each.opts}
    assert named == {each for each in known if each[:2] == "--"} - {"--preset", "--output"}


def test_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):.*##", makefile, re.MULTILINE))
    table = set(re.findall(r"^\| `make ?(\w*)` \|", FLOWS, re.MULTILINE))
    assert table == (targets - {"all"}) | {""}
    for page, line in commands("make"):
        for word in re.findall(r"^make ([a-z]\w*)$|^make ([a-z]\w*)[ `]", line):
            assert "".join(word) in targets, f"{page}: {line}"


def test_refusals_that_are_shown() -> None:
    shown = re.findall(r"^\$ alembert (.*)\n(error: .*)$", FLOWS, re.MULTILINE)
    assert len(shown) == 2
    for line, message in shown:
        result = _run(*shlex.split(line))
        assert (result.exit_code, result.stderr) == (2, f"{message}\n")


def test_small_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the pages have them: exports, a program and back, a prediction."""
    monkeypatch.chdir(tmp_path)
    (program,) = (block for _, block in blocks("asm"))
    (tmp_path / "program.s").write_text(program)
    for start in ("presets", "registers", "instructions", "assemble", "disassemble", "cycles"):
        (line,) = re.findall(rf"^alembert ({start}\b[^#\n]*)", FLOWS, re.MULTILINE)
        result = _run(*shlex.split(line))
        assert result.exit_code == 0, result.stderr
        assert start == "assemble" or result.stdout or (tmp_path / "alembert_registers.h").exists()
        if start == "disassemble":
            (tmp_path / "again.s").write_text(result.stdout)
    assert (tmp_path / "program.bin").stat().st_size == 128
    assert _run("assemble", "again.s", "--output", "again.bin").exit_code == 0
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "program.bin").read_bytes()
