"""The command as a process: full disks, closed pipes, poor terminals, ^C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest
from alembert.flows.instructions import markdown

COMMAND = [sys.executable, "-m", "alembert"]


def _start(
    *arguments: str, stdout: int | IO[bytes] = subprocess.PIPE, **environment: str
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


# How each writes is another: bytes, a table, the parser's own, a file's name.
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["registers", "--format", "c"], 1),
        (["presets"], 1),
        (["--help"], 1),
        (["instructions", "--output", "-"], 2),
    ],
    ids=["bytes", "table", "help", "file"],
)
def test_a_full_disk(arguments: list[str], code: int) -> None:
    with open("/dev/full", "wb") as full, _start(*arguments, stdout=full) as process:
        _, errors = process.communicate()
    assert process.returncode == code
    where = b"standard output" if code == 1 else b"cannot write to /dev/stdout"
    assert errors == b"error: " + where + b": No space left on device\n"


def test_who_reads_has_gone() -> None:
    """The process ends as others do, and says nothing."""
    reading, writing = os.pipe()
    os.close(reading)
    with _start("presets", stdout=writing) as process:
        os.close(writing)
        _, errors = process.communicate()
    assert (process.returncode, errors) == (-signal.SIGPIPE, b"")


def test_output_that_is_closed() -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "presets"], stderr=subprocess.PIPE
    ) as process:
        _, errors = process.communicate()
    assert (process.returncode, errors) == (1, b"error: standard output: Bad file descriptor\n")


def test_a_terminal_without_the_signs() -> None:
    """Reports say what they can; what is a file is UTF-8, as it is in a file."""
    with _start("presets", PYTHONIOENCODING="ascii") as process:
        output, errors = process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert b" 16 x 16 " in output
    with _start("instructions", PYTHONIOENCODING="ascii") as process:
        output, errors = process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert output == markdown().encode("utf-8")
    assert not output.isascii()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["^C", "terminated"]
)
def test_interrupted(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """While a machine is made, of whose parts Amaranth would say that they are not used."""
    with _start("generate", "--preset", "edge16", "--output", str(tmp_path)) as process:
        while not (tmp_path / "edge16").is_dir():
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(number)
        output, errors = process.communicate()
    assert (process.returncode, output) == (code, b"")
    assert errors.count(b"\n") <= 2  # the progress bar
    assert b"Verilog" in errors or not errors
    assert list((tmp_path / "edge16").iterdir()) == []
