"""What the tests of `alembert evaluate` share: two small models, and the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembert.cli import app
from alembert_models import PackedModel, pack
from alembert_text import reuters
from models.tiny_models import CLASSES, SENTENCES, image_for, options, packed
from typer.testing import CliRunner, Result

__all__ = ["ROWS", "ask"]

ROWS = [f"{CLASSES[n % 5]}\t{text}" for n, text in enumerate(SENTENCES * 2)]
"""Of a test set of one's own."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> PackedModel:
    return packed(tmp_path_factory.mktemp("evaluate") / "small")


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> PackedModel:
    """With the classes of Reuters R8."""
    folder = tmp_path_factory.mktemp("evaluate") / "news"
    given = {**options(), "name": "news", "classes": reuters.CLASSES, "threshold": 0.7}
    return pack(folder, image_for("tiny", classes=8), **given)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.tsv"
    path.write_text("\n".join(ROWS) + "\n", encoding="utf-8")
    return path


def ask(*arguments: str | Path) -> Result:
    """The command."""
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
