"""The command as a process: its streams, its signals, and how it ends whatever happens to it.

========  ==========================================================================
code      when
========  ==========================================================================
0         all is done
1         a tool failed, what it checked is wrong, or the output cannot be written
2         what was asked for cannot be
130       it was interrupted (^C); 143: it was terminated
by SIGPIPE  who read the output has closed it: nothing is said, as other tools do
========  ==========================================================================
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["PLAIN", "run"]

PLAIN = "alembert.plain"
"""Name of an error handler for text in an encoding that lacks some signs: others stand for them."""

_INTERRUPTED = 128 + signal.SIGINT
_PLAIN = {"×": "x", "…": "~", "–": "-", "−": "-", "—": "-", "←": "<", "→": ">", "·": "."}


class _Output(io.FileIO):
    """Standard output, whose errors bear its name."""

    NAME = "standard output"

    def write(self, data: Buffer, /) -> int | None:
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.NAME) from error


def run(app: Callable[[], object]) -> int:
    """Run a command line; its exit code.

    Parameters
    ----------
    app : callable
        Parses the arguments, and raises SystemExit to end.
    """
    _prepare()
    try:
        code = _code_of(app)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        parts = [error.filename, error.strerror or error]
        with contextlib.suppress(OSError):  # nothing is left to say it to
            print("error", *(part for part in parts if part), sep=": ", file=sys.stderr)
        if error.filename == _Output.NAME:
            # what it still holds is let go, or Python would try again at its end, and say so
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _code_of(app: Callable[[], object]) -> int:
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _prepare() -> None:
    codecs.register_error(PLAIN, _plainly)
    encoding = "utf-8" if sys.stdout is None else sys.stdout.encoding
    # closed, it fails when something is written, and no file takes its number
    descriptor = os.open(os.devnull, os.O_RDONLY) if sys.stdout is None else sys.stdout.fileno()
    output = _Output(descriptor, "wb", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=encoding,
        errors=PLAIN,
        line_buffering=output.isatty(),
    )
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors=PLAIN)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, _terminate),
    ):
        if signal.getsignal(number) is signal.SIG_DFL:  # and not ignored, as in the background
            signal.signal(number, handler)
    # Amaranth's, of what an interrupted or failed command leaves unfinished: no news
    warnings.filterwarnings("ignore", ".* created but never used")


def _terminate(number: int, _: FrameType | None) -> None:
    """Ends as by ^C: nothing unfinished is left behind."""
    raise SystemExit(128 + number)


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    """Signs that an encoding lacks as those that it has, and bytes of file names as they are."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    sign = error.object[error.start]
    if "\udc80" <= sign <= "\udcff":
        return bytes([ord(sign) - 0xDC00]), error.start + 1
    return _PLAIN.get(sign, "?"), error.start + 1
