"""What the compiler refuses, and what it warns of."""

from __future__ import annotations

__all__ = ["CompileError", "SaturationWarning"]


class CompileError(ValueError):
    """A model that a machine cannot run: the message names the rule and what broke it."""


class SaturationWarning(UserWarning):
    """Values of the calibration leave the range of a machine's numbers: the message names the
    layer, the channel or head, and both ranges. Such values are clamped."""
