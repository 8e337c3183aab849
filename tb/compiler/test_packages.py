"""Packages: fetched by pip, verified by digest, never half-written, refused in one line."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest
from alembert_compiler import packages
from alembert_compiler.packages import Package, PackageError, PackageFiles, default_cache, fetch
from alembert_compiler.rxnmapper import CHECKPOINT, CONFIG, PACKAGE, fetch_rxnmapper

DATA = b"real data\n"
DIGEST = hashlib.sha256(DATA).hexdigest()
PROBE = Package(name="alembert-probe", version="1.0", digests={"probe/data.txt": DIGEST})


def _wheel(folder: Path, data: bytes = DATA, name: str = "probe/data.txt") -> Path:
    """A wheel of the probe package, as pip accepts it."""
    info = "alembert_probe-1.0.dist-info"
    path = folder / "alembert_probe-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
        metadata = "Metadata-Version: 2.1\nName: alembert-probe\nVersion: 1.0\n"
        archive.writestr(f"{info}/METADATA", metadata)
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", tag)
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all pip can see: no index, no configuration of the user's."""
    for variable in [v for v in os.environ if v.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_the_real_package_is_fetched_and_verified() -> None:
    files = fetch_rxnmapper()
    assert list(files) == list(PACKAGE.digests)
    assert len(files.read(CHECKPOINT)) == 3_212_952
    assert files.read(CONFIG).startswith(b"{")
    with pytest.raises(KeyError):
        files.read("rxnmapper/core.py")


def test_download_then_cache(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _wheel(index)
    cache = tmp_path / "deep" / "cache"
    assert fetch(PROBE, cache).read("probe/data.txt") == DATA
    assert [path.name for path in cache.iterdir()] == ["alembert-probe-1.0.whl"]

    def no_pip(*_: object) -> Path:
        raise AssertionError("pip ran although the cache holds the package")

    monkeypatch.setattr(packages, "_download", no_pip)
    assert fetch(PROBE, cache).read("probe/data.txt") == DATA


def test_damaged_cache_is_replaced(index: Path, tmp_path: Path) -> None:
    _wheel(index)
    kept = tmp_path / "alembert-probe-1.0.whl"
    kept.write_bytes(b"PK half a wheel")
    assert fetch(PROBE, tmp_path).read("probe/data.txt") == DATA
    assert zipfile.is_zipfile(kept)


def test_unexpected_contents_are_refused_and_not_kept(index: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _wheel(index, data=b"tampered")
    found = hashlib.sha256(b"tampered").hexdigest()
    with pytest.raises(PackageError) as caught:
        fetch(PROBE, cache)
    assert str(caught.value) == (
        f"alembert-probe==1.0: SHA-256 of probe/data.txt must be {DIGEST}, not {found}"
    )
    _wheel(index, name="probe/other.txt")
    with pytest.raises(PackageError) as caught:
        fetch(PROBE, cache)
    assert str(caught.value) == "alembert-probe==1.0: the wheel holds no probe/data.txt"
    assert list(cache.iterdir()) == []


def test_pip_failure_is_one_line_and_leaves_nothing(index: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(PackageError) as caught:
        fetch(PROBE, cache)
    assert str(caught.value) == (
        "pip cannot download alembert-probe==1.0: "
        "No matching distribution found for alembert-probe==1.0"
    )
    assert list(cache.iterdir()) == []


def test_missing_pip_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'python: No module named pip' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(packages.sys, "executable", str(python))
    with pytest.raises(PackageError) as caught:
        fetch(PROBE, tmp_path / "cache")
    assert str(caught.value) == (
        "pip cannot download alembert-probe==1.0: python: No module named pip"
    )


def test_unwritable_cache_is_named(tmp_path: Path) -> None:
    cache = tmp_path / "file"
    cache.write_text("not a folder")
    with pytest.raises(PackageError) as caught:
        fetch(PROBE, cache)
    start = f"alembert-probe==1.0: the cache {cache} cannot be written: "
    assert str(caught.value).startswith(start)


def test_damage_to_a_wheel_is_a_package_error(tmp_path: Path) -> None:
    contents = _wheel(tmp_path).read_bytes()
    damaged = tmp_path / "damaged.whl"
    refused = 0
    for position in range(0, len(contents), 3):
        changed = bytearray(contents)
        changed[position] ^= 0x15
        damaged.write_bytes(changed)
        try:
            assert PackageFiles(PROBE, damaged).read("probe/data.txt") == DATA
        except PackageError:
            refused += 1
    assert refused > 20


def test_package_fields_are_checked() -> None:
    with pytest.raises(ValueError) as caught:
        Package(name="--index-url", version="1", digests={})
    assert str(caught.value) == (
        "package name must be letters, digits, '.', '_' and '-', not '--index-url'"
    )
    with pytest.raises(ValueError) as caught:
        Package(name="a", version="1/../2", digests={})
    assert str(caught.value) == (
        "package version must be letters, digits, '.', '_' and '-', not '1/../2'"
    )
    with pytest.raises(ValueError) as caught:
        Package(name="a", version="1", digests={"f": "ABC"})
    assert str(caught.value) == "SHA-256 of f must be 64 hexadecimal digits, not 'ABC'"


def test_default_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEMBERT_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("ALEMBERT_CACHE")
    checkout = Path(__file__).resolve().parents[2]
    assert default_cache() == checkout / ".deps"
