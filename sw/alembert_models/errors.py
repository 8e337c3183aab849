"""What is refused as a packed model."""

from __future__ import annotations

__all__ = ["PackedModelError"]


class PackedModelError(ValueError):
    """A folder that is no packed model, or something that is not in it; the message is one line."""
