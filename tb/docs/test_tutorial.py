"""The tutorial: what it shows is what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from alembert.cli import app
from typer.testing import CliRunner

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"


def _lines(text: str) -> list[list[str]]:
    """Words of the lines that have some, but for rules."""
    return [line.split() for line in text.splitlines() if re.search(r"\w", line)]


def _shown(start: str) -> tuple[list[str], str]:
    """A command that begins so, and the output below it."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```\n(alembert .*?)\n```\n\n```text\n(.*?)```", text, re.DOTALL)
    ((command, output),) = [block for block in blocks if block[0].startswith(start)]
    return shlex.split(command)[1:], output


@pytest.mark.parametrize("start", ['alembert classify "oil', "alembert classify --reuters"])
def test_answers(start: str) -> None:
    command, wanted = _shown(start)
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.stderr
    assert _lines(result.stdout) == _lines(wanted)
