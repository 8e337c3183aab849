"""What every parameter object asks of its fields."""

from __future__ import annotations

__all__ = ["require_between", "require_int"]


def require_int(name: str, value: object) -> None:
    """Raise TypeError unless ``value`` is an int, and no bool; the message names it."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, not {value!r}")


def require_between(name: str, value: int, low: int, high: int) -> None:
    """Raise unless ``value`` is an int in low…high; the message names the rule and the value.

    Raises
    ------
    TypeError
        It is not an int.
    ValueError
        It is out of the range.
    """
    require_int(name, value)
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low} and {high}, not {value}")
