"""What goes wrong in a flow: a missing tool, or a tool that failed."""

from __future__ import annotations

__all__ = ["FlowError", "tail"]


class FlowError(RuntimeError):
    """A tool is missing, or it failed; the message names it and ends with the tail of its log."""


def tail(text: str, lines: int = 20) -> str:
    """The last lines of a log."""
    return "\n".join(text.rstrip().splitlines()[-lines:])
