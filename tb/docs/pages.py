"""The documentation's pages, and the blocks of code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["DOCS", "PAGES", "ROOT", "blocks", "commands"]

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")))
}
"""Texts by path."""


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Page and text of every block that is marked with a language."""
    for page, text in PAGES.items():
        for block in re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            yield page, block


def commands(program: str) -> Iterator[tuple[str, str]]:
    """Page and line of every command that begins a line, or is all of an inline code."""
    line = rf"^ *(?:\$ )?({program} [^\n]*)$"
    inline = rf"`({program} [^`\n]*)`"
    for page, text in PAGES.items():
        whole = text.replace("\\\n", " ")
        for found in re.findall(f"{line}|{inline}", whole, re.MULTILINE):
            yield page, "".join(found)
