"""Folders with spaces in their names: what make cannot have, it does not see."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembert.config.early_exit import EntropyConfig
from alembert.early_exit import EntropyComparator
from alembert.flows.space_free import space_free
from support import simulate


def test_paths_without_spaces_stay(tmp_path: Path) -> None:
    assert space_free(tmp_path) == tmp_path


def test_a_path_with_spaces_has_one_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / "my projects" / "a\tb"
    folder.mkdir(parents=True)
    link = space_free(folder)
    assert not any(character.isspace() for character in str(link))
    assert link.resolve() == folder.resolve()
    assert space_free(folder) == link != space_free(folder.parent)


def test_links_of_others_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    with pytest.raises(PermissionError, match="belongs to another user"):
        space_free(tmp_path / "a b")


def test_simulations_are_built_there(
    simulator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with temporary files there, too."""
    temporary = tmp_path / "temporary files"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(simulate, "BUILD_ROOT", tmp_path / "my builds")
    component = EntropyComparator(EntropyConfig())
    simulate.simulate(
        component,
        simulator=simulator,
        module="early_exit.bench_comparator",
        top="entropy_comparator",
        latency=component.latency,
        count=10,
    )
