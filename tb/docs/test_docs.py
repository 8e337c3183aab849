# amaranth: UnusedElaboratable=no
"""The documentation: builds without a warning, points at what exists, repeats what was measured."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembert.config import PRESETS
from alembert.vmac import MatrixUnit, VmacArray
from alembert.vmac.postprocess import ChannelPostprocessor

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TEXTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "mkdocs.yml")),
    *sorted(DOCS.rglob("*.md")),
]

# Hardware folder -> the pages that document it; config is documented with what it configures.
PAGES = {
    "adaptivfloat": ["modules/adaptivfloat.md"],
    "arithmetic": ["modules/arithmetic.md"],
    "axi": ["modules/axi.md"],
    "command": ["modules/command_processor.md"],
    "config": [],
    "dma": ["modules/dma.md"],
    "early_exit": ["modules/entropy.md"],
    "cli": ["flows.md"],
    "flows": ["flows.md", "modules/hierarchy.md"],
    "formats": ["modules/formats.md"],
    "machine": ["machine.md"],
    "matrix": ["modules/matrix_engine.md"],
    "memory": ["modules/scratchpad.md", "modules/transposer.md"],
    "registers": ["registers.md", "modules/registers.md"],
    "sfu": [f"modules/{page}.md" for page in ("sfu", "softmax", "layernorm", "gelu", "residual")],
    "special": ["modules/special_engine.md"],
    "ternary": ["modules/ternary.md"],
    "vmac": ["modules/vmac.md", "modules/matrix_unit.md"],
}


def test_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"^(WARNING|ERROR)", done.stderr, re.MULTILINE), done.stderr
    pages = sorted(tmp_path.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "{{" not in text, f"{page.name} holds a mark that was not replaced"
        swallowed = re.findall(r"<\w+,\w*>", text)  # AdaptivFloat<n,e> read as a tag
        assert not swallowed, f"{page.parent.name} shows nothing for {swallowed}"
        loaded = re.findall(r"<(?:script|img)[^>]*\bsrc=\"?(https?:[^\s\">]+)", text)
        loaded += re.findall(r"<link[^>]*\bhref=\"?(https?:[^\s\">]+)[^>]*stylesheet", text)
        assert not loaded, f"{page.name} loads {loaded}"


def test_tables_are_in_step_with_the_results() -> None:
    command = [sys.executable, "bench/tables.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_relative_links_resolve(text: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text.read_text(encoding="utf-8")):
        path = target.partition("#")[0]
        if path and not path.startswith(("http://", "https://")):
            assert (text.parent / path).exists(), f"{text.name} links to {target}"


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_no_absolute_paths_of_a_machine(text: Path) -> None:
    found = re.findall(r"(?<![\w./…])/(?:home|root|tmp|work|usr|opt)/\S*", text.read_text("utf-8"))
    assert not found, f"{text.name} names {found}"


def test_every_hardware_folder_has_its_page() -> None:
    folders = {path.parent.name for path in (ROOT / "hw" / "alembert").glob("*/__init__.py")}
    assert folders == PAGES.keys()
    for pages in PAGES.values():
        for page in pages:
            assert (DOCS / page).is_file(), f"docs/{page} is missing"


def _named_tests() -> Iterator[tuple[str, str, str]]:
    for text in TEXTS:
        for file, name in re.findall(r"(tb/[\w/]+\.py)::(\w+)", text.read_text(encoding="utf-8")):
            yield text.name, file, name


def test_every_test_that_is_named_exists() -> None:
    named = list(_named_tests())
    assert len(named) > 20
    for page, file, name in named:
        path = ROOT / file
        assert path.is_file(), f"{page} names {file}, which does not exist"
        assert re.search(rf"^(?:async )?def {name}\(", path.read_text("utf-8"), re.MULTILINE), (
            f"{page} names {file}::{name}, which does not exist"
        )


def test_latencies_of_the_presets_are_the_attributes() -> None:
    """The table of docs/modules/vmac.md, and the latencies in docs/modules/matrix_unit.md."""
    page = (DOCS / "modules" / "vmac.md").read_text(encoding="utf-8")
    units: dict[str, list[int]] = {}
    for preset in PRESETS.values():
        for index, array in enumerate(preset.arrays.values()):
            units.setdefault(preset.name, []).append(MatrixUnit(array).latency)
            chain, post = VmacArray(array), ChannelPostprocessor(array)
            name = f"`{preset.name}`" + (", attention" if index else "")
            row = [name, f"{array.vmac.lanes} × {array.vmacs}", str(array.vmac.rows)]
            row += [str(array.vmac.accumulator_width)]
            row += [str(part.latency) for part in (chain.vmacs[0], post, chain)]
            assert f"| {' | '.join(row)} |" in page, f"vmac.md lacks {row}"
    tiny, edge16, int8 = (units[name][0] for name in ("tiny", "edge16", "edge16_int8"))
    text = " ".join((DOCS / "modules" / "matrix_unit.md").read_text(encoding="utf-8").split())
    ternary, attention = units["edge16_ternary"]
    assert (
        f"{tiny} cycles for `tiny`, {edge16} for `edge16`, {int8} for `edge16_int8`, {ternary} for "
        f"`edge16_ternary` and {attention} for its attention unit"
    ) in text
