"""What the compiler refuses."""

from __future__ import annotations

__all__ = ["CompileError"]


class CompileError(ValueError):
    """A model that a machine cannot run: the message names the rule and what broke it."""
