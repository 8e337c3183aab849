"""The ``alembert`` command; ``python -m alembert`` is the same."""

from __future__ import annotations

import signal

__all__ = ["main"]


def main() -> None:
    """Entry point of the ``alembert`` command."""
    # ^C while modules are loaded ends the process at once; there is nothing yet to clean up
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .cli import main as run

    run()


if __name__ == "__main__":
    main()
