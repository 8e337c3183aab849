"""Writing files: every file of the project is written here, and by one rule.

A regular file is the whole new one or, whatever happens, what was there before: it is written
beside its final place, forced to disk, and moved there by one rename. It keeps its permissions and
its owner; a new one has those that the umask leaves. Symbolic links are followed and stay, dangling
ones too. Devices and FIFOs are written to, never replaced, and so is what a process has open:
``/dev/stdout``, ``/dev/fd/3``.

Where a rename cannot be, a file is written over in its place: when it has hard links, its folder
takes no new file, its owner would become another, or something is mounted on it. The room is taken
before, so that a full disk still leaves the old content; only a crash in between does not.

What open() would refuse is refused before anything is written: folders, names that end in a slash,
loops of links, sockets, files that may not be written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

__all__ = [
    "STANDARD_OUTPUT",
    "Content",
    "Name",
    "check_writable",
    "is_standard_output",
    "write_file",
    "write_files",
]

Name: TypeAlias = str | os.PathLike[str]
_Bytes: TypeAlias = bytes | bytearray | memoryview
Content: TypeAlias = str | _Bytes
"""Text is written in UTF-8; names of files in it keep bytes that are not."""

STANDARD_OUTPUT = "/dev/stdout"
"""The name under which standard output is written, at the place where it stands."""

_STREAMS = {"/dev/stdin": 0, STANDARD_OUTPUT: 1, "/dev/stderr": 2}
_OPEN_FILE = re.compile(r"(?:/dev|/proc/(?:(?:thread-)?self|(\d+))(?:/task/\d+)?)/fd")
_MOST_LINKS = 40  # as Linux allows

# errors of writing beside a file that may nevertheless be written: ENOENT is what /proc says
_NOT_BESIDE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.ENOENT}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_file(path: Name, *parts: Content) -> None:
    """Write a file, its content in one part or in several.

    Raises
    ------
    OSError
        It cannot be written; a regular file is as it was.
    """
    with _prepared(path, parts) as commit:
        commit()


def write_files(contents: Mapping[Path, Content]) -> None:
    """Write several files: all of them, or none if one cannot be written.

    Raises
    ------
    OSError
        One cannot be written.
    """
    with contextlib.ExitStack() as stack:
        commits = [
            stack.enter_context(_prepared(path, [content])) for path, content in contents.items()
        ]
        for commit in commits:
            commit()


def check_writable(path: Name) -> None:
    """Refuse a name that :func:`write_file` would refuse, before the content is worked out.

    Raises
    ------
    OSError
        It names a folder or nothing that can be written, or its folder is missing.
    """
    target = _followed(path)
    if isinstance(target, str):
        status = _status(target)
        if status is None and not os.access(os.path.dirname(target), os.W_OK, effective_ids=True):
            raise _error(errno.EACCES, target)


def is_standard_output(path: Name) -> bool:
    """Whether what is written there goes to standard output.

    Raises
    ------
    OSError
        The name leads nowhere.
    """
    return _followed(path) == _STREAMS[STANDARD_OUTPUT]


@contextlib.contextmanager
def _prepared(path: Name, parts: Sequence[Content]) -> Iterator[Callable[[], None]]:
    """A function that puts the content in its place; leaving cleans up what it has not moved."""
    data = [
        part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part for part in parts
    ]
    target = _followed(path)
    status = None if isinstance(target, int) else _status(target)
    if isinstance(target, int):
        yield lambda: _write_stream(target, data)
    elif status is not None and not stat.S_ISREG(status.st_mode):
        yield lambda: _write(_opened(target), data)
    elif status is not None and status.st_nlink > 1:
        yield lambda: _write_over(target, data)
    else:
        part = os.path.join(os.path.dirname(target), f".{os.urandom(8).hex()}.part")
        try:
            yield _beside(part, target, status, data)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(part)


def _beside(
    part: str, target: str, status: os.stat_result | None, data: Sequence[_Bytes]
) -> Callable[[], None]:
    """Write ``part``; the function that renames it, or writes over what cannot be replaced."""

    def over() -> None:
        _write_over(target, data)

    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        if status is not None:
            try:
                _take_after(descriptor, status)
            except BaseException:
                os.close(descriptor)
                raise
    except OSError as error:
        if status is None or error.errno not in _NOT_BESIDE:
            raise _error(error.errno, target) from error
        return over
    _write(descriptor, data)

    def move() -> None:
        try:
            os.replace(part, target)
        except OSError as error:
            if status is None or error.errno not in _NOT_BESIDE:
                raise _error(error.errno, target) from error
            over()

    return move


def _take_after(descriptor: int, status: os.stat_result) -> None:
    """Owner, then permissions: a change of owner takes some of these away."""
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def _write_over(target: str, data: Sequence[_Bytes]) -> None:
    descriptor = _opened(target)
    before, after = os.fstat(descriptor).st_size, sum(memoryview(part).nbytes for part in data)
    try:
        if after > before:
            os.posix_fallocate(descriptor, before, after - before)
    except OSError as error:
        if error.errno in _NO_ROOM:
            os.ftruncate(descriptor, before)
            os.close(descriptor)
            raise
    _write(descriptor, data, after)


def _write_stream(descriptor: int, data: Sequence[_Bytes]) -> None:
    """To what this process has open, behind what it has written there."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    _write(os.dup(descriptor), data)


def _write(descriptor: int, data: Sequence[_Bytes], size: int | None = None) -> None:
    """Write all of it and close; a regular file is forced to disk, and cut to ``size``."""
    with os.fdopen(descriptor, "wb") as handle:
        for part in data:
            handle.write(part)
        handle.flush()
        if size is not None:
            handle.truncate(size)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fsync(descriptor)


def _opened(target: str) -> int:
    return os.open(target, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)


def _followed(path: Name) -> str | int:
    """Where a name leads: an absolute path without links, or a descriptor of this process."""
    name = os.fspath(path)
    if not name:
        raise OSError(errno.ENOENT, "the name of a file must not be empty")
    if "\0" in name:
        raise OSError(errno.EINVAL, "the name of a file must not hold a zero byte")
    if name.rstrip("/").rpartition("/")[2] in ("", ".", ".."):
        raise _error(errno.EISDIR, name)
    for _ in range(_MOST_LINKS):
        if name.endswith("/"):
            raise _error(errno.EISDIR, name)
        folder, _, last = name.rpartition("/")
        folder = os.path.realpath(folder or ("/" if name.startswith("/") else "."), strict=True)
        name = os.path.join(folder, last)
        if name in _STREAMS:
            return _STREAMS[name]
        if match := _OPEN_FILE.fullmatch(folder):
            if last.isdecimal() and match[1] in (None, str(os.getpid())):
                return int(last)
            return name
        try:
            name = os.path.join(folder, os.readlink(name))
        except OSError:  # no link, or nothing at all
            return name
    raise _error(errno.ELOOP, os.fspath(path))


def _status(target: str) -> os.stat_result | None:
    """What is there; nothing may be."""
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise _error(errno.EISDIR, target)
    if not os.access(target, os.W_OK, effective_ids=True):
        raise _error(errno.EACCES, target)
    return status


def _error(number: int | None, name: str) -> OSError:
    number = number or errno.EIO
    return OSError(number, os.strerror(number), name)
