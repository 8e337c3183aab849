"""Paths without spaces for tools that cannot have them: make, and what is told to it."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from pathlib import Path

__all__ = ["space_free"]

_SHARED = Path("/tmp")


def space_free(path: Path) -> Path:
    """The path, or if there is white space in it a link to it in the folder for temporary files.

    The same path has the same link, so that what was built with one finds its parts again.

    Raises
    ------
    OSError
        The link cannot be made.
    """
    path = path.absolute()
    if not _has_space(path):
        return path
    temporary = Path(tempfile.gettempdir())
    folder = (_SHARED if _has_space(temporary) else temporary) / f"alembert-links-{os.getuid()}"
    link = folder / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid():
        raise PermissionError(errno.EACCES, "belongs to another user", str(folder))
    if not link.is_symlink():
        unfinished = link.with_suffix(f".{os.getpid()}")
        unfinished.symlink_to(path)
        unfinished.replace(link)
    return link


def _has_space(path: Path) -> bool:
    return any(character.isspace() for character in str(path))
