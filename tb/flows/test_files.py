"""One rule for every file that is written: whole or as it was, links followed, devices kept."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembert.files import check_writable, write_file, write_files

OLD, NEW = "what was there", "new, and é"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing unfinished may be left."""
    yield tmp_path
    assert not list(tmp_path.rglob(".*"))


@contextlib.contextmanager
def _as_ordinary_user(*paths: Path) -> Iterator[None]:
    """Root may write everything: it becomes another user, to whom the paths belong."""
    if os.geteuid() != 0:
        yield
        return
    for path in paths:
        os.chown(path, 65534, 65534)
        for parent in list(path.parents)[:3]:
            parent.chmod(parent.stat().st_mode | 0o011)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """Writing more fails, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_a_new_file_honours_the_umask(folder: Path) -> None:
    path = folder / "new"
    before = os.umask(0o027)
    try:
        write_file(path, NEW)
    finally:
        os.umask(before)
    assert _read(path) == NEW
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_file_keeps_permissions_and_owner(folder: Path) -> None:
    path = folder / "file"
    path.write_text(OLD)
    path.chmod(0o751)
    if os.geteuid() == 0:
        os.chown(path, 12, 34)
        path.chmod(0o6751)
    before = path.stat()
    with path.open() as held:
        write_file(path, b"one, ", bytearray(b"two, "), memoryview(b"three"), NEW)
        assert held.read() == OLD  # who had it open keeps it: it was replaced, not written over
    after = path.stat()
    assert _read(path) == f"one, two, three{NEW}"
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )


@pytest.mark.parametrize("exists", [True, False], ids=["link", "dangling"])
def test_links_are_followed_and_stay(folder: Path, exists: bool) -> None:
    (folder / "sub").mkdir()
    target, link, second = folder / "sub" / "file", folder / "link", folder / "sub" / "second"
    if exists:
        target.write_text(OLD)
        target.chmod(0o604)
    link.symlink_to("sub/second")
    second.symlink_to("../sub/file")
    write_file(link, NEW)
    assert os.readlink(link) == "sub/second"
    assert os.readlink(second) == "../sub/file"
    assert not target.is_symlink()
    assert _read(target) == NEW
    assert not exists or stat.S_IMODE(target.stat().st_mode) == 0o604


def test_all_names_of_a_file_see_the_new_content(folder: Path) -> None:
    one, two = folder / "one", folder / "two"
    one.write_text(OLD * 9)
    os.link(one, two)
    write_file(two, NEW)
    assert _read(one) == _read(two) == NEW
    assert one.samefile(two)


def _device(folder: Path) -> Path:
    """A node like /dev/null where the system lets one be made; the real one is never at risk."""
    node = folder / "node"
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    node.write_bytes(b"")
    return node


def test_a_device_is_written_to_and_stays(folder: Path) -> None:
    nodes = []
    with contextlib.suppress(PermissionError):
        nodes.append(_device(folder))
    terminal, slave = os.openpty()
    nodes.append(Path(os.ttyname(slave)))
    for node in nodes:
        link = folder / "link"
        link.symlink_to(node)
        check_writable(link)
        write_file(link, b"to the device")
        assert node.is_char_device()
        assert link.is_symlink()
        link.unlink()
    assert os.read(terminal, 100) == b"to the device"
    os.close(terminal)
    os.close(slave)


def test_a_fifo_is_written_to_and_stays(folder: Path) -> None:
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    check_writable(fifo)  # which waits for no reader
    found = []
    reader = threading.Thread(target=lambda: found.append(fifo.read_bytes()))
    reader.start()
    content = bytes(range(256)) * 1024  # more than a pipe holds
    write_file(fifo, content)
    reader.join()
    assert found == [content]
    assert fifo.is_fifo()


@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "/proc/thread-self/fd/{}"])
def test_an_open_file_is_written_where_it_stands(folder: Path, name: str) -> None:
    """What was written before stays, and what comes after follows."""
    path, link = folder / "file", folder / "link"
    with path.open("wb", buffering=0) as handle:
        handle.write(b"before ")
        link.symlink_to(name.format(handle.fileno()))
        write_file(link, b"content ")
        handle.write(b"after")
    assert path.read_bytes() == b"before content after"


def test_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    print("before")
    write_file("/dev/stdout", NEW)
    print(" after")
    assert capfd.readouterr().out == f"before\n{NEW} after\n"


def _loop(folder: Path) -> str:
    (folder / "loop").symlink_to("pool")
    (folder / "pool").symlink_to("loop")
    return f"{folder}/loop"


def _link_to_folder(folder: Path) -> str:
    (folder / "link").symlink_to(folder)
    return f"{folder}/link"


def _below_a_file(folder: Path) -> str:
    (folder / "file").touch()
    return f"{folder}/file/x"


REFUSED: dict[str, tuple[Callable[[Path], str], int]] = {
    "empty": (lambda folder: "", errno.ENOENT),
    "zero byte": (lambda folder: f"{folder}/a\0b", errno.EINVAL),
    "dot": (lambda folder: ".", errno.EISDIR),
    "dots": (lambda folder: f"{folder}/..", errno.EISDIR),
    "root": (lambda folder: "/", errno.EISDIR),
    "folder": (str, errno.EISDIR),
    "slash": (lambda folder: f"{folder}/new/", errno.EISDIR),
    "link to a folder": (_link_to_folder, errno.EISDIR),
    "loop": (_loop, errno.ELOOP),
    "no folder": (lambda folder: f"{folder}/none/x", errno.ENOENT),
    "below a file": (_below_a_file, errno.ENOTDIR),
    "long name": (lambda folder: f"{folder}/{'x' * 256}", errno.ENAMETOOLONG),
}


@pytest.mark.parametrize(("name", "number"), REFUSED.values(), ids=REFUSED)
def test_refused(folder: Path, name: Callable[[Path], str], number: int) -> None:
    path = name(folder)
    before = sorted(folder.iterdir())
    for refuse in (check_writable, write_file):
        with pytest.raises(OSError) as raised:
            refuse(path)
        assert raised.value.errno == number
    assert sorted(folder.iterdir()) == before


def test_a_descriptor_that_is_not_open(folder: Path) -> None:
    with pytest.raises(OSError) as raised:
        write_file("/dev/fd/9999", NEW)
    assert raised.value.errno == errno.EBADF


def test_the_longest_name(folder: Path) -> None:
    write_file(folder / ("x" * 255), NEW)
    assert _read(folder / ("x" * 255)) == NEW


def test_a_full_disk_leaves_what_was_there(folder: Path) -> None:
    path, linked = folder / "file", folder / "linked"
    path.write_text(OLD)
    linked.write_text(OLD)
    os.link(linked, folder / "second name")
    with _files_of_at_most(64):
        for each in (path, linked, folder / "new"):
            with pytest.raises(OSError) as raised:
                write_file(each, b"x" * 50, b"y" * 50)
            assert raised.value.errno == errno.EFBIG
    assert _read(path) == _read(linked) == OLD
    assert not (folder / "new").exists()


def test_an_interruption_leaves_what_was_there(folder: Path) -> None:
    path = folder / "file"
    path.write_text(OLD)

    class Interrupted(str):
        def encode(self, *_: str) -> bytes:  # in the middle of the second file
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_files({path: NEW, folder / "second": Interrupted("x")})
    assert [*folder.iterdir()] == [path]
    assert _read(path) == OLD


def test_several_files_are_all_written_or_none(folder: Path) -> None:
    one, two = folder / "one", folder / "two"
    one.write_text(OLD)
    two.mkdir()
    with pytest.raises(IsADirectoryError):
        write_files({one: NEW, two: NEW})
    assert _read(one) == OLD
    two.rmdir()
    write_files({one: NEW, two: NEW})
    assert _read(one) == _read(two) == NEW


def test_a_file_that_is_write_protected(folder: Path) -> None:
    """A rename would not ask; the rule of open() is kept."""
    path = folder / "file"
    path.write_text(OLD)
    path.chmod(0o444)
    with _as_ordinary_user(folder, path):
        for refuse in (check_writable, write_file):
            with pytest.raises(PermissionError):
                refuse(path)
    assert _read(path) == OLD


def test_a_folder_that_takes_no_new_file(folder: Path) -> None:
    """What is in it and may be written is written over; nothing is added."""
    path = folder / "file"
    path.write_text(OLD * 9)
    with _as_ordinary_user(folder, path):
        folder.chmod(0o555)
        try:
            check_writable(path)
            write_file(path, NEW)
            for refuse in (check_writable, write_file):
                with pytest.raises(PermissionError):
                    refuse(folder / "new")
        finally:
            folder.chmod(0o755)
    assert _read(path) == NEW


def test_everything_that_writes_uses_it() -> None:
    """But the one module, and locks, which hold nothing."""
    root = Path(__file__).resolve().parents[2]
    writing = re.compile(
        r"""\.write_(text|bytes)\(|\bopen\([^)]*["'][wx]|os\.(replace|rename)\(|save_file\("""
    )
    found = [
        f"{path.relative_to(root)}: {match[0]}"
        for folder in ("hw", "sw", "golden", "bench")
        for path in sorted((root / folder).rglob("*.py"))
        if path != root / "hw" / "alembert" / "files.py"
        for match in writing.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_a_name_keeps_bytes_that_are_not_text(folder: Path) -> None:
    write_file(folder / "file", os.fsdecode(b"caf\xe9"))
    assert (folder / "file").read_bytes() == b"caf\xe9"
