"""``python -m alembert`` is the same as ``alembert``."""

from .cli import main

if __name__ == "__main__":
    main()
