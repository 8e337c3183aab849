"""Lists and names in the documentation against the code."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from alembert.config import PRESETS
from alembert.flows.designs import designs
from docs.pages import PAGES, ROOT, blocks

FOLDERS = ("hw", "golden", "sw", "tb", "bench")
NAMES = sorted(
    {
        name
        for text in PAGES.values()
        for name in re.findall(r"`(alembert(?:_\w+)?(?:\.\w+)+)", text)
        if not name.endswith((".v", ".h", ".json"))  # files that are written
    }
)


def test_designs_of_the_presets() -> None:
    """The table of hierarchy.md."""
    rows = re.findall(
        r"^\| (`\w+`(?:, `\w+`)*) \| (.*) \|$", PAGES["docs/modules/hierarchy.md"], re.M
    )
    named = {
        preset: re.findall(r"`(\w+)`", parts)
        for presets, parts in rows
        for preset in re.findall(r"`(\w+)`", presets)
        if preset in PRESETS
    }
    assert named == {
        name: [design.name for design in designs(preset)] for name, preset in PRESETS.items()
    }


def test_what_generate_and_lint_print() -> None:
    """The examples of flows.md."""
    names = [design.name for design in designs(PRESETS["tiny"])]
    files = [f"rtl_out/tiny/{name}.{end}\n" for name in names for end in ("v", "json")]
    page = PAGES["docs/flows.md"]
    assert f"$ alembert generate --preset tiny --output rtl_out\n{''.join(files)}```" in page
    assert f"tiny: {len(names)} designs clean under yosys, icarus, verilator\n" in page


def test_kinds_of_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    measure: Any = importlib.import_module("measure")
    line = next(
        line for line in PAGES["docs/flows.md"].splitlines() if "`python bench KIND`" in line
    )
    named = re.findall(r"`(\w+)`", line)
    assert set(named) == {kind for kind, _ in measure._MEASUREMENTS}
    assert len(named) == len(set(named))


def test_presets_are_in_the_readme() -> None:
    text = PAGES["README.md"]
    configuring = text[text.index("## Configuring") : text.index("## Limits")]
    assert set(re.findall(r"`(tiny|edge\w*)`", configuring)) == PRESETS.keys()


def test_the_first_page_names_every_part() -> None:
    folders = {path.parent.name for path in (ROOT / "hw" / "alembert").glob("*/__init__.py")}
    named = set(re.findall(r"`alembert\.(\w+)`", PAGES["docs/index.md"]))
    assert named == folders - {"cli", "config", "flows", "formats"}


@pytest.mark.parametrize("name", NAMES)
def test_names_exist(name: str) -> None:
    """A module, or what is in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return
    pytest.fail(f"there is no {name}")


def _exports(module: str) -> list[str]:
    """What a module lists as its own; it is not imported, since torch takes its time."""
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin, f"there is no {module}"
    text = Path(spec.origin).read_text(encoding="utf-8")
    listed = re.search(r"^__all__ = (\[.*?\])", text, re.MULTILINE | re.DOTALL)
    return ast.literal_eval(listed[1]) if listed else []


def test_imports_of_the_examples() -> None:
    found = [
        (page, node.module, alias.name)
        for page, block in blocks("python")
        for node in ast.walk(ast.parse(block, page))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("alembert")
        for alias in node.names
    ]
    assert len(found) > 50
    for page, module, name in found:
        is_there = name in _exports(module) or importlib.util.find_spec(f"{module}.{name}")
        assert is_there, f"{page}: {module}.{name}"


def test_folders_of_tests() -> None:
    """The table of verification.md, and support/ above it."""
    page = PAGES["docs/verification.md"]
    named = re.findall(r"^\| `tb/(\w+)` \|", page, re.MULTILINE)
    folders = {path.parent.name for path in (ROOT / "tb").glob("*/*.py")}
    assert sorted(named) == sorted(folders - {"support"})


def test_extras_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {name for text in PAGES.values() for name in re.findall(r"alembert\[(\w+)\]", text)}
    assert named and named <= project["optional-dependencies"].keys()


def test_paths_exist() -> None:
    files = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    for page, text in PAGES.items():
        for path in re.findall(r"`((?:hw/alembert|sw|tb|golden|bench|docs)/[\w/.*-]+)`", text):
            assert list(ROOT.glob(path.rstrip("/"))), f"{page} names {path}"
        for name in re.findall(r"`(\w+\.py)`", text):
            assert name in files, f"{page} names {name}"
